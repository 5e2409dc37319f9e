package dev.sotto.participant.agent;

import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.PrivacyLedger;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.privacy.DpSgd;
import java.io.IOException;
import java.util.Optional;

/// What an organisation has to train with, and one round's training with it: [LocalTraining], except where the
/// cost of everything else is measured.
///
/// One training at a time; what it is asked besides may be asked by another thread meanwhile.
public interface Training extends AutoCloseable {
    /// Of the base model.
    LlamaConfig config();

    /// How many examples there are.
    long examples();

    /// Why a plan cannot be followed with this model and these data, or nothing.
    Optional<String> refuses(TrainingPlan plan);

    /// What a round's training costs of the privacy of the examples.
    ///
    /// @throws IOException if its plan cannot be followed
    PrivacyLedger.Training cost(RoundOpened round, Policy.Privacy privacy) throws IOException;

    /// Trains as the round's plan says, from `start`. Another attempt at the same round draws other examples:
    /// an update that was spent is never made again (protocol §5).
    ///
    /// @param publicSeed of the federation
    /// @param rank       of this organisation's part of the adapter
    /// @param ownControl SCAFFOLD's c_k, if there is one
    /// @param privacy    of this training alone, if it is to be private
    LocalUpdate train(
            RoundOpened round,
            Bytes publicSeed,
            ModelVersion start,
            int rank,
            Optional<float[]> ownControl,
            Optional<DpSgd> privacy,
            Trainer.Progress progress)
            throws IOException;

    /// Lets go of the model.
    @Override
    void close();
}

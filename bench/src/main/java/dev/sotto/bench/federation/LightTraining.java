package dev.sotto.bench.federation;

import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.participant.agent.Training;
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
import java.io.InterruptedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/// Training that computes nothing: it takes as long as it is told to, without a processor, and gives an update of
/// small random numbers, the same in every run.
///
/// @param seed  of its numbers
/// @param takes how long a training waits, as if a GPU worked
record LightTraining(LlamaConfig config, long seed, Duration takes) implements Training {
    private static final long EXAMPLES = 64;
    private static final long TOKENS = 4096;
    /// Of one coordinate's step over the learning rate: half of what the first range allows.
    private static final double SMALL = 0.5;

    @Override
    public long examples() {
        return EXAMPLES;
    }

    @Override
    public Optional<String> refuses(TrainingPlan plan) {
        return Optional.empty();
    }

    @Override
    public PrivacyLedger.Training cost(RoundOpened round, Policy.Privacy privacy) {
        throw new IllegalStateException("members without training have no differential privacy");
    }

    @Override
    public LocalUpdate train(
            RoundOpened round,
            Bytes publicSeed,
            ModelVersion start,
            int rank,
            Optional<float[]> ownControl,
            Optional<DpSgd> privacy,
            Trainer.Progress progress)
            throws IOException {
        try {
            Thread.sleep(takes);
        } catch (InterruptedException e) {
            throw new InterruptedIOException("the member ends");
        }
        return new LocalUpdate(
                Map.of(
                        LocalUpdate.ADAPTER,
                        delta(
                                start.adapter().length,
                                round.round(),
                                round.plan().learningRate())),
                Optional.empty(),
                1,
                TOKENS);
    }

    /// What this member's training in a round gives.
    float[] delta(int coordinates, long round, double learningRate) {
        SplittableRandom random = new SplittableRandom(seed * 1_000_003 + round);
        float[] delta = new float[coordinates];
        float most = (float) (SMALL * learningRate);
        for (int i = 0; i < coordinates; i += 2) {
            // One draw for two: what is measured is not this.
            long draw = random.nextLong();
            delta[i] = most * (int) draw / Integer.MAX_VALUE;
            if (i + 1 < coordinates) {
                delta[i + 1] = most * (int) (draw >> Integer.SIZE) / Integer.MAX_VALUE;
            }
        }
        return delta;
    }

    @Override
    public void close() {
        // Nothing is held.
    }
}

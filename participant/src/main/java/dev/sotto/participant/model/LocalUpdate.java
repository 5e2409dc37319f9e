package dev.sotto.participant.model;

import dev.sotto.algorithms.ClientStep;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.djl.Coordinates;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.SharedAdapter;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.privacy.DpSgd;
import java.util.Map;
import java.util.Optional;

/// What one member's training in one round gives, by the round's algorithm.
///
/// @param vectors     Δ of `adapter`, and with SCAFFOLD c_k⁺ − c_k of `control`
/// @param nextControl c_k⁺, which becomes c_k if the member survives
/// @param meanLoss    over the local steps
/// @param tokens      that carried loss
public record LocalUpdate(Map<String, float[]> vectors, Optional<float[]> nextControl, double meanLoss, long tokens) {
    /// The vector of the adapter's differences.
    public static final String ADAPTER = "adapter";

    /// Trains from `start`.
    ///
    /// @param shared     what is shared of the adapter; which part RoLoRA trains follows from the version's number
    /// @param ownControl c_k, or nothing if the member has none: then the server's c stands in
    /// @param proximalMu of FedProx, 0 in every other algorithm
    public static LocalUpdate train(
            Model model,
            LoraConfig lora,
            SharedAdapter shared,
            ModelVersion start,
            TrainingSet<?> data,
            Trainer.Plan plan,
            ServerOptimizer optimizer,
            double proximalMu,
            Optional<float[]> ownControl,
            Trainer.Progress progress) {
        return train(
                model,
                lora,
                shared,
                start,
                lora.rank(),
                data,
                plan,
                Optional.empty(),
                optimizer,
                proximalMu,
                ownControl,
                progress);
    }

    /// The same, with differential privacy or without. What FedProx and SCAFFOLD do besides is made of what is
    /// private already; loss and tokens are not private.
    ///
    /// @param rank of this member's part of the adapter, where members have different ones
    public static LocalUpdate train(
            Model model,
            LoraConfig lora,
            SharedAdapter shared,
            ModelVersion start,
            int rank,
            TrainingSet<?> data,
            Trainer.Plan plan,
            Optional<DpSgd> privacy,
            ServerOptimizer optimizer,
            double proximalMu,
            Optional<float[]> ownControl,
            Trainer.Progress progress) {
        return of(
                shared,
                start,
                rank,
                optimizer,
                proximalMu,
                ownControl,
                plan.steps(),
                plan.learningRate(),
                (round, from, correction) ->
                        Trainer.train(model, lora, round, from, data, plan, privacy, correction, progress));
    }

    /// The local training itself.
    @FunctionalInterface
    public interface LocalSteps {
        /// Makes the steps.
        ///
        /// @param round      what is trained
        /// @param from       where it starts, not changed
        /// @param correction what the algorithm changes in each step
        Trainer.Result with(Coordinates round, float[] from, Correction correction);
    }

    /// What a training from `start` gives, however it is made.
    ///
    /// @param rank         of this member's part of the adapter, where members have different ones
    /// @param steps        that it makes
    /// @param learningRate of each
    public static LocalUpdate of(
            SharedAdapter shared,
            ModelVersion start,
            int rank,
            ServerOptimizer optimizer,
            double proximalMu,
            Optional<float[]> ownControl,
            int steps,
            double learningRate,
            LocalSteps training) {
        float[] global = start.adapter();
        SharedAdapter.Round round = shared.round(start.version(), global, rank);
        if (!optimizer.hasControl()) {
            float[] from = round.start();
            Correction correction = proximalMu > 0 ? Correction.proximal(from, proximalMu) : Correction.NONE;
            Trainer.Result result = training.with(round, from, correction);
            return new LocalUpdate(
                    Map.of(ADAPTER, difference(round.end(result.adapter()), global)),
                    Optional.empty(),
                    result.meanLoss(),
                    result.tokens());
        }
        float[] c = start.optimiser().getFirst();
        float[] own = ownControl.orElse(c);
        Trainer.Result result = training.with(round, global, Correction.controlled(c, own));
        float[] next = ClientStep.nextControl(global, result.adapter(), c, own, steps, learningRate);
        return new LocalUpdate(
                Map.of(ADAPTER, difference(result.adapter(), global), NextLayout.CONTROL, difference(next, own)),
                Optional.of(next),
                result.meanLoss(),
                result.tokens());
    }

    private static float[] difference(float[] after, float[] before) {
        float[] difference = new float[after.length];
        for (int i = 0; i < difference.length; i++) {
            difference[i] = after[i] - before[i];
        }
        return difference;
    }
}

package dev.sotto.participant.model;

import dev.sotto.algorithms.ClientStep;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
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
    /// @param ownControl c_k, or nothing if the member has none: then the server's c stands in
    /// @param proximalMu of FedProx, 0 in every other algorithm
    public static LocalUpdate train(
            Model model,
            LoraConfig lora,
            ModelVersion start,
            TrainingSet<?> data,
            Trainer.Plan plan,
            ServerOptimizer optimizer,
            double proximalMu,
            Optional<float[]> ownControl,
            Trainer.Progress progress) {
        return of(
                start,
                optimizer,
                proximalMu,
                ownControl,
                plan.steps(),
                plan.learningRate(),
                correction -> Trainer.train(model, lora, start.adapter(), data, plan, correction, progress));
    }

    /// The local training itself.
    @FunctionalInterface
    public interface LocalSteps {
        /// Makes the steps with what the algorithm changes in them.
        Trainer.Result with(Correction correction);
    }

    /// What a training from `start` gives, however it is made.
    ///
    /// @param steps        that it makes
    /// @param learningRate of each
    public static LocalUpdate of(
            ModelVersion start,
            ServerOptimizer optimizer,
            double proximalMu,
            Optional<float[]> ownControl,
            int steps,
            double learningRate,
            LocalSteps training) {
        float[] global = start.adapter();
        if (!optimizer.hasControl()) {
            Trainer.Result result =
                    training.with(proximalMu > 0 ? Correction.proximal(global, proximalMu) : Correction.NONE);
            return new LocalUpdate(
                    Map.of(ADAPTER, difference(result.adapter(), global)),
                    Optional.empty(),
                    result.meanLoss(),
                    result.tokens());
        }
        float[] c = start.optimiser().getFirst();
        float[] own = ownControl.orElse(c);
        Trainer.Result result = training.with(Correction.controlled(c, own));
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

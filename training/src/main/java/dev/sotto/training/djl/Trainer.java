package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Sampler;
import java.util.List;

/// Supervised fine-tuning of an adapter for a fixed number of steps, with fresh AdamW state, as every
/// client of OpenFedLLM does in every round. The same seed gives the same bits on the same machine.
public final class Trainer {
    private Trainer() {}

    /// What to do.
    ///
    /// @param steps        at least 1
    /// @param batchSize    sequences per step
    /// @param learningRate constant within the call
    /// @param weightDecay  decoupled
    /// @param clipNorm     largest gradient norm
    /// @param seed         decides the order of the data
    public record Plan(int steps, int batchSize, double learningRate, double weightDecay, double clipNorm, long seed) {}

    /// What came of it.
    ///
    /// @param adapter  the new vector
    /// @param meanLoss over the steps
    /// @param tokens   that carried loss
    @SuppressWarnings("ArrayRecordComponent")
    public record Result(float[] adapter, double meanLoss, long tokens) {}

    /// Hears of every step. Returning false stops the training there.
    @FunctionalInterface
    public interface Progress {
        /// After step `step` of `steps`, from 1.
        boolean step(int step, int steps, double loss);
    }

    /// Trains from `start`, which is not changed.
    public static Result train(
            Model model, LoraConfig lora, float[] start, List<Batch.Sequence> data, Plan plan, Progress progress) {
        return train(model, lora, start, data, plan, Correction.NONE, progress);
    }

    /// Trains from `start`, which is not changed, as a client of a federated algorithm.
    public static Result train(
            Model model,
            LoraConfig lora,
            float[] start,
            List<Batch.Sequence> data,
            Plan plan,
            Correction correction,
            Progress progress) {
        float[] adapter = start.clone();
        AdamW optimiser = new AdamW(adapter.length);
        Sampler<Batch.Sequence> sampler = new Sampler<>(data, plan.seed());
        double total = 0;
        long tokens = 0;
        int step = 0;
        boolean on = true;
        while (on && step < plan.steps()) {
            Batch batch =
                    Batch.of(sampler.next(plan.batchSize()), model.config().padToken());
            Model.Gradient made = model.gradient(batch, lora, adapter);
            correction.gradient(made.gradient(), adapter);
            optimiser.step(adapter, made.gradient(), plan.learningRate(), plan.weightDecay(), plan.clipNorm());
            correction.stepped(adapter, plan.learningRate());
            total += made.loss();
            tokens += batch.counted();
            step++;
            on = progress.step(step, plan.steps(), made.loss());
        }
        return new Result(adapter, total / step, tokens);
    }
}

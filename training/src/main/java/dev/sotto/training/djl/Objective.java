package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// What training makes small: a weighted mean over examples, which can be added up in parts.
///
/// @param <T> an example
public sealed interface Objective<T> {
    /// The rows that an example or several are computed with.
    Batch batch(List<T> examples, int padToken);

    /// What these examples count for in the mean.
    int weight(List<T> examples);

    /// Σ weight × loss ÷ `total` over these examples, and its gradient by the adapter.
    ///
    /// @param total weight of all parts of the mean, more than 0
    /// @param seed  decides what dropout sets to zero
    Model.Gradient part(Model model, LoraConfig lora, float[] adapter, List<T> examples, double total, long seed);

    /// Supervised fine-tuning: the cross entropy of the positions that carry loss; every position counts 1.
    record Supervised() implements Objective<Batch.Sequence> {
        @Override
        public Batch batch(List<Batch.Sequence> examples, int padToken) {
            return Batch.of(examples, padToken);
        }

        @Override
        public int weight(List<Batch.Sequence> examples) {
            return batch(examples, 0).counted();
        }

        @Override
        public Model.Gradient part(
                Model model, LoraConfig lora, float[] adapter, List<Batch.Sequence> examples, double total, long seed) {
            Batch batch = batch(examples, model.config().padToken());
            float[] derivative = new float[batch.counted()];
            Arrays.fill(derivative, (float) (-1 / total));
            Model.Pass pass = model.pass(batch, null, lora, adapter, seed, _ -> derivative);
            double sum =
                    Arrays.stream(Model.byRow(batch, pass.logProbabilities())).sum();
            return new Model.Gradient(-sum / total, pass.gradient());
        }
    }

    /// An answer that is preferred to another.
    ///
    /// @param chosen   the better one, after its prompt
    /// @param rejected the other, after the same prompt
    record Preference(Batch.Sequence chosen, Batch.Sequence rejected) {}

    /// Direct preference optimisation (Rafailov et al., 2023, equation 7): −log σ(β (Δ − Δ_ref)), Δ the
    /// difference of the log-probabilities of chosen and rejected response, summed over their tokens. The
    /// reference is the base model, the adapter switched off. Every pair counts 1.
    ///
    /// @param beta more than 0
    record DirectPreference(double beta) implements Objective<Preference> {
        /// Checks β.
        public DirectPreference {
            if (!(beta > 0)) {
                throw new IllegalArgumentException("beta is " + beta + ", must be more than 0");
            }
        }

        /// The chosen answers, then the rejected ones.
        @Override
        public Batch batch(List<Preference> examples, int padToken) {
            return Batch.of(
                    Stream.concat(
                                    examples.stream().map(Preference::chosen),
                                    examples.stream().map(Preference::rejected))
                            .toList(),
                    padToken);
        }

        @Override
        public int weight(List<Preference> examples) {
            return examples.size();
        }

        @Override
        public Model.Gradient part(
                Model model, LoraConfig lora, float[] adapter, List<Preference> examples, double total, long seed) {
            Batch batch = batch(examples, model.config().padToken());
            double[] reference = model.logProbabilities(batch);
            List<Double> losses = new ArrayList<>();
            Model.Pass pass = model.pass(batch, null, lora, adapter, seed, logProbabilities -> {
                double[] policy = Model.byRow(batch, logProbabilities.get());
                double[] byRow = new double[policy.length];
                int pairs = examples.size();
                for (int i = 0; i < pairs; i++) {
                    double z = beta * (policy[i] - policy[pairs + i] - (reference[i] - reference[pairs + i]));
                    losses.add((Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z)))) / total);
                    byRow[i] = -beta / (1 + Math.exp(z)) / total;
                    byRow[pairs + i] = -byRow[i];
                }
                return byPosition(batch, byRow);
            });
            return new Model.Gradient(losses.stream().mapToDouble(loss -> loss).sum(), pass.gradient());
        }

        private static float[] byPosition(Batch batch, double[] byRow) {
            long[] rows = Decoder.Counted.of(batch).rows();
            float[] values = new float[rows.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) byRow[(int) (rows[i] / batch.tokens()[0].length)];
            }
            return values;
        }
    }
}

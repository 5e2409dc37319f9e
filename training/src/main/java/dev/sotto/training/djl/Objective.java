package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// What training makes small: a weighted mean over examples, which can be added up in parts.
///
/// @param <T> an example
public sealed interface Objective<T> {
    /// The rows that examples are computed with.
    Batch batch(List<T> examples, int padToken);

    /// What these examples count for in the mean.
    int weight(List<T> examples);

    /// Σ weight × loss ÷ `total` over these examples, and its gradient by the adapter.
    ///
    /// @param total weight of all parts of the mean, more than 0
    /// @param seed  decides what dropout sets to zero
    Model.Gradient part(Model model, LoraConfig lora, float[] adapter, List<T> examples, double total, long seed);

    /// How examples become rows of tokens.
    ///
    /// @param <T> an example
    @FunctionalInterface
    interface Rows<T> {
        /// One sequence a row, padded on the right.
        Rows<Batch.Sequence> SEQUENCES = Batch::of;

        /// The rows.
        Batch batch(List<T> examples, int padToken);

        /// Which sequences share a row, if any do.
        default Optional<Packing> packing(List<T> examples, int padToken) {
            return Optional.empty();
        }
    }

    /// Supervised fine-tuning: the cross entropy of the positions that carry loss; every position counts 1.
    ///
    /// @param rows of the examples
    record Supervised<T>(Rows<T> rows) implements Objective<T> {
        @Override
        public Batch batch(List<T> examples, int padToken) {
            return rows.batch(examples, padToken);
        }

        @Override
        public int weight(List<T> examples) {
            return batch(examples, 0).counted();
        }

        @Override
        public Model.Gradient part(
                Model model, LoraConfig lora, float[] adapter, List<T> examples, double total, long seed) {
            int padToken = model.config().padToken();
            Batch batch = batch(examples, padToken);
            float[] derivative = new float[batch.counted()];
            Arrays.fill(derivative, (float) (-1 / total));
            Packing packing = rows.packing(examples, padToken).orElse(null);
            Model.Pass pass = model.pass(batch, packing, lora, adapter, seed, _ -> derivative);
            double sum =
                    Arrays.stream(Model.byRow(batch, pass.logProbabilities())).sum();
            return new Model.Gradient(-sum / total, pass.gradient());
        }
    }

    /// An answer that is preferred to another.
    ///
    /// @param chosen   the better one, after its prompt, which carries no loss
    /// @param rejected the other, after the same prompt
    record Preference<T>(T chosen, T rejected) {}

    /// Direct preference optimisation (Rafailov et al., 2023, equation 7): −log σ(β (Δ − Δ_ref)), Δ the
    /// difference of the log-probabilities of chosen and rejected response, summed over their tokens. The
    /// reference is the base model, the adapter switched off. Every pair counts 1.
    ///
    /// @param beta more than 0
    /// @param rows of the answers, one a row
    record DirectPreference<T>(double beta, Rows<T> rows) implements Objective<Preference<T>> {
        /// Checks β.
        public DirectPreference {
            if (!(beta > 0)) {
                throw new IllegalArgumentException("beta is " + beta + ", must be more than 0");
            }
        }

        /// The chosen answers, then the rejected ones.
        @Override
        public Batch batch(List<Preference<T>> examples, int padToken) {
            return rows.batch(
                    Stream.concat(
                                    examples.stream().map(Preference::chosen),
                                    examples.stream().map(Preference::rejected))
                            .toList(),
                    padToken);
        }

        @Override
        public int weight(List<Preference<T>> examples) {
            return examples.size();
        }

        @Override
        public Model.Gradient part(
                Model model, LoraConfig lora, float[] adapter, List<Preference<T>> examples, double total, long seed) {
            Batch batch = batch(examples, model.config().padToken());
            double[] reference = model.score(batch).logProbabilities();
            double[] losses = new double[examples.size()];
            Model.Pass pass = model.pass(batch, null, lora, adapter, seed, logProbabilities -> {
                double[] policy = Model.byRow(batch, logProbabilities.get());
                double[] byRow = new double[policy.length];
                int pairs = losses.length;
                for (int i = 0; i < pairs; i++) {
                    double z = beta * (policy[i] - policy[pairs + i] - (reference[i] - reference[pairs + i]));
                    losses[i] = Math.max(-z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
                    byRow[i] = -beta / (1 + Math.exp(z)) / total;
                    byRow[pairs + i] = -byRow[i];
                }
                return byPosition(batch, byRow);
            });
            return new Model.Gradient(Arrays.stream(losses).sum() / total, pass.gradient());
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

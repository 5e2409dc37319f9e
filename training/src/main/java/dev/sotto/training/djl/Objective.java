package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PackedBatch;
import dev.sotto.training.data.PreferenceTokens;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// What training makes small: a weighted mean over examples, which can be added up in parts.
///
/// @param <T> an example
public sealed interface Objective<T> {
    /// The rows that examples are computed with.
    Batch batch(List<T> examples, int padToken);

    /// What these examples count for in the mean.
    int weight(List<T> examples);

    /// How many tokens these examples are, without padding.
    long tokens(List<T> examples);

    /// Σ weight × loss ÷ `total` over these examples, and its gradient by the adapter.
    ///
    /// @param total weight of all parts of the mean, more than 0
    /// @param seed  decides what dropout sets to zero
    Model.Gradient part(Model model, LoraConfig lora, float[] adapter, List<T> examples, double total, long seed);

    /// Supervised fine-tuning: the cross entropy of the positions that carry loss; every position counts 1.
    record Supervised() implements Objective<Labelled> {
        @Override
        public Batch batch(List<Labelled> examples, int padToken) {
            return Batch.of(examples, padToken);
        }

        @Override
        public long tokens(List<Labelled> examples) {
            return examples.stream()
                    .mapToLong(sequence -> sequence.tokens().length)
                    .sum();
        }

        @Override
        public int weight(List<Labelled> examples) {
            return examples.stream().mapToInt(Labelled::counted).sum();
        }

        @Override
        public Model.Gradient part(
                Model model, LoraConfig lora, float[] adapter, List<Labelled> examples, double total, long seed) {
            Batch batch = batch(examples, model.config().padToken());
            return crossEntropy(batch, total, model.pass(batch, null, lora, adapter, seed, mean(batch, total)));
        }
    }

    /// The same with several sequences to a row, none of which sees another: loss and gradient are those of the
    /// sequences apart, with less padding. An example is a row, as [PackedBatch#rows] makes them.
    record Packed() implements Objective<List<Labelled>> {
        @Override
        public Batch batch(List<List<Labelled>> examples, int padToken) {
            return PackedBatch.of(examples, padToken).batch();
        }

        @Override
        public long tokens(List<List<Labelled>> examples) {
            return examples.stream()
                    .flatMap(List::stream)
                    .mapToLong(sequence -> sequence.tokens().length)
                    .sum();
        }

        @Override
        public int weight(List<List<Labelled>> examples) {
            return examples.stream()
                    .flatMap(List::stream)
                    .mapToInt(Labelled::counted)
                    .sum();
        }

        @Override
        public Model.Gradient part(
                Model model, LoraConfig lora, float[] adapter, List<List<Labelled>> examples, double total, long seed) {
            PackedBatch packed = PackedBatch.of(examples, model.config().padToken());
            Batch batch = packed.batch();
            Packing packing = new Packing(packed.positions(), packed.segments());
            return crossEntropy(batch, total, model.pass(batch, packing, lora, adapter, seed, mean(batch, total)));
        }
    }

    private static Decoder.Derivative mean(Batch batch, double total) {
        float[] derivative = new float[batch.counted()];
        Arrays.fill(derivative, (float) (-1 / total));
        return _ -> derivative;
    }

    private static Model.Gradient crossEntropy(Batch batch, double total, Model.Pass pass) {
        double sum = Arrays.stream(Model.byRow(batch, pass.logProbabilities())).sum();
        return new Model.Gradient(-sum / total, pass.gradient());
    }

    /// Direct preference optimisation (Rafailov et al., 2023, equation 7): −log σ(β (Δ − Δ_ref)), Δ the
    /// difference of the log-probabilities of chosen and rejected response, summed over their tokens. The
    /// reference is the base model, the adapter switched off. Every pair counts 1.
    ///
    /// @param beta more than 0
    record DirectPreference(double beta) implements Objective<PreferenceTokens> {
        /// Checks β.
        public DirectPreference {
            if (!(beta > 0)) {
                throw new IllegalArgumentException("beta is " + beta + ", must be more than 0");
            }
        }

        /// The chosen answers, then the rejected ones.
        @Override
        public Batch batch(List<PreferenceTokens> examples, int padToken) {
            return Batch.of(
                    Stream.of(true, false)
                            .flatMap(preferred -> examples.stream().map(pair -> pair.labelled(preferred)))
                            .toList(),
                    padToken);
        }

        @Override
        public long tokens(List<PreferenceTokens> examples) {
            return examples.stream()
                    .mapToLong(pair -> 2L * pair.prompt().length + pair.chosen().length + pair.rejected().length)
                    .sum();
        }

        @Override
        public int weight(List<PreferenceTokens> examples) {
            return examples.size();
        }

        @Override
        public Model.Gradient part(
                Model model,
                LoraConfig lora,
                float[] adapter,
                List<PreferenceTokens> examples,
                double total,
                long seed) {
            Batch batch = batch(examples, model.config().padToken());
            double[] reference = model.score(batch).logProbabilities();
            double[] losses = new double[examples.size()];
            Model.Pass pass = model.pass(batch, null, lora, adapter, seed, logProbabilities -> {
                double[] policy = Model.byRow(batch, logProbabilities.get());
                double[] margins = margins(policy, reference);
                double[] byRow = new double[policy.length];
                for (int i = 0; i < margins.length; i++) {
                    losses[i] = loss(margins[i]);
                    byRow[i] = -beta / (1 + Math.exp(margins[i])) / total;
                    byRow[margins.length + i] = -byRow[i];
                }
                return byPosition(batch, byRow);
            });
            return new Model.Gradient(Arrays.stream(losses).sum() / total, pass.gradient());
        }

        /// β (Δ − Δ_ref) of each pair: the reward of its chosen answer over that of its rejected one.
        ///
        /// @param policy    log-probabilities of the rows of [#batch]
        /// @param reference the same of the base model
        double[] margins(double[] policy, double[] reference) {
            int pairs = policy.length / 2;
            double[] margins = new double[pairs];
            for (int i = 0; i < pairs; i++) {
                margins[i] = beta * (policy[i] - policy[pairs + i] - (reference[i] - reference[pairs + i]));
            }
            return margins;
        }

        /// −log σ.
        static double loss(double margin) {
            return Math.max(-margin, 0) + Math.log1p(Math.exp(-Math.abs(margin)));
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

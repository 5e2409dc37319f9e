package dev.sotto.bench;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.Execution.Base;
import dev.sotto.training.djl.Execution.Compute;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.recipe.Corpus;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.SpecialTokens;
import dev.sotto.training.template.TextTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/// What a base in bf16, int8 or NF4 costs in quality: the same model fine-tuned on the same data with each, and
/// measured on other data.
final class Quality {
    private static final int MAX_TOKENS = 384;
    private static final LoraConfig LORA = TrainingRun.LORA;
    private static final int BATCH = 8;

    /// A way to hold the base.
    private record Held(String name, Compute compute, Base base) {}

    private static final List<Held> ALL = List.of(
            new Held("fp32", Compute.FP32, Base.PLAIN),
            new Held("bf16", Compute.BF16, Base.PLAIN),
            new Held("int8, computed in fp32", Compute.FP32, Base.INT8),
            new Held("int8, computed in bf16", Compute.BF16, Base.INT8),
            new Held("NF4, computed in fp32", Compute.FP32, Base.NF4),
            new Held("NF4, computed in bf16", Compute.BF16, Base.NF4));

    private Quality() {}

    /// Prints the table, and writes it into `training.md` of a folder, between two marks.
    ///
    /// @param arguments the page's folder, the model, a file to train on and one to measure with, the data set's
    ///   name, steps, and how many examples to measure
    static void main(String[] arguments) throws Exception {
        if (arguments.length != 7 || !Files.isDirectory(Path.of(arguments[0]))) {
            throw new IllegalArgumentException(
                    "usage: quality FOLDER MODEL TRAIN TEST DATASET STEPS EXAMPLES; FOLDER must be there");
        }
        Path checkpoint = Path.of(arguments[1]);
        int steps = Integer.parseInt(arguments[5]);
        StringBuilder table = new StringBuilder();
        table.append("""
                | base | loss before | loss after | above fp32 | perplexity after | tokens right before | after |
                |---|---|---|---|---|---|---|
                """);
        double reference = 0;
        for (Held held : ALL) {
            Execution execution = new Execution(new Device.Cpu(), held.compute, held.base, held.base != Base.PLAIN);
            try (Model model = Model.load(checkpoint, execution);
                    Tokenizer tokenizer = Tokenizer.load(checkpoint)) {
                Sequences sequences = new Sequences(
                        TextTemplate.alpaca(SpecialTokens.read(checkpoint).end()), tokenizer);
                List<Labelled> train = read(Path.of(arguments[2]), arguments[4], sequences);
                List<Labelled> all = read(Path.of(arguments[3]), arguments[4], sequences);
                List<Labelled> test = all.subList(0, Math.min(all.size(), Integer.parseInt(arguments[6])));
                float[] start = start(model);
                Score before = Score.of(model, start, test);
                float[] adapter = Trainer.train(
                                model,
                                LORA,
                                start,
                                TrainingSet.supervised(train),
                                new Trainer.Plan(steps, BATCH, 1e-3, 0, 1, 1),
                                Correction.NONE,
                                Trainer.Progress.NONE)
                        .adapter();
                Score after = Score.of(model, adapter, test);
                reference = held.equals(ALL.getFirst()) ? after.loss : reference;
                String row = String.format(
                        Locale.ROOT,
                        "| %s | %.4f | %.4f | %+.4f | %.3f | %.2f %% | %.2f %% |",
                        held.name,
                        before.loss,
                        after.loss,
                        after.loss - reference,
                        Math.exp(after.loss),
                        100 * before.right,
                        100 * after.right);
                System.err.println(row);
                table.append(row).append('\n');
            }
        }
        System.out.print(table);
        Page.write(Path.of(arguments[0]).resolve("training.md"), "quality", table.toString());
    }

    private static List<Labelled> read(Path file, String dataset, Sequences sequences) throws Exception {
        Recipe.Supervised recipe = new Recipe.Supervised(MAX_TOKENS, false);
        Corpus<Conversation> corpus = Corpus.read(recipe, List.of(file), Datasets.mapping(dataset), false);
        return recipe.labelled(corpus.loaded().examples(), sequences);
    }

    /// As PEFT starts: A uniform by its inputs, B zero.
    private static float[] start(Model model) {
        float[] adapter = new float[LORA.size(model.config())];
        SplittableRandom random = new SplittableRandom(1);
        int at = 0;
        for (LoraConfig.Matrix matrix : LORA.matrices(model.config())) {
            double bound = 1 / Math.sqrt(matrix.columns());
            for (int i = 0; i < matrix.size(); i++) {
                adapter[at++] = matrix.down() ? (float) random.nextDouble(-bound, bound) : 0;
            }
        }
        return adapter;
    }

    /// Over the tokens to predict, given all before.
    ///
    /// @param loss  mean, nats
    /// @param right the share whose most probable token is the right one
    private record Score(double loss, double right) {
        static Score of(Model model, float[] adapter, List<Labelled> examples) {
            int vocabulary = model.config().vocabulary();
            double loss = 0;
            long right = 0;
            long counted = 0;
            for (Labelled example : examples) {
                float[] logits = model.logits(new int[][] {example.tokens()}, LORA, adapter);
                for (int at = 0; at < example.targets().length; at++) {
                    int target = example.targets()[at];
                    if (target != Batch.IGNORE) {
                        int from = at * vocabulary;
                        int best = best(logits, from, vocabulary);
                        double sum = 0;
                        for (int i = from; i < from + vocabulary; i++) {
                            sum += Math.exp(logits[i] - logits[best]);
                        }
                        loss += Math.log(sum) + logits[best] - logits[from + target];
                        right += best == from + target ? 1 : 0;
                        counted++;
                    }
                }
            }
            return new Score(loss / counted, right / (double) counted);
        }

        private static int best(float[] logits, int from, int count) {
            int best = from;
            for (int i = from; i < from + count; i++) {
                best = logits[i] > logits[best] ? i : best;
            }
            return best;
        }
    }
}

package dev.sotto.training.examples;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraConfig.Matrix;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Message;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Decoding;
import dev.sotto.training.djl.EvaluatedModel;
import dev.sotto.training.djl.Evaluation;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.evaluation.LanguageModel.Prompt;
import dev.sotto.training.recipe.Corpus;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.Template;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/// From a checkpoint and a file of instructions to an adapter, what it learned, and an answer.
final class TrainAnAdapter {
    private TrainAnAdapter() {}

    /// What came of it.
    record Learned(Evaluation before, Evaluation after, String answer) {}

    // example: train
    static Learned train(Path base, Path instructions, Path adapter, String question) throws Exception {
        LoraConfig lora = new LoraConfig(8, 16, List.of("q_proj", "v_proj"));
        Template template = Template.named("alpaca", base);
        try (Model model = Model.load(base);
                Tokenizer tokenizer = Tokenizer.load(base)) {
            // Files are read record by record; a bad one ends it, with file and line.
            Corpus<?> corpus = Corpus.read(
                    new Recipe.Supervised(128, false), List.of(instructions), Datasets.mapping("default"), false);
            TrainingSet<?> data = corpus.trainingSet(
                            new Sequences(template, tokenizer), model.config().positions())
                    .orElseThrow();
            float[] start = fresh(lora, model.config(), 1);
            // 20 steps of 16 examples with AdamW: rate, weight decay, longest gradient, seed.
            Trainer.Plan plan = new Trainer.Plan(20, 16, 3e-3, 0, 1, 1);
            Trainer.Result result =
                    Trainer.train(model, lora, start, data, plan, Correction.NONE, Trainer.Progress.NONE);
            PeftFiles.Adapter trained = new PeftFiles.Adapter(lora, result.adapter());
            PeftFiles.write(adapter, base.toString(), model.config(), trained);
            Prompt prompt = new Prompt(template.prompt(List.of(Message.user(question))), template.begins());
            String answer = new EvaluatedModel(model, tokenizer, Optional.of(trained))
                    .generate(List.of(prompt), List.of(), Decoding.greedy(8))
                    .getFirst();
            return new Learned(
                    Evaluation.of(model, lora, start, data, 16),
                    Evaluation.of(model, lora, trained.vector(), data, 16),
                    answer);
        }
    }

    /// An adapter that changes nothing yet: B is 0, A is drawn.
    private static float[] fresh(LoraConfig lora, LlamaConfig config, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] vector = new float[lora.size(config)];
        int at = 0;
        for (Matrix matrix : lora.matrices(config)) {
            double bound = 1 / Math.sqrt(matrix.columns());
            for (long i = 0; i < matrix.size(); i++, at++) {
                vector[at] = matrix.down() ? (float) random.nextDouble(-bound, bound) : 0;
            }
        }
        return vector;
    }
    // end
}

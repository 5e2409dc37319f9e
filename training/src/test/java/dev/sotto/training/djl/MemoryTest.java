package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.TargetModules;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Native memory does not grow with the number of calls.
class MemoryTest {
    private static final LoraConfig LORA = new LoraConfig(2, 4, 0.1, false, TargetModules.ALL_LINEAR);

    @TempDir
    private Path folder = Path.of("");

    /// The smallest decoder that has every part: one layer, two heads of four.
    private Model tiny(boolean checkpointing) throws Exception {
        Files.writeString(folder.resolve("config.json"), """
                {"model_type": "qwen3", "vocab_size": 16, "hidden_size": 8, "intermediate_size": 8,
                 "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
                 "max_position_embeddings": 8, "rms_norm_eps": 1e-6, "tie_word_embeddings": true}
                """);
        SplittableRandom random = new SplittableRandom(1);
        Map<String, Safetensors.Tensor> weights = new LinkedHashMap<>();
        LlamaConfig.read(folder).weights().forEach((name, shape) -> {
            float[] values = new float[shape.stream().reduce(1, (a, b) -> a * b)];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            weights.put(name, new Safetensors.Tensor(shape, values));
        });
        Safetensors.write(folder.resolve("model.safetensors"), weights);
        return Model.load(folder, References.execution(Execution.Compute.FP32, Execution.Base.PLAIN, checkpointing));
    }

    private void assertFlat(Model model, int steps) {
        TrainingSet<Labelled> data =
                TrainingSet.supervised(List.of(Labelled.after(1, 1, 2, 3, 4), Labelled.after(1, 5, 6, 7)));
        TreeSet<Integer> counts = new TreeSet<>();
        Trainer.train(
                model,
                LORA,
                new float[LORA.size(model.config())],
                data,
                new Trainer.Plan(steps, 1, 1e-3, 0, 1, 1),
                Correction.NONE,
                step -> {
                    if (step.number() > 1) {
                        counts.add(model.openArrays());
                    }
                    return true;
                });
        assertThat(counts).hasSize(1);
    }

    @Test
    void train_twoThousandSteps_leavesNoArrayOpen() throws Exception {
        try (Model model = tiny(false)) {
            assertFlat(model, 2000);
        }
        try (Model model = tiny(true)) {
            assertFlat(model, 100);
        }
    }

    @Test
    void generateAndScore_again_leaveNoArrayOpen() throws Exception {
        try (Model model = tiny(false)) {
            TreeSet<Integer> counts = new TreeSet<>();
            for (int i = 0; i < 50; i++) {
                model.generate(List.of(new int[] {1, 2}, new int[] {3}), Decoding.greedy(4));
                model.score(new Batch(new int[][] {{1, 2}}, new int[][] {{2, 3}}));
                if (i > 0) {
                    counts.add(model.openArrays());
                }
            }
            assertThat(counts).hasSize(1);
        }
    }
}

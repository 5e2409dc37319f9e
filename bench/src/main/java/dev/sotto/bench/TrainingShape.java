package dev.sotto.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// A decoder that [Training] measures, and the batch that it measures it with.
///
/// @param name   what `--shapes` calls it
/// @param family `llama` or `qwen2`, which has biases
/// @param rows   of a batch
/// @param tokens of a row
record TrainingShape(
        String name,
        String family,
        int hidden,
        int intermediate,
        int layers,
        int heads,
        int keyHeads,
        int vocabulary,
        int rows,
        int tokens) {
    /// From four million parameters to half a thousand million. The last is Qwen2.5-0.5B, the second SmolLM-135M.
    static final List<TrainingShape> ALL = List.of(
            new TrainingShape("256x4", "llama", 256, 768, 4, 4, 4, 4_096, 8, 128),
            new TrainingShape("smollm-135m", "llama", 576, 1_536, 30, 9, 3, 49_152, 4, 128),
            new TrainingShape("1024x12", "llama", 1_024, 2_816, 12, 16, 8, 32_000, 4, 128),
            new TrainingShape("qwen2.5-0.5b", "qwen2", 896, 4_864, 24, 14, 2, 151_936, 2, 128));

    /// Those of a comma-separated list.
    ///
    /// @throws IllegalArgumentException naming the one that is none of them
    static List<TrainingShape> named(String list) {
        return Arrays.stream(list.split(","))
                .map(name -> ALL.stream()
                        .filter(shape -> shape.name.equals(name))
                        .findFirst()
                        .orElseThrow(() -> new IllegalArgumentException("shape '" + name + "', must be one of "
                                + ALL.stream().map(TrainingShape::name).toList())))
                .toList();
    }

    /// Writes a checkpoint with random weights: norms 1, all else normal with deviation 0.02.
    LlamaConfig write(Path folder, Safetensors.Type type) throws IOException, InvalidFile {
        Files.createDirectories(folder);
        ObjectMapper json = new ObjectMapper();
        ObjectNode config = json.createObjectNode();
        config.putArray("architectures").add(family.equals("qwen2") ? "Qwen2ForCausalLM" : "LlamaForCausalLM");
        config.put("model_type", family);
        config.put("hidden_act", "silu");
        config.put("hidden_size", hidden);
        config.put("intermediate_size", intermediate);
        config.put("num_hidden_layers", layers);
        config.put("num_attention_heads", heads);
        config.put("num_key_value_heads", keyHeads);
        config.put("max_position_embeddings", 2_048);
        config.put("rms_norm_eps", 1e-6);
        config.put("rope_theta", 10_000.0);
        config.put("tie_word_embeddings", true);
        config.put("vocab_size", vocabulary);
        config.put("bos_token_id", 0);
        config.put("eos_token_id", 1);
        Files.writeString(folder.resolve("config.json"), json.writeValueAsString(config));
        LlamaConfig read = LlamaConfig.read(folder);
        SplittableRandom random = new SplittableRandom(1);
        Map<String, Safetensors.Written> weights = new LinkedHashMap<>();
        read.weights()
                .forEach((weight, shape) ->
                        weights.put(weight, new Safetensors.Written(type, shape, () -> values(shape, random))));
        Safetensors.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), weights);
        return read;
    }

    private static float[] values(List<Integer> shape, SplittableRandom random) {
        float[] values = new float[shape.stream().reduce(1, Math::multiplyExact)];
        for (int i = 0; i < values.length; i++) {
            values[i] = shape.size() == 1 ? 1 : (float) (0.02 * random.nextGaussian());
        }
        return values;
    }
}

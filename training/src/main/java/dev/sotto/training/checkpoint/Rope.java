package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/// Rotary position embedding (Su et al., 2021) in Hugging Face's half-split form.
///
/// @param theta   base of the frequencies
/// @param scaling how they are changed for longer contexts
public record Rope(double theta, Scaling scaling) {
    /// How frequencies are changed.
    public sealed interface Scaling {}

    /// Not at all.
    public record Unscaled() implements Scaling {}

    /// Every position divided by `factor` (Chen et al., 2023).
    public record Linear(double factor) implements Scaling {}

    /// Llama 3.1's: long waves divided by `factor`, short ones kept, those between blended.
    ///
    /// @param low       waves longer than originalPositions/low are long
    /// @param high      waves shorter than originalPositions/high are short; more than `low`
    /// @param positions longest sequence of the first pretraining
    public record Llama3(double factor, double low, double high, int positions) implements Scaling {}

    private static final Map<String, Set<String>> KEYS = Map.of(
            "default",
            Set.of(),
            "linear",
            Set.of("factor"),
            "llama3",
            Set.of("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"));

    static Rope read(Path file, JsonNode json) throws InvalidFile {
        String key = json.path("rope_parameters").isObject() ? "rope_parameters" : "rope_scaling";
        JsonNode rope = json.path(key);
        String type = rope.path("rope_type").asText(rope.path("type").asText("default"));
        Set<String> keys = KEYS.get(type);
        if (keys == null) {
            throw new InvalidFile(
                    file, key + ".rope_type is '" + type + "', must be " + LlamaConfig.among(KEYS.keySet()));
        }
        for (Map.Entry<String, JsonNode> entry : rope.properties()) {
            String name = entry.getKey();
            boolean neutral = entry.getValue().isNull()
                    || (name.equals("partial_rotary_factor") && entry.getValue().asDouble() == 1);
            if (!neutral
                    && !keys.contains(name)
                    && !Set.of("rope_type", "type", "rope_theta").contains(name)) {
                throw new InvalidFile(
                        file,
                        key + "." + name + " is " + entry.getValue() + ", which rope_type '" + type + "' has not");
            }
        }
        double theta = LlamaConfig.number(file, rope.has("rope_theta") ? rope : json, "rope_theta", 10_000);
        return new Rope(
                theta,
                switch (type) {
                    case "linear" -> new Linear(LlamaConfig.number(file, rope, "factor", -1));
                    case "llama3" -> llama3(file, rope);
                    default -> new Unscaled();
                });
    }

    private static Llama3 llama3(Path file, JsonNode rope) throws InvalidFile {
        double low = LlamaConfig.number(file, rope, "low_freq_factor", -1);
        double high = LlamaConfig.number(file, rope, "high_freq_factor", -1);
        if (high <= low) {
            throw new InvalidFile(file, "high_freq_factor is " + high + ", must be more than low_freq_factor, " + low);
        }
        return new Llama3(
                LlamaConfig.number(file, rope, "factor", -1),
                low,
                high,
                LlamaConfig.positive(file, rope, "original_max_position_embeddings", Integer.MAX_VALUE, -1));
    }

    /// The cosines, then the sines, of every position: 2 × `positions` × `headSize`, row-major. Angles are
    /// products of binary32 numbers, as in transformers.
    public float[] table(int positions, int headSize) {
        float[] frequencies = frequencies(headSize);
        float[] table = new float[2 * positions * headSize];
        for (int t = 0; t < positions; t++) {
            for (int i = 0; i < headSize; i++) {
                float angle = t * frequencies[i % frequencies.length];
                table[t * headSize + i] = (float) Math.cos(angle);
                table[(positions + t) * headSize + i] = (float) Math.sin(angle);
            }
        }
        return table;
    }

    private float[] frequencies(int headSize) {
        float[] frequencies = new float[headSize / 2];
        for (int i = 0; i < frequencies.length; i++) {
            double plain = 1 / Math.pow(theta, 2.0 * i / headSize);
            frequencies[i] = (float)
                    switch (scaling) {
                        case Unscaled() -> plain;
                        case Linear(double factor) -> plain / factor;
                        case Llama3 llama3 -> scaled(plain, llama3);
                    };
        }
        return frequencies;
    }

    private static double scaled(double plain, Llama3 by) {
        double waves = by.positions * plain / (2 * Math.PI);
        double kept = Math.clamp((waves - by.low) / (by.high - by.low), 0, 1);
        return (1 - kept) * plain / by.factor + kept * plain;
    }
}

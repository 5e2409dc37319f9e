package dev.sotto.training.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/// Writes a checkpoint whose weights have an adapter added: W + s B A in place of W.
public final class Merge {
    private Merge() {}

    /// A pair of adapter matrices, row-major.
    @SuppressWarnings("ArrayRecordComponent")
    private record Pair(float[] down, float[] up, int rank, double scale) {
        /// W + s B A, summed in binary64.
        float[] addedTo(float[] weight) {
            int in = down.length / rank;
            double[] row = new double[in];
            for (int i = 0; i < up.length / rank; i++) {
                for (int j = 0; j < in; j++) {
                    row[j] = weight[i * in + j];
                }
                for (int k = 0; k < rank; k++) {
                    double b = scale * up[i * rank + k];
                    for (int j = 0; j < in; j++) {
                        row[j] += b * down[k * in + j];
                    }
                }
                for (int j = 0; j < in; j++) {
                    weight[i * in + j] = (float) row[j];
                }
            }
            return weight;
        }
    }

    /// Writes `output` with the files of `base`: the same shards, each tensor in the type it had, the tokenizer
    /// and the other small files copied.
    ///
    /// @param base   a checkpoint folder
    /// @param output another folder, made if it is not there
    /// @throws InvalidFile if the checkpoint is damaged, or `output` is `base`
    public static void write(Path base, PeftFiles.Adapter adapter, Path output) throws IOException, InvalidFile {
        LlamaConfig config = LlamaConfig.read(base);
        Weights weights = Weights.open(base, config);
        Files.createDirectories(output);
        if (Files.isSameFile(base, output)) {
            throw new InvalidFile(output, "is the base model itself, must be another folder");
        }
        Map<String, Pair> pairs = pairs(config, adapter);
        Map<Path, Map<String, Safetensors.Written>> shards = new LinkedHashMap<>();
        weights.all()
                .forEach((name, tensor) -> shards.computeIfAbsent(tensor.file(), _ -> new LinkedHashMap<>())
                        .put(name, new Safetensors.Written(tensor.type(), tensor.shape(), () -> {
                            Pair pair = pairs.get(name);
                            return pair == null ? tensor.values() : pair.addedTo(tensor.values());
                        })));
        for (Map.Entry<Path, Map<String, Safetensors.Written>> shard : shards.entrySet()) {
            Path file = output.resolve(Objects.requireNonNull(shard.getKey().getFileName()));
            Safetensors.write(file, Map.of("format", "pt"), shard.getValue());
        }
        copySmallFiles(base, output);
    }

    private static Map<String, Pair> pairs(LlamaConfig config, PeftFiles.Adapter adapter) {
        Map<String, float[]> downs = new HashMap<>();
        Map<String, Pair> pairs = new HashMap<>();
        int at = 0;
        // A stands before its B: the tensors are in the order of their names.
        for (LoraConfig.Matrix matrix : adapter.lora().matrices(config)) {
            float[] values = Arrays.copyOfRange(adapter.vector(), at, at + matrix.size());
            String weight = "model.layers." + matrix.layer() + "." + matrix.module() + ".weight";
            if (matrix.down()) {
                downs.put(weight, values);
            } else {
                float[] down = Objects.requireNonNull(downs.get(weight));
                pairs.put(
                        weight,
                        new Pair(
                                down,
                                values,
                                adapter.lora().rank(),
                                adapter.lora().scale()));
            }
            at += matrix.size();
        }
        return pairs;
    }

    private static void copySmallFiles(Path base, Path output) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.list(base)) {
            files = all.filter(file -> file.getFileName().toString().matches("[^.].*\\.(json|txt|model|jinja)"))
                    .toList();
        }
        for (Path file : files) {
            Path copy = output.resolve(Objects.requireNonNull(file.getFileName()));
            Files.write(copy, Files.readAllBytes(file));
        }
    }
}

package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import java.util.regex.Pattern;

/// The tensors of a checkpoint folder, mapped: `model.safetensors`, or the shards that
/// `model.safetensors.index.json` names.
public final class Weights {
    /// The index of a sharded checkpoint.
    public static final String INDEX = "model.safetensors.index.json";

    private static final String SINGLE = "model.safetensors";

    /// What a checkpoint may hold without need: the output of a tied one, and frequencies that old versions
    /// of transformers stored.
    private static final Pattern SPARE = Pattern.compile("lm_head\\.weight|.*\\.rotary_emb\\.inv_freq");

    private final Path place;
    private final Map<String, Safetensors.Mapped> tensors;

    private Weights(Path place, Map<String, Safetensors.Mapped> tensors) {
        this.place = place;
        this.tensors = tensors;
    }

    /// Maps the checkpoint's files. It must hold the tensors of `config` and no others that count.
    ///
    /// @throws InvalidFile if a file is damaged, or a tensor is missing, unknown, or of another shape
    public static Weights open(Path folder, LlamaConfig config) throws IOException, InvalidFile {
        Path index = folder.resolve(INDEX);
        Weights weights = Files.exists(index)
                ? new Weights(index, sharded(folder, index))
                : new Weights(folder.resolve(SINGLE), Safetensors.map(folder.resolve(SINGLE)));
        weights.require(config.weights());
        return weights;
    }

    private static Map<String, Safetensors.Mapped> sharded(Path folder, Path index) throws IOException, InvalidFile {
        JsonNode files = Json.object(index, "it", ByteBuffer.wrap(Files.readAllBytes(index)))
                .path("weight_map");
        Map<String, Map<String, Safetensors.Mapped>> shards = new LinkedHashMap<>();
        Map<String, Safetensors.Mapped> tensors = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : files.properties()) {
            String name = entry.getValue().asText();
            if (!name.matches("[\\w.-]+\\.safetensors")) {
                throw new InvalidFile(
                        index,
                        entry.getKey() + " is in '" + name + "', must be a .safetensors file of the same folder");
            }
            Map<String, Safetensors.Mapped> shard = shards.get(name);
            if (shard == null) {
                shard = Safetensors.map(folder.resolve(name));
                shards.put(name, shard);
            }
            Safetensors.Mapped tensor = shard.get(entry.getKey());
            if (tensor == null) {
                throw new InvalidFile(
                        folder.resolve(name), "lacks " + entry.getKey() + ", which " + INDEX + " has in it");
            }
            tensors.put(entry.getKey(), tensor);
        }
        return tensors;
    }

    private void require(Map<String, List<Integer>> shapes) throws InvalidFile {
        for (Map.Entry<String, List<Integer>> entry : shapes.entrySet()) {
            Safetensors.Mapped tensor = tensors.get(entry.getKey());
            if (tensor == null) {
                throw new InvalidFile(place, "lacks " + entry.getKey() + " of shape " + entry.getValue());
            }
            if (!tensor.shape().equals(entry.getValue())) {
                throw new InvalidFile(
                        tensor.file(),
                        entry.getKey() + " has shape " + tensor.shape() + ", must have " + entry.getValue());
            }
            if (tensor.type() == Safetensors.Type.I32) {
                throw new InvalidFile(tensor.file(), entry.getKey() + " has type I32, must be F32, BF16 or F16");
            }
        }
        TreeSet<String> unknown = new TreeSet<>(tensors.keySet());
        unknown.removeAll(shapes.keySet());
        unknown.removeIf(name -> SPARE.matcher(name).matches());
        if (!unknown.isEmpty()) {
            throw new InvalidFile(place, "holds " + unknown + ", which config.json has no place for");
        }
    }

    /// A tensor of the configuration.
    public Safetensors.Mapped get(String name) {
        return Objects.requireNonNull(tensors.get(name), name);
    }

    /// All tensors, in the order of the files.
    public Map<String, Safetensors.Mapped> all() {
        return Collections.unmodifiableMap(tensors);
    }
}

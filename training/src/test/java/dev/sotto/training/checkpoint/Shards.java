package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A checkpoint in two files with an index, as transformers shards it.
public final class Shards {
    private static final List<String> NAMES =
            List.of("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors");

    private Shards() {}

    /// Deals the tensors of `base` to the two files in turn.
    public static void write(Path base, Path folder, Safetensors.Type type) throws Exception {
        List<Map<String, Safetensors.Written>> shards = List.of(new LinkedHashMap<>(), new LinkedHashMap<>());
        ObjectMapper json = new ObjectMapper();
        ObjectNode index = json.createObjectNode();
        ObjectNode map = index.putObject("weight_map");
        int i = 0;
        for (Map.Entry<String, Safetensors.Mapped> tensor :
                Safetensors.map(base.resolve("model.safetensors")).entrySet()) {
            shards.get(i % 2)
                    .put(
                            tensor.getKey(),
                            new Safetensors.Written(type, tensor.getValue().shape(), tensor.getValue()::values));
            map.put(tensor.getKey(), NAMES.get(i++ % 2));
        }
        for (int s = 0; s < 2; s++) {
            Safetensors.write(folder.resolve(NAMES.get(s)), Map.of("format", "pt"), shards.get(s));
        }
        Files.writeString(folder.resolve(Weights.INDEX), json.writeValueAsString(index));
        Files.copy(base.resolve("config.json"), folder.resolve("config.json"));
    }
}

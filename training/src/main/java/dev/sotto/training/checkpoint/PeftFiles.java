package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// An adapter in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`.
public final class PeftFiles {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String CONFIG = "adapter_config.json";
    private static final String MODEL = "adapter_model.safetensors";

    private static final Set<String> READ = Set.of("r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules");

    /// Keys with a choice, as JSON. Other ways to initialise change the base model.
    private static final Map<String, Set<String>> ALLOWED = Map.of(
            "peft_type", Set.of("\"LORA\""),
            "task_type", Set.of("\"CAUSAL_LM\"", "null"),
            "bias", Set.of("\"none\""),
            "init_lora_weights", Set.of("true", "false", "\"gaussian\"", "\"eva\"", "\"orthogonal\""));

    /// Keys that say nothing about what the adapter computes. Any other must be empty or false.
    private static final Set<String> HARMLESS = Set.of(
            "auto_mapping",
            "base_model_name_or_path",
            "revision",
            "inference_mode",
            "peft_version",
            "megatron_core",
            "qalora_group_size",
            "eva_config",
            "runtime_config",
            "ensure_weight_tying");

    private PeftFiles() {}

    /// What such a folder holds.
    ///
    /// @param lora   its configuration
    /// @param vector its tensors in the order of their PEFT names
    @SuppressWarnings("ArrayRecordComponent")
    public record Adapter(LoraConfig lora, float[] vector) {}

    /// Writes an adapter; PEFT, vLLM and lm-eval read it.
    ///
    /// @param base what PEFT shall load the base model from
    public static void write(Path folder, String base, LlamaConfig config, Adapter adapter) throws IOException {
        Files.createDirectories(folder);
        Map<String, Safetensors.Tensor> tensors = new LinkedHashMap<>();
        int at = 0;
        for (LoraConfig.Matrix matrix : adapter.lora().matrices(config)) {
            tensors.put(
                    matrix.name(),
                    new Safetensors.Tensor(
                            List.of(matrix.rows(), matrix.columns()),
                            Arrays.copyOfRange(adapter.vector(), at, at + matrix.size())));
            at += matrix.size();
        }
        Safetensors.write(folder.resolve(MODEL), tensors);
        ObjectNode json = JSON.createObjectNode();
        json.put("peft_type", "LORA");
        json.put("task_type", "CAUSAL_LM");
        json.put("base_model_name_or_path", base);
        json.put("inference_mode", true);
        json.put("r", adapter.lora().rank());
        json.put("lora_alpha", adapter.lora().alpha());
        json.put("lora_dropout", adapter.lora().dropout());
        json.put("use_rslora", adapter.lora().rankStabilised());
        json.put("bias", "none");
        json.put("fan_in_fan_out", false);
        json.put("init_lora_weights", true);
        switch (adapter.lora().targets()) {
            case TargetModules.Names(List<String> names) -> names.forEach(json.putArray("target_modules")::add);
            case TargetModules.Matching(String regex) -> json.put("target_modules", regex);
        }
        Files.writeString(
                folder.resolve(CONFIG), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
    }

    /// Reads an adapter for a base model of this shape.
    ///
    /// @throws InvalidFile if it is another kind of adapter, or its tensors do not fit, naming the first
    ///   that does not
    public static Adapter read(Path folder, LlamaConfig config) throws IOException, InvalidFile {
        Path file = folder.resolve(CONFIG);
        LoraConfig lora;
        List<LoraConfig.Matrix> matrices;
        int size;
        try {
            lora = lora(file, Json.object(file, "it", ByteBuffer.wrap(Files.readAllBytes(file))));
            matrices = lora.matrices(config);
            size = lora.size(config);
        } catch (IllegalArgumentException e) {
            throw new InvalidFile(file, String.valueOf(e.getMessage()));
        }
        Path model = folder.resolve(MODEL);
        Map<String, Safetensors.Tensor> tensors = Safetensors.read(model);
        float[] vector = new float[size];
        int at = 0;
        for (LoraConfig.Matrix matrix : matrices) {
            Safetensors.Tensor tensor = tensors.remove(matrix.name());
            if (tensor == null || !tensor.shape().equals(List.of(matrix.rows(), matrix.columns()))) {
                throw new InvalidFile(
                        model,
                        matrix.name() + " must be there with shape [" + matrix.rows() + ", " + matrix.columns() + "]");
            }
            System.arraycopy(tensor.values(), 0, vector, at, matrix.size());
            at += matrix.size();
        }
        if (!tensors.isEmpty()) {
            throw new InvalidFile(model, "holds unknown tensors " + tensors.keySet());
        }
        return new Adapter(lora, vector);
    }

    private static LoraConfig lora(Path file, JsonNode json) throws InvalidFile {
        for (Map.Entry<String, JsonNode> entry : json.properties()) {
            String key = entry.getKey();
            JsonNode value = entry.getValue();
            Set<String> allowed = ALLOWED.get(key);
            if (allowed != null && !allowed.contains(value.toString())) {
                throw new InvalidFile(file, key + " is " + value + ", must be " + LlamaConfig.among(allowed));
            }
            if (allowed == null && !READ.contains(key) && !HARMLESS.contains(key) && !empty(value)) {
                throw new InvalidFile(file, key + " is " + value + ", which is not supported");
            }
        }
        JsonNode modules = json.path("target_modules");
        List<String> names = new ArrayList<>();
        modules.forEach(module -> names.add(module.asText()));
        TargetModules targets = !modules.isTextual()
                ? new TargetModules.Names(names)
                : modules.asText().equals("all-linear")
                        ? TargetModules.ALL_LINEAR
                        : new TargetModules.Matching(modules.asText());
        return new LoraConfig(
                json.path("r").asInt(),
                json.path("lora_alpha").asDouble(),
                json.path("lora_dropout").asDouble(0),
                json.path("use_rslora").asBoolean(false),
                targets);
    }

    private static boolean empty(JsonNode value) {
        return value.isNull()
                || (value.isBoolean() && !value.asBoolean())
                || (value.isContainerNode() && value.isEmpty());
    }
}

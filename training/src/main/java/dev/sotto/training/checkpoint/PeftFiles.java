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
import java.util.Objects;

/// An adapter in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`.
public final class PeftFiles {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String CONFIG = "adapter_config.json";
    private static final String MODEL = "adapter_model.safetensors";

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
        json.put("lora_dropout", 0.0);
        json.put("bias", "none");
        json.put("fan_in_fan_out", false);
        json.put("init_lora_weights", true);
        adapter.lora().targetModules().forEach(json.putArray("target_modules")::add);
        Files.writeString(
                folder.resolve(CONFIG), JSON.writerWithDefaultPrettyPrinter().writeValueAsString(json) + "\n");
    }

    /// Reads an adapter for a base model of this shape.
    ///
    /// @throws InvalidFile if it is another kind of adapter, or its tensors do not fit, naming the first
    ///   that does not
    public static Adapter read(Path folder, LlamaConfig config) throws IOException, InvalidFile {
        Path file = folder.resolve(CONFIG);
        JsonNode json = Json.object(file, "it", ByteBuffer.wrap(Files.readAllBytes(file)));
        for (String flag : List.of("use_dora", "use_rslora", "lora_bias")) {
            if (json.path(flag).asBoolean(false)) {
                throw new InvalidFile(file, flag + " is true, only false is supported");
            }
        }
        List<String> modules = new ArrayList<>();
        json.path("target_modules").forEach(module -> modules.add(module.asText()));
        LoraConfig lora;
        int size;
        try {
            lora = new LoraConfig(
                    json.path("r").asInt(), json.path("lora_alpha").asDouble(), modules);
            size = lora.size(config);
        } catch (IllegalArgumentException e) {
            throw new InvalidFile(file, String.valueOf(e.getMessage()));
        }
        Path model = folder.resolve(MODEL);
        Map<String, Safetensors.Tensor> tensors = Safetensors.read(model);
        List<LoraConfig.Matrix> matrices = lora.matrices(config);
        for (LoraConfig.Matrix matrix : matrices) {
            Safetensors.Tensor tensor = tensors.get(matrix.name());
            if (tensor == null || !tensor.shape().equals(List.of(matrix.rows(), matrix.columns()))) {
                throw new InvalidFile(
                        model,
                        matrix.name() + " must be there with shape [" + matrix.rows() + ", " + matrix.columns() + "]");
            }
        }
        float[] vector = new float[size];
        int at = 0;
        for (LoraConfig.Matrix matrix : matrices) {
            Safetensors.Tensor tensor = Objects.requireNonNull(tensors.remove(matrix.name()));
            System.arraycopy(tensor.values(), 0, vector, at, matrix.size());
            at += matrix.size();
        }
        if (!tensors.isEmpty()) {
            throw new InvalidFile(model, "holds unknown tensors " + tensors.keySet());
        }
        return new Adapter(lora, vector);
    }
}

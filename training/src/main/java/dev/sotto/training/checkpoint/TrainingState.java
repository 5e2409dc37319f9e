package dev.sotto.training.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Where a training stands between two steps, as a file: all that the next step depends on beside what the
/// caller gives again.
///
/// @param step    how many steps are done
/// @param adapter after them
/// @param first   AdamW's first moments
/// @param second  its second moments
/// @param loss    summed over the steps
/// @param tokens  that carried loss
@SuppressWarnings("ArrayRecordComponent")
public record TrainingState(int step, float[] adapter, float[] first, float[] second, double loss, long tokens) {
    private static final List<String> VECTORS = List.of("adapter", "first_moment", "second_moment");

    /// Replaces the file, which is whole at every moment.
    ///
    /// @param training tells this training from any other
    public void write(Path file, String training) throws IOException {
        Map<String, Safetensors.Written> tensors = new LinkedHashMap<>();
        List<float[]> vectors = List.of(adapter, first, second);
        for (int i = 0; i < VECTORS.size(); i++) {
            float[] vector = vectors.get(i);
            tensors.put(
                    VECTORS.get(i),
                    new Safetensors.Written(Safetensors.Type.F32, List.of(vector.length), () -> vector));
        }
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("training", training);
        metadata.put("step", String.valueOf(step));
        metadata.put("loss", Double.toHexString(loss));
        metadata.put("tokens", String.valueOf(tokens));
        Path next = file.resolveSibling(file.getFileName() + ".next");
        Safetensors.write(next, metadata, tensors);
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /// Reads the file.
    ///
    /// @param size how many coordinates the adapter has
    /// @throws InvalidFile if it is damaged, or of another training
    public static TrainingState read(Path file, String training, int size) throws IOException, InvalidFile {
        Map<String, String> metadata = Safetensors.metadata(file);
        if (!training.equals(metadata.get("training"))) {
            throw new InvalidFile(
                    file,
                    "is the state of another training (model, data, plan or adapter differ);"
                            + " remove it to start from the beginning");
        }
        Map<String, Safetensors.Tensor> tensors = Safetensors.read(file);
        float[][] vectors = new float[VECTORS.size()][];
        for (int i = 0; i < vectors.length; i++) {
            Safetensors.Tensor tensor = tensors.get(VECTORS.get(i));
            if (tensor == null || tensor.values().length != size) {
                throw new InvalidFile(file, "must hold " + VECTORS.get(i) + " with " + size + " values");
            }
            vectors[i] = tensor.values();
        }
        try {
            return new TrainingState(
                    Integer.parseInt(metadata.getOrDefault("step", "")),
                    vectors[0],
                    vectors[1],
                    vectors[2],
                    Double.parseDouble(metadata.getOrDefault("loss", "")),
                    Long.parseLong(metadata.getOrDefault("tokens", "")));
        } catch (NumberFormatException e) {
            throw new InvalidFile(
                    file,
                    "has step " + metadata.get("step") + ", loss " + metadata.get("loss") + ", tokens "
                            + metadata.get("tokens") + ", must be numbers");
        }
    }
}

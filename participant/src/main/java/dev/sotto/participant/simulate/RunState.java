package dev.sotto.participant.simulate;

import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.TrainingState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Where a run stands between two rounds: all that the next one depends on. As a file it is whole at every
/// moment.
///
/// @param version  whose number is the number of rounds that are done
/// @param controls c_k of SCAFFOLD, by member; those that are missing are 0
/// @param moments  of members that keep their optimisers
/// @param measured after the start and after each round
record RunState(
        ModelVersion version,
        SortedMap<String, float[]> controls,
        SortedMap<String, TrainingState> moments,
        List<Measured> measured) {
    private static final String CONTROL = "control/";
    private static final String FIRST = "first_moment/";
    private static final String SECOND = "second_moment/";
    private static final String STEPS = "steps/";
    private static final String MEASURED = "measured/";

    /// The start.
    static RunState first(ModelVersion version, Measured measured) {
        return new RunState(version, new TreeMap<>(), new TreeMap<>(), List.of(measured));
    }

    int round() {
        return Math.toIntExact(version.version());
    }

    /// Replaces the file.
    ///
    /// @param run tells this run from any other
    void write(Path file, String run) throws IOException {
        Map<String, Safetensors.Written> tensors = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("run", run);
        metadata.put("round", String.valueOf(round()));
        metadata.put("header", version.header().encode().hex());
        put(tensors, "adapter", version.adapter());
        for (int i = 0; i < version.optimiser().size(); i++) {
            put(tensors, "optimiser/" + i, version.optimiser().get(i));
        }
        controls.forEach((member, control) -> put(tensors, CONTROL + member, control));
        moments.forEach((member, own) -> {
            put(tensors, FIRST + member, own.first());
            put(tensors, SECOND + member, own.second());
            metadata.put(STEPS + member, String.valueOf(own.step()));
        });
        for (int i = 0; i < measured.size(); i++) {
            metadata.put(MEASURED + i, measured.get(i).line());
        }
        Path next = file.resolveSibling(file.getFileName() + ".next");
        Safetensors.write(next, metadata, tensors);
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static void put(Map<String, Safetensors.Written> tensors, String name, float[] vector) {
        tensors.put(name, new Safetensors.Written(Safetensors.Type.F32, List.of(vector.length), () -> vector));
    }

    /// Reads the file.
    ///
    /// @throws InvalidFile if it is damaged, or of another run
    static RunState read(Path file, String run) throws IOException, InvalidFile {
        Map<String, String> metadata = Safetensors.metadata(file);
        if (!run.equals(metadata.get("run"))) {
            throw new InvalidFile(
                    file,
                    "is of another experiment (base model, data or settings differ); have another output folder, or"
                            + " remove it to start from the beginning");
        }
        Map<String, Safetensors.Tensor> tensors = Safetensors.read(file);
        try {
            List<float[]> optimiser = new ArrayList<>();
            while (tensors.containsKey("optimiser/" + optimiser.size())) {
                optimiser.add(vector(file, tensors, "optimiser/" + optimiser.size()));
            }
            SortedMap<String, float[]> controls = new TreeMap<>();
            SortedMap<String, TrainingState> moments = new TreeMap<>();
            float[] adapter = vector(file, tensors, "adapter");
            for (String name : tensors.keySet()) {
                if (name.startsWith(CONTROL)) {
                    controls.put(name.substring(CONTROL.length()), vector(file, tensors, name));
                } else if (name.startsWith(FIRST)) {
                    String member = name.substring(FIRST.length());
                    moments.put(
                            member,
                            new TrainingState(
                                    Integer.parseInt(metadata.getOrDefault(STEPS + member, "")),
                                    adapter,
                                    vector(file, tensors, name),
                                    vector(file, tensors, SECOND + member),
                                    0,
                                    0));
                }
            }
            List<Measured> measured = new ArrayList<>();
            while (metadata.containsKey(MEASURED + measured.size())) {
                measured.add(Measured.of(metadata.getOrDefault(MEASURED + measured.size(), "")));
            }
            ModelVersion version = new ModelVersion(
                    Long.parseLong(metadata.getOrDefault("round", "")),
                    ModelHeader.parse(Bytes.fromHex(metadata.getOrDefault("header", ""))),
                    adapter,
                    optimiser);
            return new RunState(version, controls, moments, measured);
        } catch (IllegalArgumentException | MalformedMessage e) {
            throw new InvalidFile(file, "is damaged: " + e.getMessage());
        }
    }

    private static float[] vector(Path file, Map<String, Safetensors.Tensor> tensors, String name) throws InvalidFile {
        Safetensors.Tensor tensor = tensors.get(name);
        if (tensor == null) {
            throw new InvalidFile(file, "must hold " + name);
        }
        return tensor.values();
    }
}

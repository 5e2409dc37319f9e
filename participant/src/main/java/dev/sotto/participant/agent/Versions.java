package dev.sotto.participant.agent;

import dev.sotto.participant.home.Home;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The adapters that this organisation has verified: `models/version-N.f32`, little-endian binary32 in
/// layout order, and `models/version-N.json`.
public final class Versions {
    /// How many stay.
    static final int KEPT = 10;

    private final Path folder;

    /// What is beside an adapter's numbers.
    ///
    /// @param digest      of the version, hexadecimal
    /// @param mode        what the numbers are of the adapter
    /// @param recomputed  whether this organisation recomputed the round from the log
    public record Description(
            long version,
            String digest,
            String baseModelDigest,
            String mode,
            int rank,
            double alpha,
            List<String> targetModules,
            boolean recomputed) {
        /// Checks mode and LoRA's shape.
        ///
        /// @throws IllegalArgumentException if there are none such
        public Description {
            mode = LoraMode.of(mode).wireName();
            targetModules = new LoraConfig(rank, alpha, targetModules).targetModules();
        }

        /// LoRA's shape.
        public LoraConfig lora() {
            return new LoraConfig(rank, alpha, targetModules);
        }
    }

    /// In `folder`.
    public Versions(Path folder) {
        this.folder = folder;
    }

    void write(
            long version, String digest, String baseModelDigest, TrainingPlan plan, boolean recomputed, float[] adapter)
            throws IOException {
        writeFloats(folder.resolve("version-" + version + ".f32"), adapter);
        // First the description: it is what makes a version one.
        Files.deleteIfExists(folder.resolve("version-" + (version - KEPT) + ".json"));
        Files.deleteIfExists(folder.resolve("version-" + (version - KEPT) + ".f32"));
        Home.writeJson(
                folder.resolve("version-" + version + ".json"),
                new Description(
                        version,
                        digest,
                        baseModelDigest,
                        plan.loraMode(),
                        plan.loraRank(),
                        plan.loraAlpha(),
                        plan.targetModules(),
                        recomputed));
    }

    /// The last one.
    public Optional<Description> last() throws IOException, InvalidFile {
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(file -> file.toString().endsWith(".json")).toList();
        }
        Optional<Path> last = files.stream().max(Comparator.comparingLong(Versions::number));
        return last.isEmpty() ? Optional.empty() : Optional.of(Home.readJson(last.get(), Description.class));
    }

    /// The numbers of a version.
    public float[] adapter(long version) throws IOException {
        return readFloats(folder.resolve("version-" + version + ".f32"));
    }

    static float[] readFloats(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        float[] values = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }

    static void writeFloats(Path file, float[] values) throws IOException {
        Home.write(file, bytes(values));
    }

    static byte[] bytes(float[] values) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return bytes.array();
    }

    private static long number(Path file) {
        String digits = file.getFileName().toString().replaceAll("[^0-9]", "");
        return digits.isEmpty() ? -1 : Long.parseLong(digits);
    }
}

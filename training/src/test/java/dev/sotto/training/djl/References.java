package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PreferenceTokens;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;

/// The reference figures that tests compare with: one folder an architecture, with `base/`, `adapter/` and
/// `reference.safetensors`, made by transformers and PEFT.
final class References {
    private static final Path RESOURCES = Path.of("src/test/resources");
    private static final Path SHARED = Path.of("../../shared/reference");

    /// fp32 on the device of `-Dsotto.device`, the processor without it.
    static final Execution FP32 = execution(Execution.Compute.FP32, Execution.Base.PLAIN, false);

    private References() {}

    /// On the device of `-Dsotto.device`.
    static Execution execution(Execution.Compute compute, Execution.Base base, boolean checkpointing) {
        try {
            return new Execution(Device.parse(System.getProperty("sotto.device", "cpu")), compute, base, checkpointing);
        } catch (NativeLibraryUnavailable e) {
            throw new AssertionError(e);
        }
    }

    /// Those of `-Dsotto.reference=DIR`, which must hold some. Without the property those of the test
    /// resources, and of `shared/reference` beside the repository where that exists.
    static Map<String, Path> folders() {
        String given = System.getProperty("sotto.reference");
        if (given != null) {
            Path inRepository = Path.of("..").resolve(given);
            Map<String, Path> found = in(Files.exists(inRepository) ? inRepository : Path.of(given));
            assertThat(found).as("architectures in " + given).isNotEmpty();
            return found;
        }
        Map<String, Path> found = in(RESOURCES);
        assertThat(found)
                .containsOnlyKeys(
                        "llama", "llama-linear-tiny", "llama31-tiny", "mistral-tiny", "qwen2-tiny", "qwen3-tiny");
        found.putAll(in(SHARED));
        return found;
    }

    private static Map<String, Path> in(Path directory) {
        Map<String, Path> found = new LinkedHashMap<>();
        if (Files.isDirectory(directory)) {
            try (Stream<Path> folders = Files.list(directory)) {
                folders.filter(folder -> Files.exists(folder.resolve("reference.safetensors")))
                        .sorted()
                        .forEach(folder -> found.put(folder.getFileName().toString(), folder));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return found;
    }

    /// The small Llama of the test resources.
    static Reference llama() {
        return new Reference(RESOURCES.resolve("llama"));
    }

    /// One architecture's figures.
    static final class Reference implements AutoCloseable {
        final Path folder;
        final Model model;
        final PeftFiles.Adapter adapter;
        private final Map<String, Safetensors.Tensor> figures;

        Reference(Path folder) {
            this.folder = folder;
            try {
                figures = Safetensors.read(folder.resolve("reference.safetensors"));
                model = Model.load(folder.resolve("base"), FP32);
                adapter = PeftFiles.read(folder.resolve("adapter"), model.config());
            } catch (IOException | InvalidFile | NativeLibraryUnavailable e) {
                throw new AssertionError(e);
            }
        }

        float[] floats(String name) {
            return Objects.requireNonNull(figures.get(name), name).values();
        }

        int[] ints(String name) {
            float[] values = floats(name);
            int[] ints = new int[values.length];
            for (int i = 0; i < ints.length; i++) {
                ints[i] = (int) values[i];
            }
            return ints;
        }

        int[][] rows(String name) {
            int columns =
                    Objects.requireNonNull(figures.get(name), name).shape().get(1);
            int[] flat = ints(name);
            int[][] rows = new int[flat.length / columns][];
            for (int row = 0; row < rows.length; row++) {
                rows[row] = Arrays.copyOfRange(flat, row * columns, (row + 1) * columns);
            }
            return rows;
        }

        /// Every token after the first is a target.
        Batch plain() {
            int[][] ids = rows("input_ids");
            return shifted(ids, ids);
        }

        /// Next-token targets from labels of the same positions.
        static Batch shifted(int[][] tokens, int[][] labels) {
            int[][] targets = new int[tokens.length][];
            for (int row = 0; row < tokens.length; row++) {
                targets[row] = Arrays.copyOfRange(labels[row], 1, labels[row].length + 1);
                targets[row][targets[row].length - 1] = Batch.IGNORE;
            }
            return new Batch(tokens, targets);
        }

        /// The rows of `name` as sequences with a prompt of `prompt` tokens.
        List<Labelled> sequences(String name, int prompt) {
            return Arrays.stream(rows(name))
                    .map(row -> Labelled.after(prompt, row))
                    .toList();
        }

        /// The pairs of the DPO figures.
        List<PreferenceTokens> pairs(int prompt) {
            int[][] rejected = rows("dpo.rejected_input_ids");
            List<PreferenceTokens> pairs = new ArrayList<>();
            for (int[] chosen : rows("dpo.chosen_input_ids")) {
                int[] other = rejected[pairs.size()];
                pairs.add(new PreferenceTokens(
                        Arrays.copyOf(chosen, prompt),
                        Arrays.copyOfRange(chosen, prompt, chosen.length),
                        Arrays.copyOfRange(other, prompt, other.length)));
            }
            return pairs;
        }

        @Override
        public void close() {
            model.close();
        }
    }

    /// The largest absolute difference is below `tolerance`.
    static void assertClose(float[] got, float[] expected, double tolerance) {
        assertThat(got).hasSameSizeAs(expected);
        double worst = 0;
        for (int i = 0; i < got.length; i++) {
            worst = Math.max(worst, Math.abs(got[i] - expected[i]));
        }
        assertThat(worst).isLessThan(tolerance);
    }

    /// ‖got − expected‖ ÷ ‖expected‖.
    static double relative(float[] got, float[] expected) {
        assertThat(got).hasSameSizeAs(expected);
        double difference = 0;
        double norm = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow((double) got[i] - expected[i], 2);
            norm += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / norm);
    }
}

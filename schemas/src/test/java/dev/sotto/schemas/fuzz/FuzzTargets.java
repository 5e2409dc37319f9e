package dev.sotto.schemas.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/// The fuzz targets of a module. Every build checks each one's corpus and a few mutations of it;
/// `./sotto fuzz` lets Jazzer search from the same corpus.
///
/// The corpus is `src/test/fuzz/<target>`: `seed-N` as the target makes them (`-Dsotto.fuzz.write=true` writes
/// them anew), and what was found. A subclass is called `dev.sotto.<module>.FuzzTest`.
public abstract class FuzzTargets {
    private static final Path CORPUS = Path.of("src", "test", "fuzz");
    private static final boolean WRITE = Boolean.getBoolean("sotto.fuzz.write");

    /// Only a hang takes as long.
    private static final Duration HANG = Duration.ofMinutes(2);

    /// All of the module.
    protected abstract List<FuzzTarget> targets();

    /// A file with that content, for a decoder of files: one of each name at a time.
    protected static Path scratch(String name, byte[] content) throws IOException {
        Path folder = Files.createDirectories(Path.of("target", "fuzz-files"));
        return Files.write(folder.resolve(name), content);
    }

    final FuzzTarget target(String name) {
        return targets().stream()
                .filter(target -> target.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @TestFactory
    final Stream<DynamicTest> seeds_areAccepted_andStandInTheCorpus() {
        return targets().stream().map(target -> dynamicTest(target.name(), () -> seeds(target)));
    }

    private static void seeds(FuzzTarget target) throws Exception {
        assertThat(target.seeds()).isNotEmpty();
        for (int i = 0; i < target.seeds().size(); i++) {
            Path file = CORPUS.resolve(target.name()).resolve("seed-" + i);
            Bytes seed = target.seeds().get(i);
            if (WRITE) {
                Files.createDirectories(file.getParent());
                Files.write(file, seed.toArray());
            }
            assertThat(Arrays.equals(Files.readAllBytes(file), seed.toArray()))
                    .as("%s is the seed that the target makes; -Dsotto.fuzz.write=true writes it anew", file)
                    .isTrue();
            assertThat(target.check(seed.toArray())).as(file.toString()).isTrue();
        }
    }

    @TestFactory
    final Stream<DynamicTest> inputs_ofTheCorpusAndNearIt_areAcceptedOrRefusedAsDocumented() {
        return targets().stream()
                .map(target -> dynamicTest(
                        target.name(), () -> assertTimeoutPreemptively(HANG, () -> corpusAndMutations(target))));
    }

    private static void corpusAndMutations(FuzzTarget target) throws Exception {
        List<byte[]> corpus = new ArrayList<>();
        for (Path file : files(target)) {
            byte[] input = Files.readAllBytes(file);
            corpus.add(input);
            check(target, input, file.toString());
        }
        Mutations mutations = new Mutations(1, corpus);
        for (int run : IntStream.range(0, target.runs()).toArray()) {
            check(target, mutations.next(), "mutation " + run);
        }
    }

    private static void check(FuzzTarget target, byte[] input, String what) {
        try {
            boolean _ = target.check(input);
        } catch (Exception | AssertionError | StackOverflowError | OutOfMemoryError e) {
            String hex = Bytes.of(input).hex();
            throw new AssertionError(
                    target.name() + ", " + what + ": " + e + "; input "
                            + hex.substring(0, Math.min(hex.length(), 4096)),
                    e);
        }
    }

    private static List<Path> files(FuzzTarget target) throws IOException {
        try (Stream<Path> files = Files.list(CORPUS.resolve(target.name()))) {
            return files.sorted().toList();
        }
    }
}

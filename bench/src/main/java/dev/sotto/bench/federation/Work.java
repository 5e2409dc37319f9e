package dev.sotto.bench.federation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A folder for what a run writes, gone after it unless it is to be kept.
record Work(Path folder, boolean kept) implements AutoCloseable {
    Work(@Nullable Path keep) throws IOException {
        this(
                keep == null
                        ? Files.createTempDirectory("sotto-bench")
                        : Files.createDirectories(keep).toAbsolutePath(),
                keep != null);
    }

    @Override
    public void close() throws IOException {
        if (!kept) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}

package dev.sotto.bench.federation;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A folder for what a run writes. It is gone after a run that came to its end, unless it is to be kept.
final class Work implements AutoCloseable {
    private final Path folder;
    private final boolean wanted;
    private boolean kept = true;

    /// @param keep the folder, which then stays; or null for one of its own
    @SuppressWarnings("MissingSummary")
    Work(@Nullable Path keep) throws IOException {
        this.folder = keep == null
                ? Files.createTempDirectory("sotto-bench")
                : Files.createDirectories(keep).toAbsolutePath();
        this.wanted = keep != null;
    }

    Path folder() {
        return folder;
    }

    /// The run came to its end.
    void finished() {
        kept = wanted;
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

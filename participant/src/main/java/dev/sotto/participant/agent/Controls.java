package dev.sotto.participant.agent;

import dev.sotto.participant.home.Home;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/// SCAFFOLD's c_k on disk (protocol §10): what a round would make it is pending before the manifest leaves,
/// and becomes c_k only when a round closes with this member among the survivors.
///
/// Files `controls/own.f32` and `controls/round-R-attempt-A.f32`, mode 0600: c_k is near the gradient of the
/// organisation's data. Used by one thread.
final class Controls {
    private final Path folder;

    Controls(Path folder) {
        this.folder = folder;
    }

    /// c_k, if this organisation has one of that size.
    Optional<float[]> own(int size) throws IOException {
        Path file = folder.resolve("own.f32");
        return Files.exists(file) && Files.size(file) == (long) size * Float.BYTES
                ? Optional.of(Versions.readFloats(file))
                : Optional.empty();
    }

    /// Keeps c_k⁺ until the attempt ends; returns when it is on the disk.
    void pend(long round, long attempt, float[] next) throws IOException {
        Files.createDirectories(folder);
        Home.writeSecret(pending(round, attempt), Versions.bytes(next));
    }

    /// The attempt ended.
    ///
    /// @param survived whether it closed with this member in U3
    void ended(long round, long attempt, boolean survived) throws IOException {
        Path file = pending(round, attempt);
        if (!survived) {
            Files.deleteIfExists(file);
        } else if (Files.exists(file)) {
            Files.move(
                    file,
                    folder.resolve("own.f32"),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private Path pending(long round, long attempt) {
        return folder.resolve("round-" + round + "-attempt-" + attempt + ".f32");
    }
}

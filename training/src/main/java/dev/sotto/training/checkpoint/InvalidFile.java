package dev.sotto.training.checkpoint;

import java.nio.file.Path;

/// A file that a person gave is not what it must be. The message names the file, the place and what is
/// allowed.
public final class InvalidFile extends Exception {
    private static final long serialVersionUID = 1L;

    /// Blames `file`.
    public InvalidFile(Path file, String problem) {
        super(file + ": " + problem);
    }
}

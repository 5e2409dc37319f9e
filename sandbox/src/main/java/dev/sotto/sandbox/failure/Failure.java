package dev.sotto.sandbox.failure;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/// Why the sandbox stops: one sentence for a person, and the exit code of the process.
///
/// Its stack trace is never shown; the sentence names the value, the place and what is allowed.
public final class Failure extends Exception {
    /// Exit code when the operation failed or a check did not hold.
    public static final int FAILED = 1;

    /// Exit code when usage, input or the machine must change before another try can succeed.
    public static final int INVALID = 2;

    private static final long serialVersionUID = 1;

    private final int exitCode;

    private Failure(int exitCode, String sentence) {
        super(sentence);
        this.exitCode = exitCode;
    }

    /// The operation failed: a process died, a check did not hold, a deadline passed.
    public static Failure failed(String sentence) {
        return new Failure(FAILED, sentence);
    }

    /// What was given cannot work: an option, a data file, a port in use, a full disk.
    public static Failure invalid(String sentence) {
        return new Failure(INVALID, sentence);
    }

    /// The file system refused something, told as the file and the system's own reason.
    public static Failure of(IOException e) {
        if (e instanceof FileSystemException refused) {
            String reason = refused.getReason();
            String why;
            if (reason != null) {
                why = reason;
            } else if (e instanceof NoSuchFileException) {
                why = "no such file or directory";
            } else if (e instanceof AccessDeniedException) {
                why = "permission denied";
            } else if (e instanceof FileAlreadyExistsException) {
                why = "is there already";
            } else {
                why = "cannot be used";
            }
            return invalid(refused.getFile() + ": " + why);
        }
        String message = e.getMessage();
        return invalid(message == null ? e.getClass().getSimpleName() : message);
    }

    /// The one sentence.
    public String sentence() {
        // Cannot fail: both factories pass a sentence.
        return java.util.Objects.requireNonNull(getMessage());
    }

    /// [#FAILED] or [#INVALID].
    public int exitCode() {
        return exitCode;
    }
}

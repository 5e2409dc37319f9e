package dev.sotto.secrets;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A passphrase of keys on disk, from the environment: the text itself in a variable, or a file in `…_FILE`.
/// Closing it wipes it; it does not print. What a variable holds, the JVM keeps as a text for as long as it runs: a
/// file is better.
public final class Passphrase implements AutoCloseable {
    /// Of the root CA's key.
    public static final String ROOT = "SOTTO_ROOT_PASSPHRASE";
    /// Of the keys that a process starts with.
    public static final String OWN = "SOTTO_PASSPHRASE";
    /// That shall take the place of [#OWN].
    public static final String NEW = "SOTTO_NEW_PASSPHRASE";

    private final char[] value;

    private Passphrase(char[] value) {
        this.value = value;
    }

    /// The passphrase, empty if there is none.
    ///
    /// @param name        of the variable
    /// @param environment of the process
    /// @throws InvalidSecret if it is given twice, is empty, or others may read its file
    public static Passphrase read(String name, Map<String, String> environment) throws IOException, InvalidSecret {
        @Nullable String text = environment.get(name);
        @Nullable String file = environment.get(name + "_FILE");
        if (text != null && file != null) {
            throw new InvalidSecret(name, "and " + name + "_FILE are both set; set one");
        }
        char[] value;
        if (text != null) {
            value = text.toCharArray();
        } else if (file != null) {
            value = read(Path.of(file));
        } else {
            return new Passphrase(new char[0]);
        }
        if (value.length == 0) {
            throw new InvalidSecret(file == null ? name : file, "is empty; a passphrase is not");
        }
        return new Passphrase(value);
    }

    /// Without the white space at its end.
    private static char[] read(Path file) throws IOException, InvalidSecret {
        byte[] bytes = SecretFile.read(file);
        CharBuffer decoded = StandardCharsets.UTF_8.decode(ByteBuffer.wrap(bytes));
        int end = decoded.length();
        while (end > 0 && Character.isWhitespace(decoded.get(end - 1))) {
            end--;
        }
        char[] value = Arrays.copyOf(decoded.array(), end);
        Arrays.fill(bytes, (byte) 0);
        Arrays.fill(decoded.array(), '\0');
        return value;
    }

    /// Whether there is one.
    public boolean isGiven() {
        return value.length > 0;
    }

    /// The live characters, not a copy; empty if there is no passphrase.
    public char[] expose() {
        return value;
    }

    /// Never the characters.
    @Override
    public String toString() {
        return "Passphrase";
    }

    @Override
    public void close() {
        Arrays.fill(value, '\0');
    }
}

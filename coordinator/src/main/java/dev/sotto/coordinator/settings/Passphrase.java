package dev.sotto.coordinator.settings;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Passphrases of the CA's keys, from the environment: the text itself in a variable, or a file in `…_FILE`.
public final class Passphrase {
    /// Of the root's key.
    public static final String ROOT = "SOTTO_ROOT_PASSPHRASE";
    /// Of the issuing authority's key.
    public static final String ISSUING = "SOTTO_PASSPHRASE";

    private Passphrase() {}

    /// The passphrase, empty if there is none.
    ///
    /// @param name        of the variable
    /// @param environment of the process
    /// @throws InvalidSettings if it is given twice, is empty, or others may read its file
    public static char[] read(String name, Map<String, String> environment) throws IOException, InvalidSettings {
        @Nullable String text = environment.get(name);
        @Nullable String file = environment.get(name + "_FILE");
        if (text != null && file != null) {
            throw new InvalidSettings(name + " and " + name + "_FILE are both set; set one");
        }
        if (file != null) {
            text = Folder.readSecretText(Path.of(file)).stripTrailing();
        }
        if (text != null && text.isEmpty()) {
            throw new InvalidSettings((file == null ? name : file) + " is empty; a passphrase is not");
        }
        return text == null ? new char[0] : text.toCharArray();
    }
}

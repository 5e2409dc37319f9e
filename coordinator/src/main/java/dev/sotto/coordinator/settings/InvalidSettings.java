package dev.sotto.coordinator.settings;

/// Something in the federation's folder is not as it must be. The message names the file, the key or the
/// value, and what is allowed; the operator is at fault.
public final class InvalidSettings extends Exception {
    private static final long serialVersionUID = 1;

    /// One sentence.
    public InvalidSettings(String message) {
        super(message);
    }
}

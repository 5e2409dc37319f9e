package dev.sotto.crypto.primitive;

/// A peer's public key or ciphertext is not one. Whoever sent the bytes is at fault.
public final class InvalidKey extends Exception {
    private static final long serialVersionUID = 1L;

    /// @param message what is wrong with which bytes
    @SuppressWarnings("MissingSummary")
    public InvalidKey(String message) {
        super(message);
    }
}

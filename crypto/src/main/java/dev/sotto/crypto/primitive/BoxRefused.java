package dev.sotto.crypto.primitive;

/// A sealed box does not open: wrong receiver, wrong context, or altered. Whoever sealed or carried it is
/// at fault.
public final class BoxRefused extends Exception {
    private static final long serialVersionUID = 1L;

    /// @param message what does not open
    @SuppressWarnings("MissingSummary")
    public BoxRefused(String message) {
        super(message);
    }
}

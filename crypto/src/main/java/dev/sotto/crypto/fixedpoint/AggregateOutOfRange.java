package dev.sotto.crypto.fixedpoint;

/// A decoded sum that no honest members can have made (protocol §4). Blames nobody: masks hide who
/// spoiled it.
public final class AggregateOutOfRange extends Exception {
    private static final long serialVersionUID = 1L;

    /// @param message which sum, its value, what is allowed
    @SuppressWarnings("MissingSummary")
    public AggregateOutOfRange(String message) {
        super(message);
    }
}

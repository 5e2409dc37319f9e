package dev.sotto.training.data;

/// A record does not hold what a mapping needs of it. The message names the field, what stands there, and
/// what is allowed, to follow the record's place in a sentence.
public final class BadRecord extends Exception {
    private static final long serialVersionUID = 1L;

    /// With that message.
    public BadRecord(String reason) {
        super(reason);
    }
}

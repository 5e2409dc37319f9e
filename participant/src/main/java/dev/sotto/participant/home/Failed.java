package dev.sotto.participant.home;

/// Something outside this program failed: the network, the broker, the coordinator. The message is one
/// sentence that names it and what to do.
public final class Failed extends Exception {
    private static final long serialVersionUID = 1;

    /// One sentence.
    public Failed(String sentence) {
        super(sentence);
    }

    /// One sentence, and what was behind it.
    public Failed(String sentence, Throwable cause) {
        super(sentence, cause);
    }
}

package dev.sotto.crypto.secagg;

/// A party broke a rule of the protocol. Nothing of its message was acted upon.
public final class PeerMisbehaved extends Exception {
    private static final long serialVersionUID = 1L;

    private final Refusal reason;
    private final String who;

    /// Blames `who`, an organisation or `coordinator`, for breaking one rule.
    public PeerMisbehaved(Refusal reason, String who, String detail) {
        super(who + ": " + reason + ": " + detail);
        this.reason = reason;
        this.who = who;
    }

    /// The rule.
    public Refusal reason() {
        return reason;
    }

    /// The party at fault.
    public String who() {
        return who;
    }
}

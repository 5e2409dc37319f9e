package dev.sotto.participant.audit;

import java.util.Locale;

/// What an audit looks at, in its order: of the federation first, then of every attempt. `docs/audit.md` says what
/// each shows and what it cannot.
public enum Check {
    /// The registry is the coordinator's, whole and in order.
    REGISTRY,
    /// So is `control`.
    CONTROL,
    /// An attempt's parameters hold, and it starts from the version that the last closed round made.
    PARAMETERS,
    /// The members' keys are those that this organisation approved.
    IDENTITIES,
    /// U1: signed keys of members of the cohort.
    ROSTER,
    /// Nobody signed two different messages of a type.
    ONCE,
    /// Nobody disputes the attempt.
    DISPUTES,
    /// U2: signed shares with valid ciphertexts.
    SHARES,
    /// U3 is part of U2 and large enough.
    SURVIVORS,
    /// No second set of survivors on one adapter, unless its members lifted the rule.
    ONE_SET,
    /// At least t members of U3 confirmed it.
    CONFIRMATIONS,
    /// The survivors' manifests are signed and of the round's layout.
    MANIFESTS,
    /// So is every chunk, and it is in its manifest.
    CHUNKS,
    /// The revealed shares match their commitments and rebuild what was committed to.
    SEEDS,
    /// The sum of the chunks without their masks is the one that was signed, bit for bit.
    SUM,
    /// The version that the round starts from is the one that was signed.
    START,
    /// The ranges follow from it.
    RANGES,
    /// The server's step on the sum makes the version that was signed, bit for bit.
    STEP,
    /// That version is the one that members are given.
    MODEL,
    /// An attempt was aborted, and why.
    ABORT,
    /// Of a bundle: a member has signed that its log ended where this one does.
    END;

    /// Its name in what an audit prints.
    public String wireName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

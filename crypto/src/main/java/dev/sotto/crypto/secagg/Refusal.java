package dev.sotto.crypto.secagg;

/// Why a message was refused: one reason, one rule of the protocol, one metric label.
public enum Refusal {
    /// The bytes are no message of this type.
    MALFORMED,
    /// Not signed by the key that this federation knows for the sender.
    BAD_SIGNATURE,
    /// The sender is not one from whom this message may come.
    UNKNOWN_SENDER,
    /// This state expects another message.
    UNEXPECTED_MESSAGE,
    /// Signed over another transcript than the receiver's.
    OTHER_TRANSCRIPT,
    /// `C_prev` is not the receiver's own.
    FORKED_LOG,
    /// A round of a version of the protocol that the member's program does not speak.
    OTHER_PROTOCOL,
    /// Not the next attempt or round.
    OTHER_ROUND,
    /// The parameters break an inequality of protocol §2.
    INFEASIBLE_PARAMETERS,
    /// A sampled cohort is not what its seed draws.
    OTHER_COHORT,
    /// The member's own policy forbids it.
    POLICY,
    /// An organisation that the member has not approved.
    UNAPPROVED_ORGANISATION,
    /// A set that is not part of the one before it, or is out of order.
    NOT_A_SUBSET,
    /// A set smaller than the threshold, `minSurvivors` or the policy allows.
    TOO_FEW,
    /// The member's own message is altered.
    OWN_MESSAGE_ALTERED,
    /// The member's own message is missing: it is left out.
    LEFT_OUT,
    /// A public key or ciphertext is not valid.
    INVALID_KEY,
    /// A key or ciphertext, or a half of one, appears twice.
    REPEATED_KEY,
    /// Wrong counts or lengths in dealt shares.
    WRONG_COUNTS,
    /// A sealed share does not open.
    SEALED_SHARE,
    /// A share, secret, mask key or ciphertext does not match what its dealer committed to.
    COMMITMENT,
    /// A second, different message of one type in one attempt.
    EQUIVOCATION,
    /// Another survivor set was confirmed on this adapter already.
    OTHER_SURVIVORS,
    /// A chunk does not match its manifest.
    OTHER_CHUNK,
    /// Recomputing a closed round gives something else.
    OTHER_RESULT
}

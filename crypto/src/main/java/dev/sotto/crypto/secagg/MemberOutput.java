package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.RoundClosed;
import java.util.Optional;

/// What a member's machine asks its caller to do.
public sealed interface MemberOutput {
    /// Publish these bytes on the own inbox. They are in the journal already.
    record Publish(Envelope envelope) implements MemberOutput {}

    /// Train on the adapter of this attempt, then step with [MemberInput.Trained].
    record Train(Routed routed) implements MemberOutput {}

    /// Publish every chunk of the spool.
    record SendSpool() implements MemberOutput {}

    /// Delete the spool: the update is spent and was not used.
    record DeleteSpool() implements MemberOutput {}

    /// The operator's lift does not apply; nothing was recorded or said.
    record NotLifted(String why) implements MemberOutput {}

    /// A message broke a rule; tell the operator.
    record Refused(PeerMisbehaved fault) implements MemberOutput {}

    /// The attempt was closed.
    ///
    /// @param unmasking if this member was in U3: what it needs to recompute the round
    /// @param roundSeed the round key's seed if one was sealed to this member; the caller closes it
    record Closed(RoundClosed message, Optional<Unmasking> unmasking, Optional<Secret> roundSeed)
            implements MemberOutput {}

    /// The attempt was aborted.
    record Aborted(String reason, String detail) implements MemberOutput {}
}

package dev.sotto.crypto.secagg;

import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.SurvivorsLifted;
import java.util.List;

/// What can happen to a member.
public sealed interface MemberInput {
    /// The next message of `control`, in log order, without `ModelKeys`.
    ///
    /// @param envelope as received
    /// @param dealt    with `SharesRouted`: every `SharesDealt` of this attempt from the inboxes, read
    ///   until each hash that the message names was found
    record Read(Envelope envelope, List<Envelope> dealt) implements MemberInput {
        /// Copies the list.
        public Read {
            dealt = List.copyOf(dealt);
        }

        /// For every other message.
        public Read(Envelope envelope) {
            this(envelope, List.of());
        }
    }

    /// The next message of `control` when the attempt that it opens or belongs to is known to have ended
    /// already: the member folds it, and takes no part.
    record Missed(Envelope envelope) implements MemberInput {}

    /// Training ended; the machine encodes, masks and spools the update, which is spent from then on.
    record Trained(Update update, Spool spool) implements MemberInput {}

    /// The member will not deliver: training failed, or its operator stopped it.
    ///
    /// @param reason at most 256 characters, public
    record GaveUp(String reason, String detail) implements MemberInput {}

    /// The member's operator lets it confirm one further set on one adapter, knowing what the difference
    /// of two sums tells.
    record Lift(SurvivorsLifted lifted) implements MemberInput {}

    /// Recomputing the round that was closed last gave something else: the member says so, with the
    /// coordinator's message.
    record Dispute(PeerMisbehaved fault) implements MemberInput {}
}

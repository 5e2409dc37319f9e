package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOfOtherVersion;
import dev.sotto.schemas.RoundOpened;
import java.util.Optional;

/// Where a reader of `control` stands: the fold of every message that the coordinator signed, in log
/// order.
///
/// @param head    the last T: C_prev of the next `RoundOpened` when no attempt is open
/// @param round   of the last attempt, −1 at first
/// @param attempt of the last attempt, 0 at first
/// @param closed  whether the last attempt was closed, rather than aborted
/// @param open    whether it has not ended
/// @param closing T5 of the last closed round, of which sampled cohorts are drawn; 32 zero bytes before one
/// @param last    the last message: evidence against a coordinator that told others something else
public record Chain(
        Bytes head, long round, long attempt, boolean closed, boolean open, Bytes closing, Optional<Envelope> last) {
    /// Before any message.
    public static final Chain START = new Chain(Bytes.zeros(32), -1, 0, true, false, Bytes.zeros(32), Optional.empty());

    /// The chain after a verified envelope.
    Chain next(Envelope envelope) {
        Bytes t = RoundContext.transcript(envelope.type().wireName(), head, envelope.payload());
        boolean ends = envelope.type() == MessageType.ROUND_CLOSED || envelope.type() == MessageType.ROUND_ABORTED;
        boolean closes = envelope.type() == MessageType.ROUND_CLOSED;
        return new Chain(t, round, attempt, ends ? closes : closed, !ends, closes ? t : closing, Optional.of(envelope));
    }

    /// The chain after a verified `RoundOpened`.
    Chain next(Envelope envelope, RoundOpened opened) {
        return opened(envelope, opened.round(), opened.attempt());
    }

    /// The chain after a verified `RoundOpened` of another version of the protocol: of what follows in its attempt
    /// nothing is known.
    Chain next(Envelope envelope, RoundOfOtherVersion opened) {
        return opened(envelope, opened.round(), opened.attempt());
    }

    private Chain opened(Envelope envelope, long nextRound, long nextAttempt) {
        Bytes t = RoundContext.transcript(envelope.type().wireName(), head, envelope.payload());
        return new Chain(t, nextRound, nextAttempt, closed, true, closing, Optional.of(envelope));
    }

    /// The message that may come next while an attempt is open, besides `RoundAborted`.
    ///
    /// @throws IllegalStateException if none is open
    MessageType expected() {
        MessageType before = last.filter(any -> open)
                .map(Envelope::type)
                .orElseThrow(() -> new IllegalStateException("no attempt is open"));
        return switch (before) {
            case ROUND_OPENED -> MessageType.ROSTER_SEALED;
            case ROSTER_SEALED -> MessageType.SHARES_ROUTED;
            case SHARES_ROUTED -> MessageType.SURVIVORS_SEALED;
            case SURVIVORS_SEALED -> MessageType.UNMASK_REQUESTED;
            // Whatever else was folded out of order: nothing good can follow.
            default -> MessageType.ROUND_CLOSED;
        };
    }

    /// Whether this is the next round's first attempt, or the next attempt of a round that was aborted.
    boolean isNext(RoundOpened opened) {
        return isNext(opened.round(), opened.attempt());
    }

    private boolean isNext(long nextRound, long nextAttempt) {
        return !open
                && (closed
                        ? nextRound == round + 1 && nextAttempt == 1
                        : nextRound == round && nextAttempt == attempt + 1);
    }

    /// Messages of `control` alternate: one opens an attempt, one ends it, the rest lie between.
    void requireOrder(Message message) throws PeerMisbehaved {
        boolean opens = message.type() == MessageType.ROUND_OPENED;
        if (opens == open) {
            throw Roster.coordinator(
                    Refusal.UNEXPECTED_MESSAGE,
                    message.type().wireName() + (opens ? " while an attempt is open" : " while no attempt is open"));
        }
        if (message instanceof RoundOpened opened && !opened.previous().equals(head)) {
            throw Roster.coordinator(Refusal.FORKED_LOG, "C_prev is not the end of this log");
        }
        switch (message) {
            case RoundOpened opened -> requireNext(opened.round(), opened.attempt());
            case RoundOfOtherVersion other -> requireNext(other.round(), other.attempt());
            default -> {}
        }
    }

    private void requireNext(long nextRound, long nextAttempt) throws PeerMisbehaved {
        if (!isNext(nextRound, nextAttempt)) {
            throw Roster.coordinator(
                    Refusal.OTHER_ROUND,
                    "opened round " + nextRound + " attempt " + nextAttempt + " after round " + round + " attempt "
                            + attempt);
        }
    }

    /// Nothing between a round's opening and its end may be skipped, or the end would rest on nothing: also those
    /// who take no part watch for it.
    Optional<PeerMisbehaved> skipped(MessageType type) {
        return type == expected()
                ? Optional.empty()
                : Optional.of(Roster.coordinator(
                        Refusal.UNEXPECTED_MESSAGE,
                        type.wireName() + " came where " + expected().wireName() + " was due"));
    }
}

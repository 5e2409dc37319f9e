package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOfOtherVersion;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// The topic `control` as someone reads it who takes no part: the fold of what the coordinator signed, every
/// attempt with all that was said of it. Immutable.
///
/// It knows no member's keys: what an attempt's messages hold is checked by [Attempt].
///
/// @param chain    where the log ends
/// @param attempts in log order; of the last one the end may be missing
public record Control(Chain chain, List<Attempt> attempts) {
    /// Before any message.
    public static final Control START = new Control(Chain.START, List.of());

    /// Copies the list.
    public Control {
        attempts = List.copyOf(attempts);
    }

    /// The fold after the next message. `ModelKeys` are no part of it.
    ///
    /// @param coordinator a directory with the coordinator's key
    /// @throws PeerMisbehaved if the message is not the coordinator's, or does not continue the log: blaming the
    ///   coordinator, unless somebody else wrote it
    public Control next(Primitives primitives, Directory coordinator, Envelope envelope) throws PeerMisbehaved {
        if (!envelope.sender().equals(Topics.COORDINATOR) || envelope.type() == MessageType.MODEL_KEYS) {
            throw new PeerMisbehaved(
                    Refusal.UNKNOWN_SENDER, envelope.sender(), envelope.type().wireName() + " is no part of a round");
        }
        Message message = coordinator.verify(primitives, envelope, chain.head());
        chain.requireOrder(message);
        if (message instanceof RoundOfOtherVersion other) {
            throw Roster.otherProtocol(other);
        }
        List<Attempt> next = new ArrayList<>(attempts);
        if (message instanceof RoundOpened opened) {
            Chain after = chain.next(envelope, opened);
            next.add(new Attempt(
                    new Opened(coordinator.federation(), opened, after.head()),
                    List.of(new Attempt.Said(envelope, after.head()))));
            return new Control(after, next);
        }
        if (message.type() != MessageType.ROUND_ABORTED) {
            Optional<PeerMisbehaved> skipped = chain.skipped(message.type());
            if (skipped.isPresent()) {
                throw skipped.get();
            }
        }
        Chain after = chain.next(envelope);
        next.add(next.removeLast().with(new Attempt.Said(envelope, after.head())));
        return new Control(after, next);
    }
}

package dev.sotto.schemas;

import com.google.protobuf.InvalidProtocolBufferException;
import java.util.List;
import java.util.Optional;

/// A `RoundOpened` of a version of the protocol that this program does not speak: as much of it as is needed to say so.
/// These fields keep their numbers and meaning in every version; what else it says is not known here.
///
/// @param protocol from 2
/// @param round    from 0
/// @param attempt  from 1
/// @param cohort   organisation ids, ascending
/// @param payload  as received
public record RoundOfOtherVersion(int protocol, long round, long attempt, List<String> cohort, Bytes payload)
        implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RoundOfOtherVersion {
        Wire.range(protocol, 2, Integer.MAX_VALUE, "protocol");
        Wire.range(round, 0, Long.MAX_VALUE, "round");
        Wire.range(attempt, 1, Long.MAX_VALUE, "attempt");
        cohort = Wire.ascending(cohort, 0, Limits.MAX_FEDERATION_MEMBERS, "cohort");
    }

    @Override
    public MessageType type() {
        return MessageType.ROUND_OPENED;
    }

    @Override
    public Bytes encode() {
        return payload;
    }

    /// The message in these bytes, unless they are of this program's version, or of none.
    ///
    /// @throws MalformedMessage if `payload` says to be of another version and is not such a message; the
    ///   coordinator is at fault
    static Optional<RoundOfOtherVersion> in(Bytes payload) throws MalformedMessage {
        dev.sotto.schemas.proto.RoundOpened wire;
        try {
            wire = dev.sotto.schemas.proto.RoundOpened.parseFrom(Wire.wire(payload));
        } catch (InvalidProtocolBufferException e) {
            return Optional.empty();
        }
        return wire.getProtocol() == 0
                ? Optional.empty()
                : Optional.of(Wire.make(() -> new RoundOfOtherVersion(
                        wire.getProtocol(), wire.getRound(), wire.getAttempt(), wire.getCohortList(), payload)));
    }
}

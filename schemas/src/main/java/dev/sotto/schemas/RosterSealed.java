package dev.sotto.schemas;

import java.util.List;

/// Message 3: who takes part.
///
/// @param keysAdvertised the envelopes of U1, verbatim, senders ascending
public record RosterSealed(List<Bytes> keysAdvertised) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RosterSealed {
        keysAdvertised = Wire.count(keysAdvertised, 1, Limits.MAX_MEMBERS, "keysAdvertised");
    }

    @Override
    public MessageType type() {
        return MessageType.ROSTER_SEALED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.RosterSealed.newBuilder()
                .addAllKeysAdvertised(Wire.wire(keysAdvertised))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static RosterSealed parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RosterSealed.parser(), payload, "RosterSealed");
        return Wire.make(() -> new RosterSealed(Wire.bytes(wire.getKeysAdvertisedList())));
    }
}

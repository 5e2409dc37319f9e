package dev.sotto.schemas;

/// What the director has decided and will sign, a record of `leader`. A successor signs it byte for byte.
///
/// @param type       of the message
/// @param transcript that its envelope will carry
/// @param payload    of the message
public record Decided(MessageType type, Bytes transcript, Bytes payload) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public Decided {
        Wire.size(transcript, Limits.HASH, "transcript");
        Wire.range(payload.size(), 0, Limits.ENVELOPE, "bytes of payload");
    }

    /// The record's value.
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.Decided.newBuilder()
                .setType(type.wireName())
                .setTranscript(Wire.wire(transcript))
                .setPayload(Wire.wire(payload))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `value` is not such a record; a coordinator of another version wrote
    ///   it
    public static Decided parse(Bytes value) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.Decided.parser(), value, "Decided");
        MessageType type = MessageType.of(wire.getType())
                .orElseThrow(() -> new MalformedMessage("Decided names no message type of this protocol version"));
        return Wire.make(() -> new Decided(type, Wire.bytes(wire.getTranscript()), Wire.bytes(wire.getPayload())));
    }
}

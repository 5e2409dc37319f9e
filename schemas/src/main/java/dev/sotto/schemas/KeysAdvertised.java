package dev.sotto.schemas;

/// Message 2: a member's keys for one attempt.
///
/// @param channelKey X-Wing public key to which shares are sealed
/// @param maskKey    X-Wing public key of the pairwise masks
/// @param previous   C_prev as the member knows it
public record KeysAdvertised(Bytes channelKey, Bytes maskKey, Bytes previous) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public KeysAdvertised {
        Wire.size(channelKey, Limits.XWING_PUBLIC_KEY, "channelKey");
        Wire.size(maskKey, Limits.XWING_PUBLIC_KEY, "maskKey");
        Wire.size(previous, Limits.HASH, "previous");
    }

    @Override
    public MessageType type() {
        return MessageType.KEYS_ADVERTISED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.KeysAdvertised.newBuilder()
                .setChannelKey(Wire.wire(channelKey))
                .setMaskKey(Wire.wire(maskKey))
                .setPrevious(Wire.wire(previous))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static KeysAdvertised parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.KeysAdvertised.parser(), payload, "KeysAdvertised");
        return Wire.make(() -> new KeysAdvertised(
                Wire.bytes(wire.getChannelKey()), Wire.bytes(wire.getMaskKey()), Wire.bytes(wire.getPrevious())));
    }
}

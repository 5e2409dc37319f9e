package dev.sotto.schemas;

/// After an abort, a complainant lets everyone open what was sealed to it.
///
/// @param channelSeed the private key of its channel key, 32 bytes; public from now on
public record ChannelOpened(Bytes channelSeed) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public ChannelOpened {
        Wire.size(channelSeed, Limits.SEED, "channelSeed");
    }

    @Override
    public MessageType type() {
        return MessageType.CHANNEL_OPENED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.ChannelOpened.newBuilder()
                .setChannelSeed(Wire.wire(channelSeed))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static ChannelOpened parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.ChannelOpened.parser(), payload, "ChannelOpened");
        return Wire.make(() -> new ChannelOpened(Wire.bytes(wire.getChannelSeed())));
    }
}

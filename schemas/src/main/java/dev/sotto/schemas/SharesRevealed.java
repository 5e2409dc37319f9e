package dev.sotto.schemas;

/// Message 10: a member's shares, sealed to the round key.
///
/// @param box HPKE of a `RevealedShares` message (see messages.proto)
public record SharesRevealed(Bytes box) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public SharesRevealed {
        Wire.range(
                box.size(),
                Limits.XWING_CIPHERTEXT + Limits.TAG + 1,
                Limits.XWING_CIPHERTEXT + Limits.TAG + Limits.MAX_MEMBERS * 256,
                "bytes of box");
    }

    @Override
    public MessageType type() {
        return MessageType.SHARES_REVEALED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.SharesRevealed.newBuilder()
                .setBox(Wire.wire(box))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static SharesRevealed parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.SharesRevealed.parser(), payload, "SharesRevealed");
        return Wire.make(() -> new SharesRevealed(Wire.bytes(wire.getBox())));
    }
}

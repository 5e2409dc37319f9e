package dev.sotto.schemas;

/// A member will not take (further) part in the attempt; signed and public.
///
/// @param reason name of the rule
/// @param detail for people
public record RoundDeclined(String reason, String detail) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RoundDeclined {
        Wire.name(reason, "reason");
        Wire.text(detail, Limits.DETAIL, "detail");
    }

    @Override
    public MessageType type() {
        return MessageType.ROUND_DECLINED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.RoundDeclined.newBuilder()
                .setReason(reason)
                .setDetail(detail)
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static RoundDeclined parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RoundDeclined.parser(), payload, "RoundDeclined");
        return Wire.make(() -> new RoundDeclined(wire.getReason(), wire.getDetail()));
    }
}

package dev.sotto.schemas;

/// A member says that what `accused` sealed to it does not open or does not match its commitment.
///
/// @param accused the dealer
/// @param reason  name of the rule
public record Complaint(String accused, String reason) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public Complaint {
        Wire.organisation(accused, "accused");
        Wire.name(reason, "reason");
    }

    @Override
    public MessageType type() {
        return MessageType.COMPLAINT;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.Complaint.newBuilder()
                .setAccused(accused)
                .setReason(reason)
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static Complaint parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.Complaint.parser(), payload, "Complaint");
        return Wire.make(() -> new Complaint(wire.getAccused(), wire.getReason()));
    }
}

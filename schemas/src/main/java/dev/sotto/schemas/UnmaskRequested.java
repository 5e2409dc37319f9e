package dev.sotto.schemas;

import java.util.List;

/// Message 9: enough survivors have confirmed; members may reveal.
///
/// @param confirmations envelopes of `SurvivorsConfirmed`, verbatim
public record UnmaskRequested(List<Bytes> confirmations) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public UnmaskRequested {
        confirmations = Wire.count(confirmations, 1, Limits.MAX_MEMBERS, "confirmations");
    }

    @Override
    public MessageType type() {
        return MessageType.UNMASK_REQUESTED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.UnmaskRequested.newBuilder()
                .addAllConfirmations(Wire.wire(confirmations))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static UnmaskRequested parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.UnmaskRequested.parser(), payload, "UnmaskRequested");
        return Wire.make(() -> new UnmaskRequested(Wire.bytes(wire.getConfirmationsList())));
    }
}

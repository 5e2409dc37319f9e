package dev.sotto.schemas;

import java.util.List;

/// A member publishes proof that somebody broke the protocol.
///
/// @param reason   name of the rule
/// @param evidence envelopes, verbatim
public record Disputed(String reason, List<Bytes> evidence) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public Disputed {
        Wire.name(reason, "reason");
        evidence = Wire.count(evidence, 0, Limits.MAX_MEMBERS, "evidence");
    }

    @Override
    public MessageType type() {
        return MessageType.DISPUTED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.Disputed.newBuilder()
                .setReason(reason)
                .addAllEvidence(Wire.wire(evidence))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static Disputed parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.Disputed.parser(), payload, "Disputed");
        return Wire.make(() -> new Disputed(wire.getReason(), Wire.bytes(wire.getEvidenceList())));
    }
}

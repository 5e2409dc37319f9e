package dev.sotto.schemas;

/// A signed message as it stands in Kafka. What is verified are these received bytes, never a
/// re-encoding.
///
/// @param type           of the payload
/// @param federation     the federation's id
/// @param sender         organisation id, or `coordinator`
/// @param keyFingerprint SHA-256 of the signer's raw identity key
/// @param transcript     the T that the sender had reached
/// @param payload        encoded [Message]
/// @param signature      Ed25519, 64 bytes
public record Envelope(
        MessageType type,
        String federation,
        String sender,
        Bytes keyFingerprint,
        Bytes transcript,
        Bytes payload,
        Bytes signature) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public Envelope {
        if (!Topics.isId(federation)) {
            throw new IllegalArgumentException("federation must match [a-z0-9-]{1,63}");
        }
        if (type.fromCoordinator()) {
            if (!sender.equals(Topics.COORDINATOR)) {
                throw new IllegalArgumentException(type.wireName() + " must be sent by " + Topics.COORDINATOR);
            }
        } else {
            Wire.organisation(sender, "sender");
        }
        Wire.size(keyFingerprint, Limits.HASH, "keyFingerprint");
        Wire.size(transcript, Limits.HASH, "transcript");
        Wire.range(payload.size(), 0, Limits.ENVELOPE, "bytes of payload");
        Wire.size(signature, Limits.SIGNATURE, "signature");
    }

    /// The record's value.
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.Envelope.newBuilder()
                .setType(type.wireName())
                .setFederation(federation)
                .setSender(sender)
                .setKeyFingerprint(Wire.wire(keyFingerprint))
                .setTranscript(Wire.wire(transcript))
                .setPayload(Wire.wire(payload))
                .setSignature(Wire.wire(signature))
                .build()
                .toByteArray());
    }

    /// The envelope in `value`; its payload is not parsed and its signature not verified.
    ///
    /// @throws MalformedMessage if `value` is not an envelope within its limits; whoever wrote it is at
    ///   fault
    public static Envelope decode(Bytes value) throws MalformedMessage {
        if (value.size() > Limits.ENVELOPE) {
            throw new MalformedMessage("Envelope has " + value.size() + " bytes, may have " + Limits.ENVELOPE);
        }
        var wire = Wire.decode(dev.sotto.schemas.proto.Envelope.parser(), value, "Envelope");
        MessageType type = MessageType.of(wire.getType())
                .orElseThrow(() -> new MalformedMessage("Envelope names no message type of this protocol version"));
        return Wire.make(() -> new Envelope(
                type,
                wire.getFederation(),
                wire.getSender(),
                Wire.bytes(wire.getKeyFingerprint()),
                Wire.bytes(wire.getTranscript()),
                Wire.bytes(wire.getPayload()),
                Wire.bytes(wire.getSignature())));
    }
}

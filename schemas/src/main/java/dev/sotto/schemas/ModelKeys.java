package dev.sotto.schemas;

import java.util.List;

/// The key of a model version for each active member. On `control`, outside the transcript chain; its
/// envelope's transcript is the digest.
///
/// @param version     of the model
/// @param modelDigest its digest
/// @param transcript  T4 of the round that made it; for version 0 its digest
/// @param boxes       the model key, sealed to each member's delivery key, ascending
public record ModelKeys(long version, Bytes modelDigest, Bytes transcript, List<SealedBox> boxes) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public ModelKeys {
        Wire.range(version, 0, Long.MAX_VALUE, "version");
        Wire.size(modelDigest, Limits.HASH, "modelDigest");
        Wire.size(transcript, Limits.HASH, "transcript");
        boxes = SealedBox.ascending(boxes, "boxes");
    }

    @Override
    public MessageType type() {
        return MessageType.MODEL_KEYS;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.ModelKeys.newBuilder()
                .setVersion(version)
                .setModelDigest(Wire.wire(modelDigest))
                .setTranscript(Wire.wire(transcript))
                .addAllBoxes(boxes.stream().map(SealedBox::wire).toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static ModelKeys parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.ModelKeys.parser(), payload, "ModelKeys");
        return Wire.make(() -> new ModelKeys(
                wire.getVersion(),
                Wire.bytes(wire.getModelDigest()),
                Wire.bytes(wire.getTranscript()),
                Wire.map(wire.getBoxesList(), SealedBox::of)));
    }
}

package dev.sotto.schemas;

/// Message 6, second part: one masked chunk. Its envelope signs enc(vector, index, H(masked)) in place of
/// the payload.
///
/// @param vector name of the vector
/// @param index  chunk within the vector, from 0
/// @param masked packed ring coordinates, 1 to 786,432 bytes
public record UpdateChunk(String vector, int index, Bytes masked) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public UpdateChunk {
        Wire.name(vector, "vector");
        Wire.range(index, 0, Limits.CHUNKS - 1, "index");
        Wire.range(masked.size(), 1, Limits.CHUNK, "bytes of masked");
    }

    @Override
    public MessageType type() {
        return MessageType.UPDATE_CHUNK;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.UpdateChunk.newBuilder()
                .setVector(vector)
                .setIndex(index)
                .setMasked(Wire.wire(masked))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static UpdateChunk parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.UpdateChunk.parser(), payload, "UpdateChunk");
        return Wire.make(() -> new UpdateChunk(wire.getVector(), wire.getIndex(), Wire.bytes(wire.getMasked())));
    }
}

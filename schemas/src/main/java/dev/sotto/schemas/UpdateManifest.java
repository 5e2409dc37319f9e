package dev.sotto.schemas;

import java.util.List;

/// Message 6, first part: what a member's masked update consists of.
///
/// @param vectors in layout order
public record UpdateManifest(List<VectorHashes> vectors) implements Message {
    /// The chunks of one vector.
    ///
    /// @param vector its name
    /// @param chunks SHA-256 of each masked chunk
    public record VectorHashes(String vector, List<Bytes> chunks) {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public VectorHashes {
            Wire.name(vector, "vector");
            Wire.count(chunks, 1, Limits.CHUNKS, "chunks of " + vector);
            chunks = Wire.sizes(chunks, Limits.HASH, "chunks of " + vector);
        }
    }

    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public UpdateManifest {
        vectors = Wire.count(vectors, 1, Limits.VECTORS, "vectors");
        Wire.range(vectors.stream().mapToInt(v -> v.chunks().size()).sum(), 1, Limits.CHUNKS, "chunks of the update");
    }

    @Override
    public MessageType type() {
        return MessageType.UPDATE_MANIFEST;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.UpdateManifest.newBuilder()
                .addAllVectors(vectors.stream()
                        .map(v -> dev.sotto.schemas.proto.VectorHashes.newBuilder()
                                .setVector(v.vector())
                                .addAllChunks(Wire.wire(v.chunks()))
                                .build())
                        .toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static UpdateManifest parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.UpdateManifest.parser(), payload, "UpdateManifest");
        return Wire.make(() -> new UpdateManifest(
                Wire.map(wire.getVectorsList(), v -> new VectorHashes(v.getVector(), Wire.bytes(v.getChunksList())))));
    }
}

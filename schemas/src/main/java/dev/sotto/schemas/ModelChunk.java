package dev.sotto.schemas;

/// One encrypted chunk of a model version, a record of `models`. Unsigned: AES-256-GCM and the version's
/// digest protect it.
///
/// @param version of the model
/// @param index   chunk of the version, from 0 (the header)
/// @param count   chunks of the version
/// @param sealed  AES-256-GCM ciphertext and tag
public record ModelChunk(long version, int index, int count, Bytes sealed) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public ModelChunk {
        Wire.range(version, 0, Long.MAX_VALUE, "version");
        Wire.range(count, 1, Integer.MAX_VALUE, "count");
        Wire.range(index, 0, count - 1, "index");
        Wire.range(sealed.size(), Limits.TAG, Limits.MODEL_CHUNK + Limits.TAG, "bytes of sealed");
    }

    /// The record's value.
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.ModelChunk.newBuilder()
                .setVersion(version)
                .setIndex(index)
                .setCount(count)
                .setSealed(Wire.wire(sealed))
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `value` is not such a record; the coordinator is at fault
    public static ModelChunk parse(Bytes value) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.ModelChunk.parser(), value, "ModelChunk");
        return Wire.make(() ->
                new ModelChunk(wire.getVersion(), wire.getIndex(), wire.getCount(), Wire.bytes(wire.getSealed())));
    }
}

package dev.sotto.schemas;

import java.util.List;

/// Message 7: whose updates are in the sum.
///
/// @param survivors U3, ascending, each with the hash of its `UpdateManifest` envelope
public record SurvivorsSealed(List<NamedHash> survivors) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public SurvivorsSealed {
        survivors = NamedHash.ascending(survivors, "survivors");
    }

    @Override
    public MessageType type() {
        return MessageType.SURVIVORS_SEALED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.SurvivorsSealed.newBuilder()
                .addAllSurvivors(survivors.stream().map(NamedHash::wire).toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static SurvivorsSealed parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.SurvivorsSealed.parser(), payload, "SurvivorsSealed");
        return Wire.make(() -> new SurvivorsSealed(Wire.map(wire.getSurvivorsList(), NamedHash::of)));
    }
}

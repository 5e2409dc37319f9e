package dev.sotto.schemas;

import java.util.List;

/// Message 11: the attempt made a new version.
///
/// @param version         of the adapter
/// @param modelDigest     of the version
/// @param aggregateDigest of the unmasked sum
/// @param roundSeeds      the round key's seed for each active member, ascending
/// @param revealed        who revealed shares, with the hash of the `SharesRevealed` that counted, ascending:
///   what it does not name came late and is void
public record RoundClosed(
        long version, Bytes modelDigest, Bytes aggregateDigest, List<SealedBox> roundSeeds, List<NamedHash> revealed)
        implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RoundClosed {
        Wire.range(version, 1, Long.MAX_VALUE, "version");
        Wire.size(modelDigest, Limits.HASH, "modelDigest");
        Wire.size(aggregateDigest, Limits.HASH, "aggregateDigest");
        roundSeeds = SealedBox.ascending(roundSeeds, "roundSeeds");
        revealed = NamedHash.ascending(revealed, "revealed");
    }

    @Override
    public MessageType type() {
        return MessageType.ROUND_CLOSED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.RoundClosed.newBuilder()
                .setVersion(version)
                .setModelDigest(Wire.wire(modelDigest))
                .setAggregateDigest(Wire.wire(aggregateDigest))
                .addAllRoundSeeds(roundSeeds.stream().map(SealedBox::wire).toList())
                .addAllRevealed(revealed.stream().map(NamedHash::wire).toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static RoundClosed parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RoundClosed.parser(), payload, "RoundClosed");
        return Wire.make(() -> new RoundClosed(
                wire.getVersion(),
                Wire.bytes(wire.getModelDigest()),
                Wire.bytes(wire.getAggregateDigest()),
                Wire.map(wire.getRoundSeedsList(), SealedBox::of),
                Wire.map(wire.getRevealedList(), NamedHash::of)));
    }
}

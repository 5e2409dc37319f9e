package dev.sotto.schemas;

import java.util.List;

/// A member's operator lets it confirm a second set of survivors on one adapter, once (protocol §5, "One
/// survivor set per adapter").
///
/// Whoever knows both sums learns their difference: the sum of those who are in one set only.
///
/// @param adapterDigest of the adapter
/// @param confirmed     the set that the member has confirmed, ascending
/// @param allowed       the one further set, ascending
public record SurvivorsLifted(Bytes adapterDigest, List<String> confirmed, List<String> allowed) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits, or both sets are the same
    public SurvivorsLifted {
        Wire.size(adapterDigest, Limits.HASH, "adapterDigest");
        confirmed = Wire.ascending(confirmed, 1, Limits.MAX_MEMBERS, "confirmed");
        allowed = Wire.ascending(allowed, 1, Limits.MAX_MEMBERS, "allowed");
        if (confirmed.equals(allowed)) {
            throw new IllegalArgumentException("confirmed and allowed are the same set");
        }
    }

    @Override
    public MessageType type() {
        return MessageType.SURVIVORS_LIFTED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.SurvivorsLifted.newBuilder()
                .setAdapterDigest(Wire.wire(adapterDigest))
                .addAllConfirmed(confirmed)
                .addAllAllowed(allowed)
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static SurvivorsLifted parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.SurvivorsLifted.parser(), payload, "SurvivorsLifted");
        return Wire.make(() -> new SurvivorsLifted(
                Wire.bytes(wire.getAdapterDigest()), wire.getConfirmedList(), wire.getAllowedList()));
    }
}

package dev.sotto.schemas;

import java.util.List;

/// Message 5: whose shares count. Members read them in the inboxes.
///
/// @param dealers U2, ascending, each with the hash of its `SharesDealt` envelope
public record SharesRouted(List<NamedHash> dealers) implements Message {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public SharesRouted {
        dealers = NamedHash.ascending(dealers, "dealers");
    }

    @Override
    public MessageType type() {
        return MessageType.SHARES_ROUTED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.SharesRouted.newBuilder()
                .addAllDealers(dealers.stream().map(NamedHash::wire).toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the coordinator is at fault
    public static SharesRouted parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.SharesRouted.parser(), payload, "SharesRouted");
        return Wire.make(() -> new SharesRouted(Wire.map(wire.getDealersList(), NamedHash::of)));
    }
}

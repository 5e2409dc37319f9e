package dev.sotto.schemas;

import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// What is inside a `SharesRevealed` box: shares of b_v for survivors, of m_v for dropped members, never
/// both for one member.
///
/// Shares open secrets: values of this type live only while they are sealed or rebuilt from.
///
/// @param selfShares shares of b_v, v in U3, ascending
/// @param maskShares shares of m_v, v in U2 without U3, ascending
public record RevealedShares(List<Share> selfShares, List<Share> maskShares) {
    /// A share with the salt of its commitment; not printed.
    ///
    /// @param owner whose secret it is a share of
    /// @param share 32 bytes
    /// @param salt  32 bytes
    public record Share(String owner, Bytes share, Bytes salt) {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Share {
            Wire.organisation(owner, "owner");
            Wire.size(share, 32, "share");
            Wire.size(salt, 32, "salt");
        }

        @Override
        public String toString() {
            return "Share[" + owner + ", redacted]";
        }
    }

    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public RevealedShares {
        List<String> self =
                Wire.ascending(selfShares.stream().map(Share::owner).toList(), 0, Limits.MAX_MEMBERS, "selfShares");
        List<String> mask =
                Wire.ascending(maskShares.stream().map(Share::owner).toList(), 0, Limits.MAX_MEMBERS, "maskShares");
        Set<String> both = new HashSet<>(self);
        both.retainAll(mask);
        if (!both.isEmpty()) {
            throw new IllegalArgumentException("both kinds of share for one member");
        }
        selfShares = List.copyOf(selfShares);
        maskShares = List.copyOf(maskShares);
    }

    /// The plain text of the box.
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.RevealedShares.newBuilder()
                .addAllSelfShares(selfShares.stream().map(RevealedShares::wire).toList())
                .addAllMaskShares(maskShares.stream().map(RevealedShares::wire).toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `plain` is not such a message; the member that sealed it is at fault
    public static RevealedShares parse(Bytes plain) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.RevealedShares.parser(), plain, "RevealedShares");
        return Wire.make(() -> new RevealedShares(
                Wire.map(wire.getSelfSharesList(), RevealedShares::of),
                Wire.map(wire.getMaskSharesList(), RevealedShares::of)));
    }

    private static dev.sotto.schemas.proto.RevealedShares.Share wire(Share share) {
        return dev.sotto.schemas.proto.RevealedShares.Share.newBuilder()
                .setOwner(share.owner())
                .setShare(Wire.wire(share.share()))
                .setSalt(Wire.wire(share.salt()))
                .build();
    }

    private static Share of(dev.sotto.schemas.proto.RevealedShares.Share wire) {
        return new Share(wire.getOwner(), Wire.bytes(wire.getShare()), Wire.bytes(wire.getSalt()));
    }
}

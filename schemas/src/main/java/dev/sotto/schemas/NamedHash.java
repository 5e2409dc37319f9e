package dev.sotto.schemas;

import java.util.List;

/// An organisation and the hash of an envelope that it sent.
///
/// @param organisation its id
/// @param hash         SHA-256 of the envelope, 32 bytes
public record NamedHash(String organisation, Bytes hash) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public NamedHash {
        Wire.organisation(organisation, "organisation");
        Wire.size(hash, Limits.HASH, "hash");
    }

    static List<NamedHash> ascending(List<NamedHash> list, String field) {
        Wire.ascending(list.stream().map(NamedHash::organisation).toList(), 1, Limits.MAX_MEMBERS, field);
        return List.copyOf(list);
    }

    dev.sotto.schemas.proto.Named wire() {
        return dev.sotto.schemas.proto.Named.newBuilder()
                .setOrganisation(organisation)
                .setHash(Wire.wire(hash))
                .build();
    }

    static NamedHash of(dev.sotto.schemas.proto.Named wire) {
        return new NamedHash(wire.getOrganisation(), Wire.bytes(wire.getHash()));
    }
}

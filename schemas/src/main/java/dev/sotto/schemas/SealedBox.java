package dev.sotto.schemas;

import java.util.List;

/// An HPKE box for one organisation.
///
/// @param organisation who can open it
/// @param box          encapsulated key, then ciphertext with tag; a 32-byte secret inside
public record SealedBox(String organisation, Bytes box) {
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public SealedBox {
        Wire.organisation(organisation, "organisation");
        Wire.size(box, Limits.SEED_BOX, "box");
    }

    static List<SealedBox> ascending(List<SealedBox> list, String field) {
        Wire.ascending(list.stream().map(SealedBox::organisation).toList(), 0, Limits.MAX_FEDERATION_MEMBERS, field);
        return List.copyOf(list);
    }

    dev.sotto.schemas.proto.SealedBox wire() {
        return dev.sotto.schemas.proto.SealedBox.newBuilder()
                .setOrganisation(organisation)
                .setBox(Wire.wire(box))
                .build();
    }

    static SealedBox of(dev.sotto.schemas.proto.SealedBox wire) {
        return new SealedBox(wire.getOrganisation(), Wire.bytes(wire.getBox()));
    }
}

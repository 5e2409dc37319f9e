package dev.sotto.coordinator.director;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.secagg.Registry;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A member of the federation, or an organisation that was one.
///
/// @param state           `active` or `revoked`
/// @param principal       its name for Kafka
/// @param fingerprint     SHA-256 of the identity key
/// @param certificateEnds when its TLS certificate does, to a minute: reckoned from its entry in the registry
/// @param lastSeen        when it last wrote anything
/// @param reason          why it is revoked
public record Member(
        String organisation,
        String state,
        @Nullable String principal,
        @Nullable String fingerprint,
        @Nullable Instant certificateEnds,
        @Nullable Instant lastSeen,
        @Nullable String reason) {
    /// Everybody in the registry, the active first, each by id.
    static List<Member> of(Registry registry, Board board) {
        List<Member> members = new ArrayList<>();
        registry.members()
                .forEach((id, member) -> members.add(new Member(
                        id,
                        "active",
                        member.principal(),
                        Enc.sha256(member.identityKey()).hex(),
                        board.enrolledAt(id)
                                .map(at -> at.plus(CertificateAuthority.LEAF))
                                .orElse(null),
                        board.lastSeen(id).orElse(null),
                        null)));
        registry.revoked()
                .forEach((id, reason) -> members.add(new Member(
                        id, "revoked", null, null, null, board.lastSeen(id).orElse(null), reason)));
        return members;
    }

    /// Whether it takes part.
    public boolean isActive() {
        return state.equals("active");
    }
}

package dev.sotto.coordinator.director;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Protocol;
import dev.sotto.schemas.RegistryEntry;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A member of the federation, or an organisation that was one.
///
/// @param state           `active`, `suspended`, `revoked` or `left`
/// @param principal       its name for Kafka
/// @param fingerprint     SHA-256 of the identity key
/// @param certificate     serial number of its TLS certificate, hexadecimal
/// @param certificateEnds when that ends; where the audit log does not say, reckoned from its entry in the registry
/// @param lastSeen        when it last wrote anything
/// @param protocol        versions of the protocol that its program speaks, as it last said
/// @param reason          why it is not active, or in no rounds
public record Member(
        String organisation,
        String state,
        @Nullable String principal,
        @Nullable String fingerprint,
        @Nullable String certificate,
        @Nullable Instant certificateEnds,
        @Nullable Instant lastSeen,
        @Nullable String protocol,
        @Nullable String reason) {
    /// All states.
    public static final List<String> STATES = List.of("active", "suspended", "revoked", "left");

    /// Everybody in the registry: who takes part, who is suspended, who is gone; each by id.
    static List<Member> of(Registry registry, Board board) {
        List<Member> members = new ArrayList<>();
        registry.members().values().forEach(member -> members.add(of(member, "active", null, board)));
        registry.suspended()
                .values()
                .forEach(suspension -> members.add(of(suspension.member(), "suspended", suspension.reason(), board)));
        registry.gone()
                .forEach((id, end) -> members.add(new Member(
                        id,
                        switch (end) {
                            case RegistryEntry.Revoked _ -> "revoked";
                            case RegistryEntry.Left _ -> "left";
                        },
                        null,
                        null,
                        null,
                        null,
                        board.lastSeen(id).orElse(null),
                        null,
                        end.reason())));
        return members;
    }

    private static Member of(RegistryEntry.Enrolled member, String state, @Nullable String reason, Board board) {
        String id = member.organisation();
        String protocol = board.protocol(id).orElse(null);
        boolean spoken = protocol == null || Protocol.isSpoken(protocol);
        return new Member(
                id,
                state,
                member.principal(),
                Enc.sha256(member.identityKey()).hex(),
                member.certificateSerial(),
                board.enrolledAt(id)
                        .map(at -> at.plus(CertificateAuthority.LEAF))
                        .orElse(null),
                board.lastSeen(id).orElse(null),
                protocol,
                spoken || reason != null
                        ? reason
                        : "in no rounds, its program speaks " + protocol + " of the protocol, this coordinator version "
                                + Protocol.VERSION);
    }

    /// With the end that the audit log has.
    public Member withCertificateEnds(Instant ends) {
        return new Member(organisation, state, principal, fingerprint, certificate, ends, lastSeen, protocol, reason);
    }

    /// Whether it takes part.
    public boolean isActive() {
        return state.equals("active");
    }
}

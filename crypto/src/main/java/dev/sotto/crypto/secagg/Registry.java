package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.Topics;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Who is a member: the fold of the topic `registry`, whose entries the coordinator signs and chains by
/// hash. Immutable.
///
/// The registry says who enrolled, not whom to trust: a member trusts the keys that it pinned.
///
/// @param head    hash over all entries, 32 zero bytes at first
/// @param members the last enrolment of each organisation that is not revoked
/// @param revoked the reason, by organisation
public record Registry(
        Bytes head, SortedMap<String, RegistryEntry.Enrolled> members, SortedMap<String, String> revoked) {
    /// Before any entry.
    public static final Registry START = new Registry(Bytes.zeros(Enc.HASH), new TreeMap<>(), new TreeMap<>());

    /// Copies the maps.
    public Registry {
        members = Collections.unmodifiableSortedMap(new TreeMap<>(members));
        revoked = Collections.unmodifiableSortedMap(new TreeMap<>(revoked));
    }

    /// The registry after the next record of the topic.
    ///
    /// @param coordinator a directory with the coordinator's key
    /// @throws PeerMisbehaved blaming the coordinator if the record is not its, does not continue the
    ///   chain, or carries a delivery key that the organisation did not sign
    public Registry next(Primitives primitives, Directory coordinator, Envelope envelope) throws PeerMisbehaved {
        if (!envelope.sender().equals(Topics.COORDINATOR)) {
            throw new PeerMisbehaved(Refusal.UNKNOWN_SENDER, envelope.sender(), "does not write the registry");
        }
        Message message = coordinator.verify(primitives, envelope, head);
        if (!(message instanceof RegistryEntry entry)) {
            throw Roster.coordinator(Refusal.UNEXPECTED_MESSAGE, envelope.type().wireName() + " in the registry");
        }
        TreeMap<String, RegistryEntry.Enrolled> nextMembers = new TreeMap<>(members);
        TreeMap<String, String> nextRevoked = new TreeMap<>(revoked);
        switch (entry) {
            case RegistryEntry.Enrolled enrolled -> {
                if (!isDeliverySigned(primitives, coordinator.federation(), enrolled)) {
                    throw Roster.coordinator(
                            Refusal.BAD_SIGNATURE,
                            "the registry holds a delivery key that " + enrolled.organisation() + " did not sign");
                }
                nextMembers.put(enrolled.organisation(), enrolled);
                nextRevoked.remove(enrolled.organisation());
            }
            case RegistryEntry.Revoked gone -> {
                nextMembers.remove(gone.organisation());
                nextRevoked.put(gone.organisation(), gone.reason());
            }
        }
        return new Registry(Enc.hash("sotto/1/RegistryEntry", head, envelope.payload()), nextMembers, nextRevoked);
    }

    /// Every member's keys, as the coordinator trusts them.
    public Directory directory(String federation, Bytes coordinatorKey) {
        Map<String, Bytes> keys = new TreeMap<>();
        Map<String, Bytes> deliveryKeys = new TreeMap<>();
        members.forEach((id, member) -> {
            keys.put(id, member.identityKey());
            deliveryKeys.put(id, member.deliveryKey());
        });
        return new Directory(federation, coordinatorKey, keys, deliveryKeys);
    }

    /// Whether the delivery key of an entry is signed by its identity key.
    public static boolean isDeliverySigned(Primitives primitives, String federation, RegistryEntry.Enrolled enrolled) {
        Bytes signed = deliverySigned(federation, enrolled.organisation(), enrolled.deliveryKey());
        return primitives.verify(enrolled.identityKey(), signed, enrolled.deliverySignature());
    }

    /// Signs a delivery key with its owner's identity.
    public static Bytes signDelivery(
            Primitives primitives, Secret identity, String federation, String organisation, Bytes deliveryKey) {
        return primitives.sign(identity, deliverySigned(federation, organisation, deliveryKey));
    }

    /// What the identity key signs at enrolment: that this request is the organisation's own.
    ///
    /// @param tokenHash SHA-256 of the invite's token
    /// @param csrHash   SHA-256 of the request for a TLS certificate, DER
    public static Bytes enrolmentSigned(
            String federation, String organisation, Bytes tokenHash, Bytes csrHash, Bytes deliveryKey) {
        return Enc.of("sotto/1", "enrolment", federation, organisation, tokenHash, csrHash, Enc.sha256(deliveryKey));
    }

    /// What the identity key signs when a member renews its TLS certificate.
    ///
    /// @param csrHash SHA-256 of the request for the new one, DER
    public static Bytes renewalSigned(String federation, String organisation, Bytes csrHash) {
        return Enc.of("sotto/1", "renewal", federation, organisation, csrHash);
    }

    private static Bytes deliverySigned(String federation, String organisation, Bytes deliveryKey) {
        return Enc.of("sotto/1", "delivery-key", federation, organisation, Enc.sha256(deliveryKey));
    }
}

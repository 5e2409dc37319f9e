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
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Who is a member: the fold of the topic `registry`, whose entries the coordinator signs and chains by
/// hash. Immutable.
///
/// The registry says who enrolled, not whom to trust: a member trusts the keys that it pinned.
///
/// @param head    hash over all entries, 32 zero bytes at first
/// @param members   the last enrolment of each organisation that is one
/// @param suspended members that are no candidates for rounds, by organisation
/// @param gone      how the membership ended of each that is none any more, by organisation
public record Registry(
        Bytes head,
        SortedMap<String, RegistryEntry.Enrolled> members,
        SortedMap<String, Suspension> suspended,
        SortedMap<String, RegistryEntry.Ended> gone) {
    /// Before any entry.
    public static final Registry START =
            new Registry(Bytes.zeros(Enc.HASH), new TreeMap<>(), new TreeMap<>(), new TreeMap<>());

    /// A member that waits to be resumed.
    ///
    /// @param member its last enrolment
    /// @param reason for people
    public record Suspension(RegistryEntry.Enrolled member, String reason) {}

    /// Copies the maps.
    public Registry {
        members = Collections.unmodifiableSortedMap(new TreeMap<>(members));
        suspended = Collections.unmodifiableSortedMap(new TreeMap<>(suspended));
        gone = Collections.unmodifiableSortedMap(new TreeMap<>(gone));
    }

    /// The last enrolment of an organisation whose membership has not ended, suspended or not.
    public Optional<RegistryEntry.Enrolled> enrolment(String organisation) {
        RegistryEntry.Enrolled member = members.get(organisation);
        Suspension suspension = suspended.get(organisation);
        return Optional.ofNullable(member == null && suspension != null ? suspension.member() : member);
    }

    /// The registry after the next record of the topic.
    ///
    /// @param coordinator a directory with the coordinator's key
    /// @throws PeerMisbehaved blaming the coordinator if the record is not its, does not continue the
    ///   chain, carries a delivery key or a leave that the organisation did not sign, or is about an organisation
    ///   that is not in the state for it
    public Registry next(Primitives primitives, Directory coordinator, Envelope envelope) throws PeerMisbehaved {
        if (!envelope.sender().equals(Topics.COORDINATOR)) {
            throw new PeerMisbehaved(Refusal.UNKNOWN_SENDER, envelope.sender(), "does not write the registry");
        }
        Message message = coordinator.verify(primitives, envelope, head);
        if (!(message instanceof RegistryEntry entry)) {
            throw Roster.coordinator(Refusal.UNEXPECTED_MESSAGE, envelope.type().wireName() + " in the registry");
        }
        TreeMap<String, RegistryEntry.Enrolled> nextMembers = new TreeMap<>(members);
        TreeMap<String, Suspension> nextSuspended = new TreeMap<>(suspended);
        TreeMap<String, RegistryEntry.Ended> nextGone = new TreeMap<>(gone);
        String organisation = entry.organisation();
        nextMembers.remove(organisation);
        nextSuspended.remove(organisation);
        nextGone.remove(organisation);
        switch (entry) {
            case RegistryEntry.Enrolled enrolled -> {
                if (!isDeliverySigned(primitives, coordinator.federation(), enrolled)) {
                    throw Roster.coordinator(
                            Refusal.BAD_SIGNATURE,
                            "the registry holds a delivery key that " + organisation + " did not sign");
                }
                nextMembers.put(organisation, enrolled);
            }
            case RegistryEntry.Suspended suspension ->
                nextSuspended.put(
                        organisation,
                        new Suspension(required(members.get(organisation), suspension), suspension.reason()));
            case RegistryEntry.Resumed resumed ->
                nextMembers.put(
                        organisation,
                        required(suspended.get(organisation), resumed).member());
            case RegistryEntry.Revoked revoked -> nextGone.put(organisation, revoked);
            case RegistryEntry.Left left -> {
                RegistryEntry.Enrolled member = required(enrolment(organisation).orElse(null), left);
                Bytes signed = leaveSigned(coordinator.federation(), organisation, member.principal(), left.reason());
                if (!primitives.verify(member.identityKey(), signed, left.signature())) {
                    throw Roster.coordinator(
                            Refusal.BAD_SIGNATURE,
                            "the registry says that " + organisation + " left, which it did not sign");
                }
                nextGone.put(organisation, left);
            }
        }
        return new Registry(
                Enc.hash("sotto/1/RegistryEntry", head, envelope.payload()), nextMembers, nextSuspended, nextGone);
    }

    private static <T> T required(@Nullable T found, RegistryEntry entry) throws PeerMisbehaved {
        if (found == null) {
            throw Roster.coordinator(
                    Refusal.UNEXPECTED_MESSAGE,
                    "the registry has an entry " + entry.getClass().getSimpleName() + " of " + entry.organisation()
                            + ", which is not in the state for it");
        }
        return found;
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

    /// What the identity key signs when a member leaves.
    ///
    /// @param principal of its enrolment, so that it holds for no other one
    /// @param reason    for people, may be empty
    public static Bytes leaveSigned(String federation, String organisation, String principal, String reason) {
        return Enc.of("sotto/1", "leave", federation, organisation, principal, reason);
    }

    private static Bytes deliverySigned(String federation, String organisation, Bytes deliveryKey) {
        return Enc.of("sotto/1", "delivery-key", federation, organisation, Enc.sha256(deliveryKey));
    }
}

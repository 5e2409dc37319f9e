package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.RoundDeclined;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class RegistryTest {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();

    private final Identity coordinator = new Identity(PRIMITIVES, "north", "coordinator", seed(1));
    private final Directory directory = new Directory("north", coordinator.key(), Map.of(), Map.of());

    @Test
    void entries_inOrder_makeMembersAndAHashChain() throws PeerMisbehaved {
        Envelope first = coordinator.sign(enrolled("acme", 2, 3), Registry.START.head());
        Registry one = Registry.START.next(PRIMITIVES, directory, first);
        assertThat(one.head()).isEqualTo(Enc.hash("sotto/1/RegistryEntry", Bytes.zeros(32), first.payload()));
        assertThat(one.directory("north", coordinator.key()).members()).containsOnlyKeys("acme");
        Registry two = one.next(
                PRIMITIVES, directory, coordinator.sign(new RegistryEntry.Revoked("acme", "left"), one.head()));
        assertThat(two.members()).isEmpty();
        assertThat(two.gone()).containsEntry("acme", new RegistryEntry.Revoked("acme", "left"));
    }

    @Test
    void suspended_isNoMember_andResumedIsTheSameOne() throws PeerMisbehaved {
        Registry member = next(Registry.START, enrolled("acme", 2, 3));
        Registry suspended = next(member, new RegistryEntry.Suspended("acme", "under review"));
        assertThat(suspended.members()).isEmpty();
        assertThat(suspended.directory("north", coordinator.key()).members()).isEmpty();
        assertThat(Objects.requireNonNull(suspended.suspended().get("acme")).reason())
                .isEqualTo("under review");
        assertThat(suspended.enrolment("acme")).contains(member.members().get("acme"));
        Registry resumed = next(suspended, new RegistryEntry.Resumed("acme"));
        assertThat(resumed.members()).isEqualTo(member.members());
        assertThat(resumed.suspended()).isEmpty();
        assertThat(next(suspended, enrolled("acme", 4, 5)).members()).containsKey("acme");
        assertThat(next(suspended, new RegistryEntry.Revoked("acme", "no")).suspended())
                .isEmpty();
        refused(Refusal.UNEXPECTED_MESSAGE, suspended, new RegistryEntry.Suspended("acme", "again"));
        refused(Refusal.UNEXPECTED_MESSAGE, member, new RegistryEntry.Resumed("acme"));
    }

    /// The consortium can put a member out, openly; it cannot say that it left.
    @Test
    void leave_isTheMembersOwn() throws PeerMisbehaved {
        Registry member = next(Registry.START, enrolled("acme", 2, 3));
        Registry left = next(member, leave("acme", "acme", "done", 2));
        assertThat(left.members()).isEmpty();
        assertThat(left.gone().get("acme")).isInstanceOf(RegistryEntry.Left.class);
        assertThat(Objects.requireNonNull(left.gone().get("acme")).reason()).isEqualTo("done");
        Registry suspended = next(member, new RegistryEntry.Suspended("acme", "under review"));
        assertThat(next(suspended, leave("acme", "acme", "", 2)).suspended()).isEmpty();
        refused(Refusal.BAD_SIGNATURE, member, leave("acme", "acme", "done", 1));
        refused(Refusal.BAD_SIGNATURE, member, leave("acme", "acme-g2", "done", 2));
        RegistryEntry.Left signed = leave("acme", "acme", "done", 2);
        refused(Refusal.BAD_SIGNATURE, member, new RegistryEntry.Left("acme", "another", signed.signature()));
        refused(Refusal.UNEXPECTED_MESSAGE, left, signed);
    }

    private Registry next(Registry registry, RegistryEntry entry) throws PeerMisbehaved {
        return registry.next(PRIMITIVES, directory, coordinator.sign(entry, registry.head()));
    }

    private void refused(Refusal reason, Registry registry, RegistryEntry entry) {
        assertThatThrownBy(() -> next(registry, entry)).isInstanceOfSatisfying(PeerMisbehaved.class, fault -> {
            assertThat(fault.reason()).isEqualTo(reason);
            assertThat(fault.who()).isEqualTo("coordinator");
        });
    }

    private static RegistryEntry.Left leave(String organisation, String principal, String reason, int identitySeed) {
        try (Secret identity = seed(identitySeed)) {
            Bytes signed = Registry.leaveSigned("north", organisation, principal, reason);
            return new RegistryEntry.Left(organisation, reason, PRIMITIVES.sign(identity, signed));
        }
    }

    @Test
    void entry_ofAnotherSigner_isRefused() {
        Identity impostor = new Identity(PRIMITIVES, "north", "coordinator", seed(9));
        refused(Refusal.BAD_SIGNATURE, impostor.sign(enrolled("acme", 2, 3), Registry.START.head()));
        Identity member = new Identity(PRIMITIVES, "north", "acme", seed(2));
        refused(Refusal.UNKNOWN_SENDER, member.sign(new RoundDeclined("POLICY", "no"), Registry.START.head()));
    }

    @Test
    void entry_thatSkipsOne_isRefused() {
        refused(Refusal.OTHER_TRANSCRIPT, coordinator.sign(enrolled("acme", 2, 3), Enc.hash("another")));
    }

    @Test
    void deliveryKey_thatItsOwnerDidNotSign_isRefused() {
        try (Secret identity = seed(2);
                Secret other = seed(4)) {
            Bytes deliveryKey = PRIMITIVES.kemKey(seed(3));
            Bytes signature = Registry.signDelivery(PRIMITIVES, other, "north", "acme", deliveryKey);
            refused(
                    Refusal.BAD_SIGNATURE,
                    coordinator.sign(
                            new RegistryEntry.Enrolled(
                                    "acme", 1, "acme", PRIMITIVES.identityKey(identity), deliveryKey, signature, "1f"),
                            Registry.START.head()));
        }
    }

    /// The request names everything that the coordinator enters for it.
    @Test
    void enrolment_signed_isItsItems() {
        Bytes token = Enc.hash("token");
        Bytes csr = Enc.hash("csr");
        Bytes deliveryKey = Bytes.utf8("delivery key");
        assertThat(Registry.enrolmentSigned("north", "acme", token, csr, deliveryKey))
                .isEqualTo(Enc.of("sotto/1", "enrolment", "north", "acme", token, csr, Enc.sha256(deliveryKey)));
    }

    private void refused(Refusal reason, Envelope envelope) {
        assertThatThrownBy(() -> Registry.START.next(PRIMITIVES, directory, envelope))
                .isInstanceOfSatisfying(
                        PeerMisbehaved.class,
                        fault -> assertThat(fault.reason()).isEqualTo(reason));
    }

    private static RegistryEntry enrolled(String organisation, int identitySeed, int deliverySeed) {
        try (Secret identity = seed(identitySeed);
                Secret delivery = seed(deliverySeed)) {
            Bytes deliveryKey = PRIMITIVES.kemKey(delivery);
            return new RegistryEntry.Enrolled(
                    organisation,
                    1,
                    organisation,
                    PRIMITIVES.identityKey(identity),
                    deliveryKey,
                    Registry.signDelivery(PRIMITIVES, identity, "north", organisation, deliveryKey),
                    "1f");
        }
    }

    private static Secret seed(int value) {
        byte[] bytes = new byte[32];
        Arrays.fill(bytes, (byte) value);
        return Secret.take(bytes);
    }
}

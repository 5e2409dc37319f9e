package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.home.Membership;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RegistryEntry;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StandingTest {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    private static final Membership ACME =
            new Membership("north", "acme", "acme", "b:1", "https://c:1", "A".repeat(43) + "=", "00".repeat(32));

    private final Secret identity = Randomness.secure().secret(32);
    private final Identity coordinator =
            new Identity(PRIMITIVES, "north", "coordinator", Randomness.secure().secret(32));
    private Registry registry = Registry.START;

    private RegistryEntry enrolled(int generation, String principal) {
        Bytes delivery = PRIMITIVES.kemKey(Randomness.secure().secret(32));
        return new RegistryEntry.Enrolled(
                "acme",
                generation,
                principal,
                PRIMITIVES.identityKey(identity),
                delivery,
                Registry.signDelivery(PRIMITIVES, identity, "north", "acme", delivery),
                "1f");
    }

    private String after(RegistryEntry entry) throws Exception {
        Directory directory = new Directory("north", coordinator.key(), Map.of(), Map.of());
        registry = registry.next(PRIMITIVES, directory, coordinator.sign(entry, registry.head()));
        return Standing.of(registry, ACME).says("acme");
    }

    @Test
    void standing_followsTheRegistry() throws Exception {
        assertThat(Standing.of(registry, ACME).says("acme")).isEqualTo("acme is no member");
        assertThat(after(enrolled(1, "acme"))).isEqualTo("acme is a member");
        assertThat(Standing.of(registry, ACME).isActive()).isTrue();
        assertThat(after(new RegistryEntry.Suspended("acme", "under review")))
                .isEqualTo("acme is suspended: under review");
        assertThat(after(new RegistryEntry.Resumed("acme"))).isEqualTo("acme is a member");
        assertThat(after(new RegistryEntry.Revoked("acme", "no"))).isEqualTo("acme was revoked: no");
        assertThat(after(enrolled(2, "acme-g2"))).isEqualTo("acme has enrolled anew elsewhere, as acme-g2");
        assertThat(after(new RegistryEntry.Left(
                        "acme", "", PRIMITIVES.sign(identity, Registry.leaveSigned("north", "acme", "acme-g2", "")))))
                .isEqualTo("acme left");
        assertThat(Standing.of(registry, ACME).isActive()).isFalse();
    }
}

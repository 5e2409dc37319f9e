package dev.sotto.coordinator.director;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RegistryEntry;
import java.util.List;
import org.junit.jupiter.api.Test;

class OwnershipTest {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();

    private static Identity coordinator() {
        return new Identity(
                PRIMITIVES, "north", "coordinator", Randomness.secure().secret(32));
    }

    private static Bytes entry(Identity coordinator) {
        return coordinator
                .sign(new RegistryEntry.Revoked("acme", "no"), Registry.START.head())
                .encode();
    }

    /// Two coordinators with one federation id on one Kafka: the second ends before it fences the first.
    @Test
    void registryOfAnotherCoordinator_isLeftAlone() {
        try (Identity first = coordinator();
                Identity second = coordinator()) {
            Bytes own = Enc.sha256(second.key());
            assertThatCode(() -> Ownership.require(List.of(), own)).doesNotThrowAnyException();
            assertThatCode(() -> Ownership.require(List.of(entry(second), Bytes.utf8("junk")), own))
                    .doesNotThrowAnyException();
            assertThatThrownBy(() -> Ownership.require(List.of(Bytes.utf8("junk"), entry(first)), own))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(Enc.sha256(first.key()).hex())
                    .hasMessageContaining("this one is " + own.hex())
                    .hasMessageContaining("nothing was written");
        }
    }
}

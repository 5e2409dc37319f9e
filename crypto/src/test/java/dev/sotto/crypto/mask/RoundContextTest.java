package dev.sotto.crypto.mask;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import org.junit.jupiter.api.Test;

/// The HPKE infos, item by item as protocol §3 has them; the other formulas are in `vectors.json`.
class RoundContextTest {
    private static final RoundContext CONTEXT = new RoundContext("north", 3, 2);

    @Test
    void infos_areTheirItems() {
        Bytes t4 = Enc.hash("T4");
        assertThat(CONTEXT.revealInfo(t4, "bank")).isEqualTo(Enc.of("sotto/1", "reveal", "north", 3L, 2L, t4, "bank"));
        assertThat(CONTEXT.closedInfo(t4, "bank")).isEqualTo(Enc.of("sotto/1", "closed", "north", 3L, 2L, t4, "bank"));
    }

    @Test
    void modelInfo_belongsToTheVersionAndToNoAttempt() {
        Bytes digest = Enc.hash("version 7");
        assertThat(RoundContext.modelInfo("north", digest, 7, "bank"))
                .isEqualTo(Enc.of("sotto/1", "model", "north", 7L, 0L, digest, 7L, "bank"));
    }
}

package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class DisputesTest {
    private final Disputes disputes = new Disputes();

    private static Bytes digest(int version) {
        byte[] bytes = new byte[32];
        bytes[0] = (byte) version;
        return Bytes.of(bytes);
    }

    private static RoundOpened from(int version) {
        return new RoundOpened(
                version,
                1,
                Bytes.zeros(32),
                List.of("acme", "bank", "care"),
                List.of(),
                2,
                0,
                0,
                3,
                24,
                List.of(new VectorLayout("adapter", true, List.of(new TensorLayout("a", List.of(4), 0)))),
                16,
                "classes",
                new Deadlines(1, 1, 1, 1, 1),
                Bytes.zeros(32),
                version,
                digest(version),
                AnyPlan.with(plan -> {}),
                Bytes.zeros(32),
                Bytes.zeros(1216),
                Bytes.zeros(32),
                Bytes.zeros(32));
    }

    private void round(int from, boolean disputed) {
        disputes.opened(from(from));
        disputes.closed(
                new RoundClosed(
                        from + 1,
                        digest(from + 1),
                        Bytes.zeros(32),
                        List.of(),
                        List.of(new NamedHash("acme", Bytes.zeros(32)))),
                disputed);
    }

    @Test
    void refuses_disputedVersionAndAllMadeFromIt() {
        round(0, false);
        assertThat(disputes.refuses(from(1))).isEmpty();
        round(1, true);
        assertThat(disputes.refuses(from(2)).orElseThrow()).contains("disputes version 2");
        round(2, false);
        round(3, false);
        assertThat(disputes.refuses(from(3))).isPresent();
        assertThat(disputes.refuses(from(4)).orElseThrow()).contains("version 4, or one that it was made from");
        assertThat(disputes.refuses(from(1))).as("the one before is sound").isEmpty();
    }
}

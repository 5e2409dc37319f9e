package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PatienceTest {
    private static final Instant BEGAN = Instant.EPOCH;

    private static Patience patience(int deadline, int grace) {
        return Patience.from(BEGAN, deadline, Duration.ofSeconds(grace));
    }

    @Test
    void tooFewHaveAnswered_endsAtTheDeadline() {
        Patience patience = patience(100, 5).answered(2, 3, BEGAN.plusSeconds(1));
        assertThat(patience.enough()).isEmpty();
        assertThat(patience.ends()).isEqualTo(BEGAN.plusSeconds(100));
    }

    /// For as long again, but at least for the grace, and never past the deadline.
    @Property
    void enoughHaveAnswered_endsSoonAfter(
            @ForAll @IntRange(min = 1, max = 1000) int deadline,
            @ForAll @IntRange(max = 1000) int grace,
            @ForAll @IntRange(max = 1000) int took) {
        Patience patience = patience(deadline, grace).answered(3, 3, BEGAN.plusSeconds(took));
        assertThat(patience.ends()).isEqualTo(BEGAN.plusSeconds(Math.min(deadline, took + Math.max(grace, took))));
    }

    @Test
    void moreAnswerLater_changesNothing() {
        Patience patience = patience(100, 5).answered(3, 3, BEGAN.plusSeconds(10));
        assertThat(patience.answered(4, 3, BEGAN.plusSeconds(20))).isEqualTo(patience);
        assertThat(patience.ends()).isEqualTo(BEGAN.plusSeconds(20));
    }
}

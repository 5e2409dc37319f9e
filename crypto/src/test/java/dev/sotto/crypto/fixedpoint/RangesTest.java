package dev.sotto.crypto.fixedpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import org.junit.jupiter.api.Test;

/// Protocol §10, "Ranges", at the edges that `vectors.json` does not reach.
class RangesTest {
    private static Totals clipped(long survivors, long clipped) {
        return new Totals(survivors, survivors, 0, clipped, 0, 0);
    }

    /// The exponent after a round of one member in which d·Q²·w² is `left`², and S is `squares`.
    private static int next(int previous, long squares, long left) {
        return Ranges.next(previous, BigInteger.valueOf(squares), 1, left, false, 1, clipped(1, 0), false, 77);
    }

    @Test
    void initial_noRange_isRefused() {
        assertThatThrownBy(() -> Ranges.initial(0, 1e-3)).hasMessageContaining("is no range");
        assertThatThrownBy(() -> Ranges.initial(3, -1e-3)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Ranges.initial(3, Double.NaN)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Ranges.initial(3, Double.MAX_VALUE)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void initial_beyondBinary32_isTheLastRangeThere() {
        assertThat(Ranges.initial(1, 1e-300)).isEqualTo(-126);
        assertThat(Ranges.initial(1, 1e300)).isEqualTo(127);
    }

    @Test
    void tight_moreThanOneInAThousand_andNotAtIt() {
        assertThat(Ranges.tight(clipped(4, 8), 2000)).isFalse();
        assertThat(Ranges.tight(clipped(4, 9), 2000)).isTrue();
        assertThat(Ranges.tight(clipped(4, 0), 2000)).isFalse();
    }

    @Test
    void next_allZero_isTheInitialOne() {
        assertThat(next(5, 0, 1)).isEqualTo(77);
    }

    /// 4^(e − previous)·left ≥ 64·S, compared exactly: at equality it holds, and a remainder counts.
    @Test
    void next_atAndBesideEquality_isTheSmallest() {
        assertThat(next(10, 1, 1)).isEqualTo(13);
        assertThat(next(10, 2, 1)).isEqualTo(14);
        assertThat(next(10, 4, 1)).isEqualTo(14);
        assertThat(next(10, 5, 1)).isEqualTo(15);
        assertThat(next(10, 1, 8)).isEqualTo(10);
        assertThat(next(10, 1, 16)).isEqualTo(9);
        assertThat(next(10, 1, 17)).isEqualTo(9);
        assertThat(next(10, 1, 15)).isEqualTo(10);
    }

    @Test
    void next_beyondBinary32_isTheLastRangeThere() {
        BigInteger huge = BigInteger.TWO.pow(600);
        Totals totals = clipped(1, 0);
        for (boolean tight : new boolean[] {false, true}) {
            assertThat(Ranges.next(10, huge, 1, 1, false, 1, totals, tight, 0)).isEqualTo(127);
        }
        assertThat(Ranges.next(-120, BigInteger.ONE, 1, 1L << 40, false, 1, totals, false, 0))
                .isEqualTo(-126);
    }
}

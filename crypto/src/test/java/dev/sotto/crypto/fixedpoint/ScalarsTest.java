package dev.sotto.crypto.fixedpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

/// The vector `scalars` and the weights in it (protocol §4, §10).
class ScalarsTest {
    @Test
    void layout_everyWeighting_isFourLimbsOfEachScalarUnweighted() {
        for (Weighting weighting : Weighting.values()) {
            var layout = Scalars.layout(weighting);
            assertThat(layout.name()).isEqualTo("scalars");
            assertThat(layout.weighted()).isFalse();
            assertThat(layout.tensors().getFirst().shape()).isEqualTo(List.of(weighting == Weighting.EXACT ? 6 : 4, 4));
            assertThat(Scalars.encode(weighting, 1, 0, 0, 0, 0)).hasSize((int) (4 * layout.size()));
        }
    }

    @Test
    void encode_lossAtItsLimit_isTakenAndBeyondIsNot() throws Exception {
        for (double loss : new double[] {0x1p20, -0x1p20}) {
            byte[] packed = Scalars.encode(Weighting.EXACT, 1 << 20, loss, 0, 1, 1);
            assertThat(Scalars.decode(packed, Weighting.EXACT, 1, 1 << 20).meanLoss())
                    .isEqualTo(loss);
        }
        for (double loss : new double[] {Math.nextUp(0x1p20), Double.NaN, Double.NEGATIVE_INFINITY}) {
            assertThatThrownBy(() -> Scalars.encode(Weighting.EXACT, 1, loss, 0, 1, 1))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("mean loss " + loss);
        }
    }

    @Test
    void decode_negativeCount_isRefusedByName() {
        String[] names = {"clipped coordinates", "examples", "tokens"};
        for (int i = 0; i < names.length; i++) {
            long[] counts = {0, 0, 0};
            counts[i] = -1;
            byte[] packed = Scalars.encode(Weighting.EXACT, 5, 1, counts[0], counts[1], counts[2]);
            assertThatThrownBy(() -> Scalars.decode(packed, Weighting.EXACT, 1, 8))
                    .isInstanceOf(AggregateOutOfRange.class)
                    .hasMessageContaining("count of " + names[i] + " is -1");
        }
    }

    @Test
    void decode_weightAtItsEdges_isTaken() throws Exception {
        for (int weight : new int[] {1, 8}) {
            byte[] packed = Scalars.encode(Weighting.CLASSES, weight, 2.5, 3, 0, 0);
            Totals totals = Scalars.decode(packed, Weighting.CLASSES, 1, 8);
            assertThat(totals).isEqualTo(new Totals(1, weight, 2.5 * weight, 3, 0, 0));
            assertThat(totals.meanLoss()).isEqualTo(2.5);
        }
        byte[] nothing = Scalars.encode(Weighting.CLASSES, 0, 0, 0, 0, 0);
        assertThatThrownBy(() -> Scalars.decode(nothing, Weighting.CLASSES, 1, 8))
                .hasMessageContaining("sum of weights is 0, must be 1 to 8");
    }

    @Test
    void weighting_ofItsName_isItself() {
        assertThat(Weighting.of("uniform")).isSameAs(Weighting.UNIFORM);
        assertThat(Weighting.of("classes")).isSameAs(Weighting.CLASSES);
        assertThat(Weighting.of("exact")).isSameAs(Weighting.EXACT);
        assertThatThrownBy(() -> Weighting.of("Exact")).hasMessageContaining("weighting is 'Exact'");
    }

    @Test
    void weight_ofExamples_isBetweenOneAndTheCap() {
        assertThat(Weighting.UNIFORM.weight(500, 64)).isOne();
        assertThat(Weighting.EXACT.weight(63, 64)).isEqualTo(63);
        assertThat(Weighting.EXACT.weight(65, 64)).isEqualTo(64);
        assertThat(Weighting.CLASSES.weight(1, 64)).isOne();
        assertThat(Weighting.CLASSES.weight(Long.MAX_VALUE, 64)).isEqualTo(64);
        for (Weighting weighting : Weighting.values()) {
            assertThat(weighting.weight(1, 1)).isOne();
            assertThatThrownBy(() -> weighting.weight(0, 64)).hasMessageContaining("examples 0");
            assertThatThrownBy(() -> weighting.weight(1, 0)).hasMessageContaining("cap 0");
        }
    }

    /// Rows are what an honest federation can have: all have trained the first, none one without those before.
    @Test
    void rows_thatNoHonestMembersMake_areRefused() throws Exception {
        byte[] good = Scalars.encode(Weighting.CLASSES, 7, 1, 0, 0, 0, 2, 3, true);
        assertThat(Scalars.decode(good, Weighting.CLASSES, 1, 8, 3, true).rows())
                .containsExactly(7L, 7L, 0L);
        for (long[] rows : new long[][] {{6, 6, 0}, {8, 7, 0}, {7, -1, 0}, {7, 0, 1}}) {
            byte[] bad = Scalars.encode(Weighting.CLASSES, 7, 1, 0, 0, 0, rows);
            assertThatThrownBy(() -> Scalars.decode(bad, Weighting.CLASSES, 1, 8, 3, true))
                    .isInstanceOf(AggregateOutOfRange.class)
                    .hasMessageContaining("the sum of row ");
        }
    }
}

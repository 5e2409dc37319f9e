package dev.sotto.crypto.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.fixedpoint.Ranges;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// The vectors of the next round (protocol §10, "Ranges"): each tensor's range comes from what that tensor
/// summed to, in that vector.
class NextLayoutTest {
    private static final int STEPS = 10;
    private static final double RATE = 1e-3;
    private static final int CAP = 64;
    private static final long QUOTIENT = 1_000_000;
    private static final VectorLayout ADAPTER = new VectorLayout(
            "adapter",
            true,
            List.of(new TensorLayout("a", List.of(40, 10), 0), new TensorLayout("b", List.of(600), 0)));

    private static Totals totals(long clipped) {
        return new Totals(3, 96, 0, clipped, 0, 0);
    }

    private static ModelHeader header(Totals totals, ModelHeader.Tensor... tensors) {
        return new ModelHeader(
                Optional.of(new ModelHeader.Made(0, 24, QUOTIENT, CAP, totals, List.of(tensors))), ADAPTER.size());
    }

    private static ModelHeader.Tensor tensor(String vector, String name, int exponent, int power) {
        return new ModelHeader.Tensor(vector, name, exponent, BigInteger.TEN.pow(power));
    }

    private static List<Integer> exponents(VectorLayout vector) {
        return vector.tensors().stream().map(TensorLayout::rangeExponent).toList();
    }

    private static int next(ModelHeader.Tensor before, long size, boolean weighted, Totals totals, boolean tight) {
        return Ranges.next(
                before.rangeExponent(),
                before.squares(),
                size,
                QUOTIENT,
                weighted,
                CAP,
                totals,
                tight,
                Integer.MIN_VALUE);
    }

    private static List<VectorLayout> layout(boolean control, ModelHeader header) {
        return NextLayout.of(ADAPTER, control, header, STEPS, RATE, Weighting.CLASSES, 0);
    }

    @Test
    void layout_beforeAnyRound_hasTheInitialRanges() {
        ModelHeader first = new ModelHeader(Optional.empty(), ADAPTER.size());
        List<VectorLayout> vectors = layout(true, first);
        assertThat(vectors).extracting(VectorLayout::name).containsExactly("adapter", "control", "scalars");
        // 2·10·0.001 = 0.02 ≤ 2^-5; control begins at range 2.
        assertThat(exponents(vectors.get(0))).containsExactly(-5, -5);
        assertThat(exponents(vectors.get(1))).containsExactly(1, 1);
        assertThat(vectors.get(0).weighted()).isTrue();
        assertThat(vectors.get(1).weighted()).isFalse();
        assertThat(vectors.get(2)).isEqualTo(Scalars.layout(Weighting.CLASSES));
        assertThat(layout(false, first)).extracting(VectorLayout::name).containsExactly("adapter", "scalars");
    }

    @Test
    void layout_afterARound_followsEachTensorOfEachVector() {
        ModelHeader.Tensor a = tensor("adapter", "a", -4, 13);
        ModelHeader.Tensor b = tensor("adapter", "b", 2, 15);
        ModelHeader.Tensor controlA = tensor("control", "a", 1, 11);
        Totals totals = totals(0);
        List<VectorLayout> vectors = layout(true, header(totals, controlA, b, a));
        int nextA = next(a, 400, true, totals, false);
        int nextB = next(b, 600, true, totals, false);
        int nextControlA = next(controlA, 400, false, totals, false);
        assertThat(List.of(nextA, nextB, nextControlA, 1)).doesNotHaveDuplicates();
        assertThat(exponents(vectors.get(0))).containsExactly(nextA, nextB);
        // Of b nothing was summed in that vector: as before any round.
        assertThat(exponents(vectors.get(1))).containsExactly(nextControlA, 1);
        assertThat(vectors.get(0).tensors().get(0).shape()).isEqualTo(List.of(40, 10));
    }

    /// Over 0.1 % of 3·1000 coordinates.
    @Test
    void layout_muchWasClipped_isOneWider() {
        ModelHeader.Tensor a = tensor("adapter", "a", -4, 13);
        int calm = exponents(layout(false, header(totals(3), a)).getFirst()).getFirst();
        int clipped = exponents(layout(false, header(totals(4), a)).getFirst()).getFirst();
        assertThat(clipped).isEqualTo(calm + 1);
    }
}

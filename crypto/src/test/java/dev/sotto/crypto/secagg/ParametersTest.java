package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/// The inequalities of protocol §2, each at its edge.
class ParametersTest {
    private static final int ANY = 3;

    private final Federation federation = new Federation(6, 1);
    private final RoundOpened feasible = federation.next(1, Bytes.zeros(32));

    private static MemberRules rules(int smallestCohort, int minSurvivors, int maxColluders) {
        return new MemberRules(Set.of(), smallestCohort, minSurvivors, maxColluders, opened -> Optional.empty());
    }

    private RoundOpened with(int threshold, int maxDropouts, int maxColluders, int minSurvivors) {
        return with(threshold, maxDropouts, maxColluders, minSurvivors, 24, feasible.layout(), "classes");
    }

    private RoundOpened with(int ringBits, List<VectorLayout> layout, String weighting) {
        return with(4, 1, 1, 3, ringBits, layout, weighting);
    }

    private RoundOpened with(
            int threshold,
            int maxDropouts,
            int maxColluders,
            int minSurvivors,
            int ringBits,
            List<VectorLayout> layout,
            String weighting) {
        return Terms.changed(feasible, terms -> {
            terms.threshold = threshold;
            terms.maxDropouts = maxDropouts;
            terms.maxColluders = maxColluders;
            terms.minSurvivors = minSurvivors;
            terms.ringBits = ringBits;
            terms.layout = layout;
            terms.weighting = weighting;
        });
    }

    private static void assertFeasible(RoundOpened opened, MemberRules rules) {
        assertThat(Parameters.infeasible(opened, rules)).isEmpty();
    }

    private static void assertInfeasible(RoundOpened opened, MemberRules rules, String why) {
        assertThat(Parameters.infeasible(opened, rules))
                .hasValueSatisfying(said -> assertThat(said).contains(why));
    }

    /// ⌊(n + c)/2⌋ + 1, which is the smallest t with 2t > n + c.
    @Test
    void defaults_anySize_areTheSmallestThatHold() {
        for (int n = 3; n <= 255; n++) {
            int c = Parameters.defaultMaxColluders(n);
            assertThat(c).isEqualTo(n == 3 ? 0 : 1);
            int t = Parameters.defaultThreshold(n, c);
            assertThat(2 * t).isGreaterThan(n + c);
            assertThat(2 * (t - 1)).isLessThanOrEqualTo(n + c);
        }
    }

    @Test
    void cohort_belowThePolicys_isNamed() {
        assertFeasible(feasible, rules(6, ANY, 0));
        assertInfeasible(feasible, rules(7, ANY, 0), "the cohort has 6 members, policy wants 7");
    }

    @Test
    void threshold_notOverHalfOfAllAndColluders_isNamed() {
        assertFeasible(with(4, 1, 1, 3), rules(3, ANY, 0));
        assertInfeasible(with(3, 1, 1, 3), rules(3, ANY, 0), "threshold 3 must be at least 2 and 2t > n + c = 7");
        assertInfeasible(with(4, 1, 2, 4), rules(3, ANY, 0), "2t > n + c = 8");
        assertInfeasible(with(4, 1, 1, 4), rules(3, ANY, 2), "2t > n + c = 8");
        assertFeasible(with(5, 1, 1, 4), rules(3, ANY, 2));
    }

    @Test
    void threshold_moreThanAreLeftAfterDropouts_isNamed() {
        assertFeasible(with(4, 2, 1, 3), rules(3, ANY, 0));
        assertInfeasible(with(5, 2, 1, 3), rules(3, ANY, 0), "threshold 5 exceeds n - maxDropouts = 4");
    }

    /// max(3, C + 2, the member's own), with C the larger of both sides' maxColluders.
    @Test
    void minSurvivors_below_isNamed() {
        assertFeasible(with(4, 1, 1, 3), rules(3, 3, 1));
        assertInfeasible(with(4, 1, 0, 2), rules(3, 2, 0), "minSurvivors 2 must be at least 3");
        assertInfeasible(with(5, 1, 2, 3), rules(3, 3, 0), "minSurvivors 3 must be at least 4");
        assertInfeasible(with(5, 1, 1, 3), rules(3, 3, 2), "minSurvivors 3 must be at least 4");
        assertInfeasible(with(4, 1, 1, 4), rules(3, 5, 1), "minSurvivors 4 must be at least 5");
        assertFeasible(with(4, 1, 1, 5), rules(3, 5, 1));
        assertInfeasible(with(4, 2, 1, 5), rules(3, 5, 1), "minSurvivors 5 exceeds n - maxDropouts = 4");
    }

    @Test
    void layout_withoutItsScalars_isNamed() {
        List<VectorLayout> exact = List.of(Federation.ADAPTER, Scalars.layout(Weighting.EXACT));
        assertFeasible(with(24, exact, "exact"), rules(3, ANY, 0));
        assertInfeasible(with(24, exact, "classes"), rules(3, ANY, 0), "scalars as classes has it");
        assertInfeasible(with(24, List.of(Federation.ADAPTER), "exact"), rules(3, ANY, 0), "scalars as exact has it");
        assertInfeasible(with(24, exact, "shares"), rules(3, ANY, 0), "weighting is 'shares'");
    }

    @Test
    void mixedRanks_withoutMatricesOfThatRankOrTheirRows_areNamed() {
        int rank = feasible.plan().loraRank();
        VectorLayout fits = new VectorLayout(
                "adapter",
                true,
                List.of(
                        new TensorLayout("q.lora_A.weight", List.of(rank, 7), 0),
                        new TensorLayout("q.lora_B.weight", List.of(9, rank), 0)));
        VectorLayout rows = Scalars.layout(Weighting.CLASSES, rank);
        assertFeasible(mixed(List.of(fits, rows)), rules(3, ANY, 0));
        assertInfeasible(mixed(List.of(fits, Scalars.layout(Weighting.CLASSES))), rules(3, ANY, 0), "rows have it");
        assertInfeasible(with(24, List.of(fits, rows), "classes"), rules(3, ANY, 0), "scalars as classes has it");
        VectorLayout control = new VectorLayout("control", false, fits.tensors());
        assertInfeasible(
                mixed(List.of(fits, control, rows)), rules(3, ANY, 0), "needs the vectors adapter and scalars");
        for (TensorLayout wrong : List.of(
                new TensorLayout("q.lora_A.weight", List.of(rank + 1, 7), 0),
                new TensorLayout("q.lora_B.weight", List.of(rank, 9), 0),
                new TensorLayout("q.lora_A.weight", List.of(rank), 0),
                new TensorLayout("q.lora_R.weight", List.of(rank, rank), 0))) {
            VectorLayout unfit = new VectorLayout("adapter", true, List.of(wrong));
            assertInfeasible(
                    mixed(List.of(unfit, rows)), rules(3, ANY, 0), "of rank " + rank + ", and has " + wrong.name());
        }
    }

    private RoundOpened mixed(List<VectorLayout> layout) {
        return Terms.changed(
                with(24, layout, "classes"),
                terms -> terms.plan = AnyPlan.with(plan -> {
                    plan.mode = Rows.MODE;
                    plan.rank = terms.plan.loraRank();
                }));
    }

    /// k = 16 only with the first two weightings.
    @Test
    void ring_of16BitsAndExactWeights_isNamed() {
        List<VectorLayout> exact = List.of(Federation.ADAPTER, Scalars.layout(Weighting.EXACT));
        assertInfeasible(with(16, exact, "exact"), rules(3, ANY, 0), "weighting exact needs ringBits 24 or 32");
        assertFeasible(with(16, feasible.layout(), "classes"), rules(3, ANY, 0));
        assertFeasible(with(32, exact, "exact"), rules(3, ANY, 0));
    }

    @Test
    void vector_largerThanAnArray_isNamed() {
        int most = Integer.MAX_VALUE - 8;
        for (int size : new int[] {most, most + 1}) {
            VectorLayout adapter = new VectorLayout("adapter", true, List.of(new TensorLayout("a", List.of(size), 0)));
            RoundOpened opened = with(24, List.of(adapter, Scalars.layout(Weighting.CLASSES)), "classes");
            if (size == most) {
                assertFeasible(opened, rules(3, ANY, 0));
            } else {
                assertInfeasible(opened, rules(3, ANY, 0), "vector adapter has 2147483640 coordinates, too many");
            }
        }
    }

    @Test
    void ring_ofTheScalars_isAlways32Bits() {
        for (int bits : new int[] {16, 24, 32}) {
            RoundOpened opened = with(bits, feasible.layout(), "classes");
            assertThat(Parameters.ring(opened, Federation.ADAPTER)).isEqualTo(Ring.of(bits));
            assertThat(Parameters.ring(opened, Scalars.layout(Weighting.CLASSES)))
                    .isEqualTo(Ring.K32);
        }
    }
}

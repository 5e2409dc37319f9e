package dev.sotto.algorithms;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.algorithms.ServerRule.Variant;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The classic variants against closed forms: with the same Δ in every round everything is a geometric or an
/// arithmetic series.
class ServerRuleTest {
    private static final double DELTA = 0.02;
    private static final double ETA = 0.5;
    private static final double TAU = 0.01;
    private static final double BETA1 = 0.8;
    private static final double BETA2 = 0.95;

    private static ServerRule classic(ServerOptimizer optimizer) {
        return new ServerRule(optimizer, Variant.CLASSIC, ETA, TAU, BETA1, BETA2);
    }

    /// Where w is after so many rounds from 0.
    private static double after(int rounds, ServerRule rule) {
        float[] w = new float[1];
        float[][] state = rule.initialState(1);
        for (int round = 0; round < rounds; round++) {
            rule.step(w, List.of(new double[] {DELTA}, new double[] {0}), state, round, 3);
        }
        return w[0];
    }

    @Test
    void fedAvgM_classic_isTheSumOfGeometricSeries() {
        double expected = 0;
        for (int t = 1; t <= 6; t++) {
            expected += DELTA * (1 - Math.pow(BETA1, t)) / (1 - BETA1);
        }
        assertThat(after(6, classic(ServerOptimizer.FEDAVGM))).isCloseTo(expected, within(1e-7));
    }

    /// m̂ = Δ and v̂ = Δ² in every round, which is what the corrections are for.
    @Test
    void fedAdam_classic_makesTheSameStepInEveryRound() {
        assertThat(after(7, classic(ServerOptimizer.FEDADAM))).isCloseTo(7 * ETA * DELTA / (DELTA + TAU), within(1e-5));
    }

    /// While v < Δ², each round adds (1 − β2) Δ².
    @Test
    void fedYogi_classic_vGrowsByEqualAmounts() {
        double expected = 0;
        for (int t = 1; t <= 5; t++) {
            double v = t * (1 - BETA2) * DELTA * DELTA / (1 - Math.pow(BETA2, t));
            expected += ETA * DELTA / (Math.sqrt(v) + TAU);
        }
        assertThat(after(5, classic(ServerOptimizer.FEDYOGI))).isCloseTo(expected, within(1e-5));
    }

    @Test
    void fedAdagrad_bothVariants_sumTheSquares() {
        double expected = 0;
        for (int t = 1; t <= 5; t++) {
            expected += ETA * DELTA / (Math.sqrt(TAU * TAU + t * DELTA * DELTA) + TAU);
        }
        for (Variant variant : Variant.values()) {
            ServerRule rule = new ServerRule(ServerOptimizer.FEDADAGRAD, variant, ETA, TAU, BETA1, BETA2);
            assertThat(after(5, rule)).isCloseTo(expected, within(1e-6));
        }
    }

    @Test
    void variants_onlyTheFourWithStateOfTheirOwn_differ() {
        for (ServerOptimizer optimizer : ServerOptimizer.values()) {
            double one = after(4, new ServerRule(optimizer, Variant.OPENFEDLLM, ETA, TAU, BETA1, BETA2));
            boolean same = one == after(4, classic(optimizer));
            assertThat(same)
                    .as(optimizer.wireName())
                    .isEqualTo(
                            switch (optimizer) {
                                case FEDAVG, FEDPROX, SCAFFOLD, FEDADAGRAD -> true;
                                case FEDAVGM, FEDYOGI, FEDADAM -> false;
                            });
            assertThat(classic(optimizer).weighted()).isTrue();
        }
    }

    @Test
    void numbersOutsideTheirRange_areNamed() {
        assertThatThrownBy(() -> new ServerRule(ServerOptimizer.FEDADAM, Variant.CLASSIC, 0, 1, 0, 0))
                .hasMessage("eta 0.0 and tau 1.0 must be more than 0");
        assertThatThrownBy(() -> new ServerRule(ServerOptimizer.FEDADAM, Variant.CLASSIC, 1, 1, 1, 0))
                .hasMessageContaining("beta1 1.0");
    }
}

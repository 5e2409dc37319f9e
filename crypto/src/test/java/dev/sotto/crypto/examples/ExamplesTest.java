package dev.sotto.crypto.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;

/// What the document's examples promise.
class ExamplesTest {
    private static final float[] ACME = {0.5f, -0.25f, 0, 0.125f};
    private static final float[] BANK = {0.25f, 0.25f, 0.5f, -0.125f};
    private static final float[] COURT = {0, 0.75f, -0.5f, 0.375f};
    private static final double[] MEAN = {0.25, 0.25, 0, 0.125};

    private static void assertIsMean(double[] values, double error) {
        for (int i = 0; i < MEAN.length; i++) {
            assertThat(values[i]).isCloseTo(MEAN[i], within(error));
        }
    }

    @Test
    void maskedVectors_givePlainMean() throws Exception {
        // |U3|·r/(Q·|U3|) with Q = ⌊(2^22 − 1)/3⌋.
        assertIsMean(MaskedVector.mean(ACME, BANK, COURT), 1.0 / 1_398_101);
    }

    @Test
    void threeSharesOfFive_rebuildTheSecret() throws Exception {
        assertThat(SharedSecret.isRebuiltFromThreeOfFive()).isTrue();
    }

    @Test
    void wholeRound_withoutTheOneThatDies_makesTheMeanOfTheOthers() throws Exception {
        float[] adapter = new WholeRound().run(Map.of("acme", ACME, "bank", BANK, "court", COURT));
        double[] values = new double[adapter.length];
        for (int i = 0; i < adapter.length; i++) {
            values[i] = adapter[i];
        }
        // Weights 16 of 1,024: fewer steps in a range of ±2 (protocol §4), (3/(3·16/1024))·2/⌊(2^22 − 1)/4⌋.
        assertIsMean(values, 64 * 2.0 / 1_048_575);
    }
}

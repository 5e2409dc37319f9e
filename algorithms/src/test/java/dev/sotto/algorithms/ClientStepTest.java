package dev.sotto.algorithms;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/// Worked by hand.
class ClientStepTest {
    @Test
    void proximal_addsMuTimesTheDistance() {
        float[] gradient = {1, -1};
        ClientStep.proximal(gradient, new float[] {3, 0}, new float[] {1, 2}, 0.5);
        assertThat(gradient).containsExactly(2, -2);
    }

    @Test
    void controlled_takesTheDriftOut() {
        float[] adapter = {1, 1};
        ClientStep.controlled(adapter, new float[] {0.5f, 0}, new float[] {0, 0.25f}, 2);
        assertThat(adapter).containsExactly(0, 1.5f);
    }

    /// With plain gradient steps and no correction, c_k⁺ is the mean gradient: (w − y)/(K·lr).
    @Test
    void nextControl_fromZeroControls_isTheMeanGradient() {
        float[] zero = {0, 0};
        float[] next = ClientStep.nextControl(new float[] {1, 2}, new float[] {0.4f, 2.6f}, zero, zero, 3, 0.1);
        assertThat((double) next[0]).isCloseTo(2, within(1e-6));
        assertThat((double) next[1]).isCloseTo(-2, within(1e-6));
        float[] corrected =
                ClientStep.nextControl(new float[] {1}, new float[] {0.4f}, new float[] {3}, new float[] {1}, 3, 0.1);
        assertThat((double) corrected[0]).isCloseTo(0, within(1e-6));
    }
}

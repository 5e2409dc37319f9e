package dev.sotto.training.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.util.Objects;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Scale;
import org.junit.jupiter.api.Test;

/// The accountant against closed forms, numeric integration (`privacy/accounting.py`) and published figures.
class AccountingTest {
    private static JsonNode reference() {
        try (InputStream in = Objects.requireNonNull(
                AccountingTest.class.getResourceAsStream("/privacy/accounting.json"), "accounting.json")) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static SampledGaussian mechanism(JsonNode of) {
        return new SampledGaussian(of.get("rate").doubleValue(), of.get("noise").doubleValue());
    }

    @Test
    void rdp_everybodySampled_isTheGaussiansClosedForm() {
        for (double order : RenyiCurve.orders()) {
            assertThat(new SampledGaussian(1, 1.7).rdp(order)).isEqualTo(order / (2 * 1.7 * 1.7));
        }
    }

    @Test
    void rdp_sampled_isTheIntegral() {
        for (JsonNode row : reference().get("divergences")) {
            assertThat(mechanism(row).rdp(row.get("order").doubleValue()))
                    .as("%s", row)
                    .isCloseTo(
                            row.get("rdp").doubleValue(),
                            offset(1e-12 + 1e-9 * row.get("rdp").doubleValue()));
        }
    }

    @Test
    void epsilon_ofTrainings_isThatOfTheIntegral() {
        for (JsonNode row : reference().get("trainings")) {
            assertThat(RenyiCurve.of(mechanism(row), row.get("steps").longValue())
                            .epsilon(row.get("delta").doubleValue()))
                    .as("%s", row)
                    .isCloseTo(row.get("epsilon").doubleValue(), withinPercentage(1e-6));
        }
    }

    /// 1.19, 3.01 and 7.10 for MNIST stood in the tutorial of TensorFlow Privacy (mnist_dpsgd_tutorial.py, batch 256,
    /// δ = 10⁻⁵, noise 1.3, 1.1 and 0.7 for 15, 60 and 45 epochs), when it converted as
    /// Mironov (2017, proposition 3).
    @Test
    void epsilon_ofTheMnistTutorial_isThePublishedOneByTheOlderConversion() {
        assertThat(mironov(1.3, 15)).isCloseTo(1.19, offset(0.005));
        assertThat(mironov(1.1, 60)).isCloseTo(3.01, offset(0.005));
        assertThat(mironov(0.7, 45)).isCloseTo(7.10, offset(0.005));
    }

    private static double mironov(double noise, int epochs) {
        SampledGaussian step = new SampledGaussian(256 / 60_000.0, noise);
        int steps = epochs * 60_000 / 256;
        double least = Double.POSITIVE_INFINITY;
        for (double order : RenyiCurve.orders()) {
            least = Math.min(least, steps * step.rdp(order) - Math.log(1e-5) / (order - 1));
        }
        return least;
    }

    /// RDP cannot say less than what is true, and here says at most a quarter more.
    @Test
    void epsilon_ofOneGaussian_isAboveTheExactOne() {
        for (JsonNode row : reference().get("gaussians")) {
            double epsilon = RenyiCurve.of(
                            new SampledGaussian(1, row.get("noise").doubleValue()), 1)
                    .epsilon(row.get("delta").doubleValue());
            double exact = row.get("epsilon").doubleValue();
            assertThat(epsilon).as("%s", row).isBetween(exact, 1.25 * exact);
        }
    }

    @Property(tries = 60)
    void epsilon_growsWithRateAndSteps_fallsWithNoiseAndDelta(
            @ForAll @Scale(5) @DoubleRange(min = 0.0005, max = 0.9) double rate,
            @ForAll @DoubleRange(min = 0.4, max = 8) double noise,
            @ForAll @IntRange(min = 1, max = 5000) int steps) {
        double epsilon = RenyiCurve.of(new SampledGaussian(rate, noise), steps).epsilon(1e-5);
        assertThat(epsilon).isNotNaN().isNotNegative();
        assertThat(RenyiCurve.of(new SampledGaussian(rate * 1.1, noise), steps).epsilon(1e-5))
                .isGreaterThanOrEqualTo(epsilon);
        assertThat(RenyiCurve.of(new SampledGaussian(rate, noise), steps + 1).epsilon(1e-5))
                .isGreaterThanOrEqualTo(epsilon);
        assertThat(RenyiCurve.of(new SampledGaussian(rate, noise * 1.1), steps).epsilon(1e-5))
                .isLessThanOrEqualTo(epsilon);
        assertThat(RenyiCurve.of(new SampledGaussian(rate, noise), steps).epsilon(1e-4))
                .isLessThanOrEqualTo(epsilon);
        assertThat(RenyiCurve.of(new SampledGaussian(1, noise), steps).epsilon(1e-5))
                .isGreaterThanOrEqualTo(epsilon);
    }

    @Property(tries = 60)
    void rdp_betweenIntegers_isBetweenTheirs(
            @ForAll @Scale(5) @DoubleRange(min = 0.0005, max = 0.9) double rate,
            @ForAll @DoubleRange(min = 0.4, max = 8) double noise,
            @ForAll @DoubleRange(min = 2.01, max = 10.99) double order) {
        SampledGaussian mechanism = new SampledGaussian(rate, noise);
        double slack = 1e-12;
        assertThat(mechanism.rdp(order))
                .isBetween(mechanism.rdp(Math.floor(order)) - slack, mechanism.rdp(Math.floor(order) + 1) + slack);
    }

    @Property(tries = 30)
    void composition_ofStepsInParts_isThatOfAll(
            @ForAll @IntRange(min = 0, max = 500) int some, @ForAll @IntRange(min = 0, max = 500) int more) {
        SampledGaussian step = new SampledGaussian(0.05, 1);
        double whole = RenyiCurve.of(step, some + more).epsilon(1e-6);
        assertThat(RenyiCurve.of(step, some).plus(RenyiCurve.of(step, more)).epsilon(1e-6))
                .isCloseTo(whole, offset(1e-9));
    }

    @Property(tries = 15)
    void within_aBudget_isTheLeastNoiseThatKeepsIt(
            @ForAll @Scale(5) @DoubleRange(min = 0.001, max = 1) double rate,
            @ForAll @IntRange(min = 1, max = 2000) int steps,
            @ForAll @DoubleRange(min = 0.2, max = 20) double epsilon) {
        SampledGaussian found = SampledGaussian.within(rate, steps, epsilon, 1e-5);
        assertThat(RenyiCurve.of(found, steps).epsilon(1e-5)).isLessThanOrEqualTo(epsilon);
        SampledGaussian less = new SampledGaussian(rate, found.noiseMultiplier() * 0.999);
        assertThat(RenyiCurve.of(less, steps).epsilon(1e-5)).isGreaterThan(epsilon);
    }

    @Test
    void nothing_costsNothing() {
        assertThat(RenyiCurve.NOTHING.epsilon(1e-5)).isZero();
        assertThat(RenyiCurve.of(new SampledGaussian(0.5, 1), 0).epsilon(1e-300))
                .isZero();
    }

    @Test
    void parametersOutOfRange_areNamed() {
        assertThatThrownBy(() -> new SampledGaussian(0, 1)).hasMessageContaining("sampling rate is 0.0");
        assertThatThrownBy(() -> new SampledGaussian(0.5, 0)).hasMessageContaining("noise multiplier is 0.0");
        assertThatThrownBy(() -> new SampledGaussian(0.5, 1).rdp(1)).hasMessageContaining("order is 1.0");
        assertThatThrownBy(() -> RenyiCurve.NOTHING.epsilon(0)).hasMessageContaining("delta is 0.0");
        assertThatThrownBy(() -> SampledGaussian.within(1, 1000, 1e-9, 1e-9))
                .hasMessageContaining("epsilon 1.0E-9 at delta 1.0E-9 is out of reach");
    }
}

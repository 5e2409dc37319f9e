package dev.sotto.training.privacy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Scale;
import org.junit.jupiter.api.Test;

/// Clipping, sampling and noise of a step, without a model.
class DpSgdTest {
    private static final int SIZE = 50;

    private static Noise noise(int seed) {
        byte[] key = new byte[32];
        key[0] = (byte) seed;
        return new Noise(key);
    }

    private static float[] gradient(Random random, double length) {
        float[] gradient = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            gradient[i] = (float) (length * random.nextGaussian());
        }
        return gradient;
    }

    private static double distance(double[] one, double[] other) {
        double squares = 0;
        for (int i = 0; i < one.length; i++) {
            squares += (one[i] - other[i]) * (one[i] - other[i]);
        }
        return Math.sqrt(squares);
    }

    private static double[] sum(DpSgd method, List<float[]> gradients) {
        double[] sum = new double[SIZE];
        gradients.forEach(gradient -> method.add(sum, gradient));
        return sum;
    }

    @Property(tries = 200)
    void sum_oneRecordMore_movesByAtMostC_exchanged_byTwice(
            @ForAll long seed,
            @ForAll @IntRange(min = 0, max = 8) int others,
            @ForAll @Scale(3) @DoubleRange(min = 1e-3, max = 100) double clip,
            @ForAll @Scale(6) @DoubleRange(min = 1e-6, max = 1e6) double length) {
        Random random = new Random(seed);
        DpSgd method = new DpSgd(clip, 1, noise(0));
        List<float[]> some = new ArrayList<>();
        IntStream.range(0, others).forEach(_ -> some.add(gradient(random, random.nextDouble())));
        List<float[]> more = new ArrayList<>(some);
        more.add(gradient(random, length));
        List<float[]> exchanged = new ArrayList<>(some);
        exchanged.add(gradient(random, length));
        double rounding = 1 + 1e-12;
        assertThat(distance(sum(method, some), sum(method, more))).isLessThanOrEqualTo(clip * rounding + 1e-12);
        assertThat(distance(sum(method, more), sum(method, exchanged)))
                .isLessThanOrEqualTo(2 * clip * rounding + 1e-12);
    }

    @Test
    void add_shortGradient_isLeftAsItIs_longOneHasLengthC() {
        DpSgd method = new DpSgd(5, 1, noise(0));
        double[] sum = new double[2];
        method.add(sum, new float[] {3, -4});
        assertThat(sum).containsExactly(3, -4);
        double[] cut = new double[2];
        method.add(cut, new float[] {30, -40});
        assertThat(cut).containsExactly(new double[] {3, -4}, offset(1e-12));
    }

    /// Cutting NaN or infinity gives NaN, which tells everybody that the record was there.
    @Test
    void add_gradientThatIsNotFinite_countsAsZero() {
        DpSgd method = new DpSgd(1, 1, noise(0));
        double[] sum = {1, 2};
        method.add(sum, new float[] {Float.NaN, 1});
        method.add(sum, new float[] {1, Float.NEGATIVE_INFINITY});
        assertThat(sum).containsExactly(1, 2);
        method.add(sum, new float[] {Float.MAX_VALUE, 0});
        assertThat(sum).containsExactly(2, 2);
    }

    /// Of 200000 draws: mean within four standard errors, variance and tails within the same of the normal's.
    @Test
    void release_ofNothing_isNoiseOfStandardDeviationSigmaCOverTheExpectedNumber() {
        int count = 200_000;
        float[] made = new DpSgd(3, 2, noise(7)).release(new double[count], 12);
        double deviation = 3 * 2 / 12.0;
        double mean = 0;
        double squares = 0;
        double beyond = 0;
        double products = 0;
        for (int i = 0; i < count; i++) {
            mean += made[i] / count;
            squares += made[i] * made[i] / (deviation * deviation) / count;
            beyond += Math.abs(made[i]) > 2 * deviation ? 1.0 / count : 0;
            products += i == 0 ? 0 : made[i] * made[i - 1] / (deviation * deviation) / count;
        }
        double error = 4 / Math.sqrt(count);
        assertThat(mean).isCloseTo(0, offset(error * deviation));
        assertThat(squares).isCloseTo(1, offset(error * Math.sqrt(2)));
        assertThat(beyond).isCloseTo(0.0455, offset(error * Math.sqrt(0.0455)));
        assertThat(products).isCloseTo(0, offset(error));
    }

    @Test
    void release_sum_isItsMeanPlusTheNoise() {
        float[] noise = new DpSgd(1, 0.5, noise(1)).release(new double[SIZE], 4);
        double[] sum = new double[SIZE];
        sum[3] = 8;
        float[] made = new DpSgd(1, 0.5, noise(1)).release(sum, 4);
        assertThat(made[3] - noise[3]).isCloseTo(2, offset(1e-6f));
        assertThat(made[4]).isEqualTo(noise[4]);
        assertThat(new DpSgd(1, 0.5, noise(2)).release(sum, 4)).isNotEqualTo(made);
    }

    /// Sizes of Poisson samples vary, some are empty, and every record comes as often as any other.
    @Test
    void sample_isOfEachRecordApart() {
        DpSgd method = new DpSgd(1, 1, noise(3));
        List<Integer> records = IntStream.range(0, 20).boxed().toList();
        int[] drawn = new int[20];
        int[] sizes = new int[21];
        int steps = 20_000;
        for (int step = 0; step < steps; step++) {
            List<Integer> sample = method.sample(records, 2);
            sizes[sample.size()]++;
            sample.forEach(record -> drawn[record]++);
        }
        for (int count : drawn) {
            assertThat((double) count / steps).isCloseTo(0.1, offset(4 * Math.sqrt(0.09 / steps)));
        }
        assertThat((double) sizes[0] / steps).isCloseTo(Math.pow(0.9, 20), offset(0.01));
        assertThat((double) sizes[2] / steps)
                .isCloseTo(190 * 0.01 * Math.pow(0.9, 18), offset(4 * Math.sqrt(0.25 / steps)));
        assertThat(method.sample(records, 20)).isEqualTo(records);
        assertThat(method.sample(records, 30)).isEqualTo(records);
    }

    /// Of AES-256 (FIPS 197): the zero block under the zero key.
    @Test
    void noise_isTheKeyStreamAndWipesItsKey() {
        byte[] key = new byte[32];
        key[5] = 1;
        assertThat(new Noise(new byte[32]).nextLong()).isEqualTo(0xdc95c078a2408989L);
        var _ = new Noise(key);
        assertThat(key).containsOnly(0);
        Noise over = new Noise(new byte[32]);
        over.close();
        assertThatThrownBy(over::nextLong).hasMessageContaining("a training that is over");
        assertThatThrownBy(() -> new Noise(new byte[16])).hasMessageContaining("16 bytes, must have 32");
    }

    @Test
    void parametersOutOfRange_areNamed() {
        assertThatThrownBy(() -> new DpSgd(0, 1, noise(0))).hasMessageContaining("clip norm is 0.0");
        assertThatThrownBy(() -> new DpSgd(1, 0, noise(0))).hasMessageContaining("noise multiplier is 0.0");
    }
}

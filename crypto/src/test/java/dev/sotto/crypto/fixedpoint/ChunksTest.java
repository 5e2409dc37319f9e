package dev.sotto.crypto.fixedpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// A vector of several chunks, and values at the edges of a range: chunk by chunk everything is as protocol §4
/// says of the whole.
class ChunksTest {
    private static final Ring RING = Ring.K32;
    private static final int CHUNK = RING.chunkCoordinates();
    private static final int CAP = 1024;

    /// The first tensor ends inside chunk 0, the second spans both, the last is all of chunk 1.
    private static VectorLayout layout(boolean weighted) {
        return new VectorLayout(
                "adapter",
                weighted,
                List.of(
                        new TensorLayout("a", List.of(CHUNK - 5), -3),
                        new TensorLayout("b", List.of(15), 2),
                        new TensorLayout("c", List.of(30), 0)));
    }

    private static int tensor(int coordinate) {
        return coordinate < CHUNK - 5 ? 0 : coordinate < CHUNK + 10 ? 1 : 2;
    }

    private static Rounding rounding(long seed) {
        byte[] key = new byte[Rounding.KEY];
        new SplittableRandom(seed).nextBytes(key);
        return new Rounding(Secret.take(key), 0);
    }

    private static Totals totals(long survivors, long weight) {
        return new Totals(survivors, weight, 0, 0, 0, 0);
    }

    private static List<byte[]> encoded(FixedPoint codec, VectorLayout layout, float[] update, int weight)
            throws NotFinite {
        List<byte[]> chunks = new ArrayList<>();
        for (int index = 0; index < RING.chunks(layout.size()); index++) {
            byte[] packed = new byte[RING.chunkSize(layout.size(), index) * RING.wordBytes()];
            codec.encode(update, index, weight, rounding(index), packed);
            chunks.add(packed);
        }
        return chunks;
    }

    private static float[] update(VectorLayout layout) {
        float[] update = new float[(int) layout.size()];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = CHUNK - 20; i < update.length; i++) {
            double range = layout.tensors().get(tensor(i)).range();
            update[i] = (float) random.nextDouble(-range, range);
        }
        return update;
    }

    @Test
    void mean_ofEveryChunk_isTheUpdateWithinTheBoundOfItsTensor() throws Exception {
        for (boolean weighted : new boolean[] {true, false}) {
            VectorLayout layout = layout(weighted);
            FixedPoint codec = new FixedPoint(RING, layout, 3, CAP);
            float[] update = update(layout);
            List<byte[]> chunks = encoded(codec, layout, update, 512);
            assertThat(chunks).hasSize(2);
            int at = 0;
            for (int index = 0; index < chunks.size(); index++) {
                double[] mean = codec.mean(chunks.get(index), index, totals(1, 512));
                double[] sum = codec.sum(chunks.get(index), index, totals(1, 512));
                for (int i = 0; i < mean.length; i++, at++) {
                    assertThat(mean[i])
                            .isCloseTo(update[at], within(codec.errorBound(tensor(at), totals(1, 512)) * (1 + 1e-9)));
                    assertThat(sum[i]).isCloseTo(weighted ? mean[i] / 2 : mean[i], within(1e-12));
                }
            }
            assertThat(at).isEqualTo(update.length);
        }
    }

    @Test
    void sum_ofThreeMembers_isThreeTimesTheirMean() throws Exception {
        VectorLayout layout = layout(false);
        FixedPoint codec = new FixedPoint(RING, layout, 3, CAP);
        byte[] packed = new byte[45 * 4];
        RING.put(packed, 12, (int) codec.quotient());
        assertThat(codec.sum(packed, 1, totals(3, 3))[12]).isEqualTo(1.0);
        assertThat(codec.mean(packed, 1, totals(3, 3))[12]).isCloseTo(1.0 / 3, within(1e-15));
    }

    @Test
    void mean_outOfRangeInALaterChunk_namesTheCoordinateOfTheVector() {
        VectorLayout layout = layout(true);
        FixedPoint codec = new FixedPoint(RING, layout, 4, CAP);
        byte[] packed = new byte[45 * 4];
        Totals totals = totals(3, 2 * CAP);
        assertThat(codec.bound(totals)).isEqualTo(2 * codec.quotient() + 3);
        for (int sign : new int[] {1, -1}) {
            RING.put(packed, 7, (int) (sign * codec.bound(totals)));
            assertThat(mean(codec, packed, totals)).isTrue();
            RING.put(packed, 7, (int) (sign * (codec.bound(totals) + 1)));
            assertThatThrownBy(() -> codec.mean(packed, 1, totals))
                    .isInstanceOf(AggregateOutOfRange.class)
                    .hasMessageContaining("coordinate " + (CHUNK + 7) + " of adapter")
                    .hasMessageContaining("±" + codec.bound(totals));
        }
    }

    private static boolean mean(FixedPoint codec, byte[] packed, Totals totals) {
        try {
            return codec.mean(packed, 1, totals).length > 0;
        } catch (AggregateOutOfRange e) {
            return false;
        }
    }

    /// min(⌈Q·W/weightCap⌉ + |U3|, |U3|·Q): rounding can add one for each, but nobody exceeds ±Q.
    @Test
    void bound_allAtTheCap_isTheirNumberTimesTheQuotient() {
        FixedPoint codec = new FixedPoint(RING, layout(true), 4, CAP);
        assertThat(codec.bound(totals(3, 3 * CAP))).isEqualTo(3 * codec.quotient());
        assertThat(codec.bound(totals(3, 3))).isEqualTo(Math.ceilDiv(3 * codec.quotient(), (long) CAP) + 3);
        FixedPoint unweighted = new FixedPoint(RING, layout(false), 4, CAP);
        assertThat(unweighted.bound(totals(3, 3))).isEqualTo(3 * codec.quotient());
    }

    @Test
    void encode_notFiniteInALaterChunk_namesItsPlaceInTheTensor() {
        VectorLayout layout = layout(true);
        FixedPoint codec = new FixedPoint(RING, layout, 4, CAP);
        float[] update = new float[(int) layout.size()];
        update[CHUNK + 4] = Float.NaN;
        assertThatThrownBy(() -> codec.requireFinite(update))
                .isInstanceOf(NotFinite.class)
                .hasMessageContaining("coordinate 9 of b");
        update[CHUNK + 4] = 0;
        update[CHUNK + 13] = Float.NEGATIVE_INFINITY;
        assertThatThrownBy(() -> codec.requireFinite(update)).hasMessageContaining("-Infinity at coordinate 3 of c");
    }

    @Test
    void encode_atItsRange_isNotClippedAndBecomesTheQuotient() throws Exception {
        VectorLayout layout = layout(true);
        FixedPoint codec = new FixedPoint(RING, layout, 4, CAP);
        float[] update = new float[(int) layout.size()];
        update[CHUNK] = 4;
        update[CHUNK + 1] = -4;
        byte[] packed = new byte[45 * 4];
        assertThat(codec.encode(update, 1, CAP, rounding(1), packed)).isZero();
        assertThat(RING.get(packed, 0)).isEqualTo((int) codec.quotient());
        assertThat(RING.get(packed, 1)).isEqualTo((int) -codec.quotient());
        update[CHUNK + 1] = Math.nextDown(-4f);
        assertThat(codec.encode(update, 1, CAP, rounding(1), packed)).isOne();
        assertThat(RING.get(packed, 1)).isEqualTo((int) -codec.quotient());
    }

    /// [u < frac(v)·2^32]: at equality it rounds down. A key is looked for whose first u is a fraction that a
    /// binary32 coordinate can have.
    @Test
    void encode_randomWordEqualToTheFraction_roundsDown() throws Exception {
        Ring ring = Ring.K24;
        VectorLayout layout = new VectorLayout("adapter", false, List.of(new TensorLayout("a", List.of(1), 0)));
        FixedPoint codec = new FixedPoint(ring, layout, 3, CAP);
        BigInteger word = BigInteger.TWO.pow(32);
        BigInteger inverse = BigInteger.valueOf(codec.quotient()).modInverse(word);
        for (long seed = 0; ; seed++) {
            long numerator = BigInteger.valueOf(
                            Integer.toUnsignedLong(rounding(seed).next(1)[0]))
                    .multiply(inverse)
                    .mod(word)
                    .longValueExact();
            if (numerator < 1 << 24) {
                byte[] packed = new byte[3];
                codec.encode(new float[] {(float) (numerator * 0x1p-32)}, 0, 1, rounding(seed), packed);
                assertThat(ring.get(packed, 0)).isEqualTo((int) (numerator * codec.quotient() >> 32));
                codec.encode(new float[] {(float) ((numerator + 1) * 0x1p-32)}, 0, 1, rounding(seed), packed);
                assertThat(ring.get(packed, 0)).isEqualTo((int) ((numerator + 1) * codec.quotient() >> 32) + 1);
                return;
            }
        }
    }

    @Test
    void addSquares_laterChunkAndLargestSums_isExact() {
        FixedPoint codec = new FixedPoint(RING, layout(true), 3, CAP);
        byte[] packed = new byte[45 * 4];
        List<BigInteger> squares = new ArrayList<>(Collections.nCopies(3, BigInteger.ONE));
        for (int i : new int[] {8, 9, 10, 11, 12}) {
            RING.put(packed, i, Integer.MIN_VALUE);
        }
        codec.addSquares(packed, 1, squares);
        BigInteger square = BigInteger.TWO.pow(62);
        assertThat(squares)
                .containsExactly(
                        BigInteger.ONE,
                        square.multiply(BigInteger.TWO).add(BigInteger.ONE),
                        square.multiply(BigInteger.valueOf(3)).add(BigInteger.ONE));
    }

    /// (|U3|/Σw̃)·r/Q.
    @Test
    void errorBound_ofEachTensor_isTheStatedOne() {
        FixedPoint weighted = new FixedPoint(RING, layout(true), 3, CAP);
        assertThat(weighted.errorBound(1, totals(3, 3 * CAP / 2))).isEqualTo(2.0 * 4 / weighted.quotient());
        assertThat(weighted.errorBound(0, totals(3, 3 * CAP))).isEqualTo(0.125 / weighted.quotient());
        FixedPoint unweighted = new FixedPoint(RING, layout(false), 3, CAP);
        assertThat(unweighted.errorBound(1, totals(3, 3))).isEqualTo(4.0 / weighted.quotient());
    }
}

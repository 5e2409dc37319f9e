package dev.sotto.crypto.fixedpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class FixedPointTest {
    private static final int CAP = 1024;

    private static VectorLayout layout(boolean weighted) {
        return new VectorLayout(
                "adapter",
                weighted,
                List.of(new TensorLayout("a", List.of(40, 10), -3), new TensorLayout("b", List.of(7), 2)));
    }

    /// |secure mean − plaintext mean| ≤ (|U3|/Σw̃)·r/Q, and honest members are never out of range.
    @Property(tries = 200)
    void mean_anyMembersAndRing_staysWithinTheBound(
            @ForAll @IntRange(min = 3, max = 40) int members,
            @ForAll Ring ring,
            @ForAll boolean weighted,
            @ForAll long seed)
            throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] key = new byte[Rounding.KEY];
        random.nextBytes(key);
        Rounding rounding = new Rounding(Secret.take(key), 0);
        VectorLayout layout = layout(weighted);
        FixedPoint codec = new FixedPoint(ring, layout, members, CAP);
        int size = (int) layout.size();
        byte[] sum = new byte[size * ring.wordBytes()];
        double[] plain = new double[size];
        long totalWeight = 0;
        for (int m = 0; m < members; m++) {
            int weight = 1 + random.nextInt(CAP);
            totalWeight += weight;
            float[] update = new float[size];
            byte[] packed = new byte[sum.length];
            for (int i = 0; i < size; i++) {
                double range = i < 400 ? 0.125 : 4;
                update[i] = (float) (random.nextDouble(-1.3, 1.3) * range);
                plain[i] += Math.clamp(update[i], -range, range) * (weighted ? weight : 1);
            }
            codec.encode(update, 0, weight, rounding, packed);
            ring.add(sum, packed, sum.length);
        }
        Totals totals = new Totals(members, totalWeight, 0, 0, 0, 0);
        double[] mean = codec.mean(sum, 0, totals);
        for (int i = 0; i < size; i++) {
            assertThat(mean[i])
                    .isCloseTo(
                            plain[i] / (weighted ? totalWeight : members),
                            org.assertj.core.data.Offset.offset(
                                    codec.errorBound(i < 400 ? 0 : 1, totals) * (1 + 1e-9)));
        }
    }

    /// Members of ranks 1 to 4: each row's mean is over those that trained it, in A by row and in B by column.
    @Test
    void mean_ofMembersWithDifferentRanks_isOverThoseThatTrainedTheRow() throws Exception {
        meanByRow(true);
        meanByRow(false);
    }

    private static void meanByRow(boolean weighted) throws Exception {
        int rank = 5; // Nobody trains the last.
        VectorLayout adapter = new VectorLayout(
                "adapter",
                weighted,
                List.of(
                        new TensorLayout("q.lora_A.weight", List.of(rank, 7), -3),
                        new TensorLayout("q.lora_B.weight", List.of(9, rank), 2)));
        FixedPoint codec = new FixedPoint(Ring.K24, adapter, 4, CAP);
        SplittableRandom random = new SplittableRandom(3);
        int size = (int) adapter.size();
        byte[] sum = new byte[size * 3];
        byte[] scalars = new byte[(4 + rank) * 16];
        double[] plain = new double[size];
        long[] weights = new long[rank];
        for (int member = 1; member <= 4; member++) {
            int weight = 1 + random.nextInt(CAP);
            float[] update = new float[size];
            for (int i = 0; i < size; i++) {
                boolean trained = (i < 35 ? i / 7 : (i - 35) % rank) < member;
                update[i] = trained ? (float) random.nextDouble(-0.1, 0.1) : 0;
                plain[i] += (double) update[i] * (weighted ? weight : 1);
            }
            for (int row = 0; row < member; row++) {
                weights[row] += weighted ? weight : 1;
            }
            byte[] packed = new byte[sum.length];
            Rounding rounding = new Rounding(Randomness.secure().secret(Rounding.KEY), 0);
            codec.encode(update, 0, weight, rounding, packed);
            Ring.K24.add(sum, packed, sum.length);
            byte[] own = Scalars.encode(Weighting.CLASSES, weight, 1, 0, 0, 0, member, rank, weighted);
            Ring.K32.add(scalars, own, own.length);
        }
        Totals totals = Scalars.decode(scalars, Weighting.CLASSES, 4, CAP, rank, weighted);
        assertThat(totals.rows())
                .containsExactlyElementsOf(Arrays.stream(weights).boxed().toList());
        double[] mean = codec.mean(sum, 0, totals);
        for (int i = 0; i < size; i++) {
            int row = i < 35 ? i / 7 : (i - 35) % rank;
            double bound = 4.0 * CAP * (i < 35 ? 0.125 : 4) / codec.quotient() / Math.max(1, weights[row]);
            assertThat(mean[i])
                    .isCloseTo(
                            weights[row] == 0 ? 0 : plain[i] / weights[row],
                            org.assertj.core.data.Offset.offset(bound));
        }
        Ring.K24.put(sum, 4 * 7, 1);
        assertThatThrownBy(() -> codec.mean(sum, 0, totals))
                .isInstanceOf(AggregateOutOfRange.class)
                .hasMessageContaining("coordinate 28 of adapter is not 0, nobody trained its row");
    }

    @Test
    void encode_clippedCoordinates_areCounted() throws Exception {
        FixedPoint codec = new FixedPoint(Ring.K24, layout(true), 4, CAP);
        float[] update = new float[407];
        update[0] = 0.126f;
        update[1] = -9;
        update[400] = 3.9f;
        update[401] = 4.1f;
        assertThat(codec.encode(
                        update, 0, CAP, new Rounding(Randomness.secure().secret(Rounding.KEY), 0), new byte[407 * 3]))
                .isEqualTo(3);
    }

    @Test
    void requireFinite_notFinite_namesTensorAndCoordinate() {
        FixedPoint codec = new FixedPoint(Ring.K16, layout(true), 4, CAP);
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            float[] update = new float[407];
            update[403] = bad;
            assertThatThrownBy(() -> codec.requireFinite(update))
                    .isInstanceOf(NotFinite.class)
                    .hasMessageContaining("coordinate 3 of b");
        }
    }

    @Test
    void mean_beyondWhatSurvivorsCanMake_isRefused() {
        FixedPoint codec = new FixedPoint(Ring.K24, layout(false), 4, CAP);
        byte[] packed = new byte[407 * 3];
        Ring.K24.put(packed, 5, (int) (3 * codec.quotient() + 1));
        assertThatThrownBy(() -> codec.mean(packed, 0, new Totals(3, 3, 0, 0, 0, 0)))
                .isInstanceOf(AggregateOutOfRange.class)
                .hasMessageContaining("coordinate 5 of adapter");
    }

    @Test
    void addSquares_matchesExactIntegers() {
        for (Ring ring : Ring.values()) {
            FixedPoint codec = new FixedPoint(ring, layout(true), 3, CAP);
            byte[] packed = new byte[407 * ring.wordBytes()];
            List<BigInteger> expected = new ArrayList<>(List.of(BigInteger.ZERO, BigInteger.ZERO));
            for (int i = 0; i < 407; i++) {
                int value = (int) (codec.quotient() * 3 - i * 1000L % codec.quotient()) * (i % 2 == 0 ? 1 : -1);
                ring.put(packed, i, value);
                int tensor = i < 400 ? 0 : 1;
                expected.set(
                        tensor,
                        expected.get(tensor).add(BigInteger.valueOf(value).pow(2)));
            }
            List<BigInteger> squares = new ArrayList<>(List.of(BigInteger.ZERO, BigInteger.ZERO));
            codec.addSquares(packed, 0, squares);
            assertThat(squares).isEqualTo(expected);
        }
    }

    @Test
    void scalars_sumOfMembers_decodes() throws Exception {
        for (Weighting weighting : Weighting.values()) {
            byte[] sum = Scalars.encode(weighting, 3, 2.5, 70_000, 11, 1L << 33);
            Ring.K32.add(sum, Scalars.encode(weighting, 1000, -0.125, 5, 12, 1), sum.length);
            Totals totals = Scalars.decode(sum, weighting, 2, CAP);
            assertThat(totals.weight()).isEqualTo(1003);
            assertThat(totals.lossSum()).isEqualTo(7.5 - 125);
            assertThat(totals.clipped()).isEqualTo(70_005);
            assertThat(totals.tokens()).isEqualTo(weighting == Weighting.EXACT ? (1L << 33) + 1 : 0);
        }
    }

    @Test
    void scalars_counterOrWeightOutOfRange_isRefused() {
        byte[] one = Scalars.encode(Weighting.CLASSES, 3, 1, 0, 0, 0);
        assertThatThrownBy(() -> Scalars.decode(one, Weighting.CLASSES, 2, CAP)).hasMessageContaining("counter is 1");
        byte[] heavy = Scalars.encode(Weighting.CLASSES, CAP + 1, 1, 0, 0, 0);
        assertThatThrownBy(() -> Scalars.decode(heavy, Weighting.CLASSES, 1, CAP))
                .hasMessageContaining("weights is 1025");
        byte[] negative = Scalars.encode(Weighting.CLASSES, -5, 1, 0, 0, 0);
        assertThatThrownBy(() -> Scalars.decode(negative, Weighting.CLASSES, 1, CAP))
                .isInstanceOf(AggregateOutOfRange.class);
    }

    @Test
    void ring_everyWordAtItsEdges_roundTripsAndWraps() {
        for (Ring ring : Ring.values()) {
            int most = (int) ((1L << ring.bits() - 1) - 1);
            int least = -most - 1;
            byte[] packed = new byte[3 * ring.wordBytes()];
            for (int value : new int[] {0, 1, -1, most, least}) {
                Arrays.fill(packed, (byte) 0x55);
                ring.put(packed, 1, value);
                assertThat(ring.get(packed, 1)).isEqualTo(value);
            }
            byte[] one = new byte[ring.wordBytes()];
            ring.put(one, 0, 1);
            byte[] word = new byte[ring.wordBytes()];
            ring.put(word, 0, most);
            ring.add(word, one, word.length);
            assertThat(ring.get(word, 0)).isEqualTo(least);
            ring.subtract(word, one, word.length);
            assertThat(ring.get(word, 0)).isEqualTo(most);
        }
    }
}

package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The vector `scalars`: k = 32, each scalar 4 limbs of 16 bits, low limb first, the top limb signed
/// (protocol §4, §10).
///
/// Weight and loss are coordinates of a masked vector like any other, never fields of a message.
public final class Scalars {
    /// The vector's name.
    public static final String NAME = "scalars";

    private static final int LIMBS = 4;
    private static final double LOSS_SCALE = 0x1p20;

    private Scalars() {}

    /// Its layout: four scalars, six with `exact`.
    public static VectorLayout layout(Weighting weighting) {
        return layout(weighting, 0);
    }

    /// The same, and a scalar for each row of the adapter that is counted ([Rows]).
    public static VectorLayout layout(Weighting weighting, int rows) {
        return new VectorLayout(
                NAME, false, List.of(new TensorLayout(NAME, List.of(count(weighting) + rows, LIMBS), 0)));
    }

    /// One member's scalars, packed.
    ///
    /// @param weight   its integer weight
    /// @param meanLoss finite, its magnitude at most 2^20
    /// @param clipped  coordinates clipped
    public static byte[] encode(
            Weighting weighting, int weight, double meanLoss, long clipped, long examples, long tokens) {
        return encode(weighting, weight, meanLoss, clipped, examples, tokens, new long[0]);
    }

    /// The same, and what this member adds to each row of the adapter that is counted.
    static byte[] encode(
            Weighting weighting, int weight, double meanLoss, long clipped, long examples, long tokens, long[] rows) {
        if (!(Math.abs(meanLoss) <= 0x1p20)) {
            throw new IllegalArgumentException("mean loss " + meanLoss + " is outside ±2^20");
        }
        long[] all = {1, weight, Math.round(weight * meanLoss * LOSS_SCALE), clipped, examples, tokens};
        int count = count(weighting);
        byte[] packed = new byte[(count + rows.length) * LIMBS * Ring.K32.wordBytes()];
        for (int i = 0; i < count + rows.length; i++) {
            long scalar = i < count ? all[i] : rows[i - count];
            for (int limb = 0; limb < LIMBS; limb++) {
                long value = scalar >> 16 * limb;
                Ring.K32.put(packed, i * LIMBS + limb, limb == LIMBS - 1 ? (int) value : (int) (value & 0xffff));
            }
        }
        return packed;
    }

    /// One member's scalars, packed, of an adapter of which it trained the first `own` rows.
    ///
    /// @param rows     how many are counted
    /// @param weighted whether each counts with the member's weight, as the adapter's coordinates do, or as one
    public static byte[] encode(
            Weighting weighting,
            int weight,
            double meanLoss,
            long clipped,
            long examples,
            long tokens,
            int own,
            int rows,
            boolean weighted) {
        long[] counted = new long[rows];
        Arrays.fill(counted, 0, Math.min(own, rows), weighted ? weight : 1);
        return encode(weighting, weight, meanLoss, clipped, examples, tokens, counted);
    }

    /// Reads and checks the sum of `survivors` members' scalars.
    ///
    /// @throws AggregateOutOfRange if the counter is not |U3|, W is not |U3| to |U3|·weightCap, or a
    ///   count is negative
    public static Totals decode(byte[] packed, Weighting weighting, int survivors, int weightCap)
            throws AggregateOutOfRange {
        return decode(packed, weighting, survivors, weightCap, 0, true);
    }

    /// The same, with rows of the adapter: everybody has trained the first, and nobody a row without the one before.
    ///
    /// @param rows     how many are counted
    /// @param weighted whether each is a sum of weights, or of ones
    /// @throws AggregateOutOfRange also if the first row is not everybody's, or a row exceeds the one before
    public static Totals decode(
            byte[] packed, Weighting weighting, int survivors, int weightCap, int rows, boolean weighted)
            throws AggregateOutOfRange {
        long[] all = new long[6];
        int count = count(weighting);
        for (int i = 0; i < count; i++) {
            all[i] = scalar(packed, i);
        }
        check("counter", all[0], survivors, survivors);
        check("sum of weights", all[1], survivors, (long) survivors * weightCap);
        check("count of clipped coordinates", all[3], 0, Long.MAX_VALUE);
        check("count of examples", all[4], 0, Long.MAX_VALUE);
        check("count of tokens", all[5], 0, Long.MAX_VALUE);
        List<Long> counted = new ArrayList<>();
        long before = weighted ? all[1] : survivors;
        for (int row = 0; row < rows; row++) {
            long value = scalar(packed, count + row);
            check("sum of row " + row, value, row == 0 ? before : 0, before);
            counted.add(value);
            before = value;
        }
        return new Totals(all[0], all[1], all[2] / LOSS_SCALE, all[3], all[4], all[5], counted);
    }

    private static long scalar(byte[] packed, int index) {
        long value = 0;
        for (int limb = 0; limb < LIMBS; limb++) {
            value += (long) Ring.K32.get(packed, index * LIMBS + limb) << 16 * limb;
        }
        return value;
    }

    private static void check(String what, long value, long least, long most) throws AggregateOutOfRange {
        if (value < least || value > most) {
            throw new AggregateOutOfRange("the " + what + " is " + value + ", must be " + least + " to " + most);
        }
    }

    private static int count(Weighting weighting) {
        return weighting == Weighting.EXACT ? 6 : 4;
    }
}

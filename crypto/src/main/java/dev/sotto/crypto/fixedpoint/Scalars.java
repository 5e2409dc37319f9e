package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
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
        return new VectorLayout(NAME, false, List.of(new TensorLayout(NAME, List.of(count(weighting), LIMBS), 0)));
    }

    /// One member's scalars, packed.
    ///
    /// @param weight   its integer weight
    /// @param meanLoss finite, its magnitude at most 2^20
    /// @param clipped  coordinates clipped
    public static byte[] encode(
            Weighting weighting, int weight, double meanLoss, long clipped, long examples, long tokens) {
        if (!(Math.abs(meanLoss) <= 0x1p20)) {
            throw new IllegalArgumentException("mean loss " + meanLoss + " is outside ±2^20");
        }
        long[] all = {1, weight, Math.round(weight * meanLoss * LOSS_SCALE), clipped, examples, tokens};
        byte[] packed = new byte[count(weighting) * LIMBS * Ring.K32.wordBytes()];
        for (int i = 0; i < count(weighting); i++) {
            for (int limb = 0; limb < LIMBS; limb++) {
                long value = all[i] >> 16 * limb;
                Ring.K32.put(packed, i * LIMBS + limb, limb == LIMBS - 1 ? (int) value : (int) (value & 0xffff));
            }
        }
        return packed;
    }

    /// Reads and checks the sum of `survivors` members' scalars.
    ///
    /// @throws AggregateOutOfRange if the counter is not |U3|, W is not |U3| to |U3|·weightCap, or a
    ///   count is negative
    public static Totals decode(byte[] packed, Weighting weighting, int survivors, int weightCap)
            throws AggregateOutOfRange {
        long[] all = new long[6];
        for (int i = 0; i < count(weighting); i++) {
            for (int limb = 0; limb < LIMBS; limb++) {
                all[i] += (long) Ring.K32.get(packed, i * LIMBS + limb) << 16 * limb;
            }
        }
        check("counter", all[0], survivors, survivors);
        check("sum of weights", all[1], survivors, (long) survivors * weightCap);
        check("count of clipped coordinates", all[3], 0, Long.MAX_VALUE);
        check("count of examples", all[4], 0, Long.MAX_VALUE);
        check("count of tokens", all[5], 0, Long.MAX_VALUE);
        return new Totals(all[0], all[1], all[2] / LOSS_SCALE, all[3], all[4], all[5]);
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

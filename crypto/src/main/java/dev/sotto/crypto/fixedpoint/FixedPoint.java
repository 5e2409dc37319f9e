package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.List;

/// Encoding and decoding of one vector of a round (protocol §4 and §10, "Encoding", "Decoding and server
/// step").
///
/// Immutable, thread-safe. Arithmetic is binary64, left to right, no fused multiply-add.
public final class FixedPoint {
    /// Coordinates that are encoded at once: few enough for a core's cache.
    private static final int BLOCK = 1024;

    private final Ring ring;
    private final VectorLayout layout;
    private final int weightCap;
    private final long quotient;
    private final long[] tensorEnds;

    /// For a cohort of `cohortSize` members.
    public FixedPoint(Ring ring, VectorLayout layout, int cohortSize, int weightCap) {
        this.ring = ring;
        this.layout = layout;
        this.weightCap = weightCap;
        this.quotient = quotient(ring, cohortSize);
        this.tensorEnds = new long[layout.tensors().size()];
        long end = 0;
        for (int i = 0; i < tensorEnds.length; i++) {
            end += layout.tensors().get(i).size();
            tensorEnds[i] = end;
        }
    }

    /// Q = ⌊(2^(k−2) − 1)/n⌋.
    public static long quotient(Ring ring, int cohortSize) {
        return ((1L << (ring.bits() - 2)) - 1) / cohortSize;
    }

    /// Q of this vector.
    public long quotient() {
        return quotient;
    }

    /// The first coordinate of chunk `index`.
    public long first(int index) {
        return (long) index * ring.chunkCoordinates();
    }

    /// Checks that no coordinate is NaN or infinite.
    ///
    /// @param update the whole vector in layout order
    /// @throws NotFinite naming the first that is
    public void requireFinite(float[] update) throws NotFinite {
        for (int i = 0; i < update.length; i++) {
            if (!Float.isFinite(update[i])) {
                TensorLayout tensor = layout.tensors().get(tensorAt(i));
                throw new NotFinite(tensor.name(), i - (tensorEnds[tensorAt(i)] - tensor.size()), update[i]);
            }
        }
    }

    /// Encodes chunk `index` of `update` into `packed`.
    ///
    /// v = clip(x)·w̃·Q/r, q = ⌊v⌋ + [u < frac(v)·2^32], clamped to ±Q.
    ///
    /// @param update the whole vector in layout order, as [#requireFinite] has checked it
    /// @param weight 1 to weightCap; ignored in an unweighted vector
    /// @param packed at least the chunk's bytes; overwritten
    /// @return how many coordinates lay outside their range and were clipped
    /// @throws IllegalArgumentException if a coordinate is NaN
    public int encode(float[] update, int index, int weight, Rounding rounding, byte[] packed) {
        int first = index * ring.chunkCoordinates();
        int count = ring.chunkSize(layout.size(), index);
        double scaledWeight = layout.weighted() ? (double) weight / weightCap : 1.0;
        int[] q = new int[BLOCK];
        int clipped = 0;
        int done = 0;
        for (int tensor = tensorAt(first); done < count; tensor++) {
            int end = (int) Math.min(count, tensorEnds[tensor] - first);
            double range = layout.tensors().get(tensor).range();
            while (done < end) {
                int size = Math.min(BLOCK, end - done);
                clipped += clipped(update, first + done, size, range);
                quantise(update, first + done, size, range, scaledWeight, rounding.next(size), q);
                ring.put(packed, done, q, size);
                done += size;
            }
        }
        return clipped;
    }

    private int clipped(float[] update, int from, int size, double range) {
        int clipped = 0;
        for (int i = from; i < from + size; i++) {
            if (!(Math.abs(update[i]) <= range)) {
                if (Float.isNaN(update[i])) {
                    throw new IllegalArgumentException("coordinate " + i + " of " + layout.name() + " is NaN");
                }
                clipped++;
            }
        }
        return clipped;
    }

    /// Loops without branches, each with its types in one place: the compiler makes vector instructions
    /// of such.
    private void quantise(
            float[] update, int from, int size, double range, double scaledWeight, int[] random, int[] q) {
        double[] v = new double[size];
        double[] u = new double[size];
        for (int i = 0; i < size; i++) {
            v[i] = update[from + i];
        }
        for (int i = 0; i < size; i++) {
            u[i] = random[i] ^ Integer.MIN_VALUE;
        }
        // A power of two: multiplying by its inverse is dividing by it, bit for bit.
        double inverse = 1 / range;
        for (int i = 0; i < size; i++) {
            double exact = Math.max(-range, Math.min(v[i], range)) * scaledWeight * quotient * inverse;
            double floor = Math.floor(exact);
            // [u < frac(v)·2^32]: their difference has the right sign however small it is, and ⌈⌉ makes it 1.
            double above = Math.ceil((exact - floor) * 0x1p32 - (u[i] + 0x1p31));
            v[i] = floor + Math.max(0, Math.min(above, 1));
        }
        int most = (int) quotient;
        for (int i = 0; i < size; i++) {
            q[i] = (int) v[i];
        }
        for (int i = 0; i < size; i++) {
            q[i] = Math.max(-most, Math.min(q[i], most));
        }
    }

    /// The decoded mean of chunk `index` of an unmasked sum.
    ///
    /// Weighted: (s·r·weightCap)/(Q·W); unweighted: (s·r)/(Q·|U3|). With members of different ranks W and |U3| are
    /// of the coordinate's row and divide last; a row that nobody trained is 0 ([Rows]).
    ///
    /// @param totals of the same sum
    /// @throws AggregateOutOfRange if a coordinate exceeds what its survivors can have made
    public double[] mean(byte[] packed, int index, Totals totals) throws AggregateOutOfRange {
        double factor = layout.weighted() ? weightCap : 1;
        if (!totals.rows().isEmpty()) {
            return byRow(packed, index, totals, factor);
        }
        return decode(
                packed,
                index,
                totals,
                factor,
                (double) quotient * (layout.weighted() ? totals.weight() : totals.survivors()));
    }

    private double[] byRow(byte[] packed, int index, Totals totals, double factor) throws AggregateOutOfRange {
        double[] decoded = decode(packed, index, totals, factor, (double) quotient);
        long first = (long) index * ring.chunkCoordinates();
        int tensor = tensorAt(first);
        for (int i = 0; i < decoded.length; i++) {
            while (first + i >= tensorEnds[tensor]) {
                tensor++;
            }
            TensorLayout of = layout.tensors().get(tensor);
            long weight = totals.rows().get(Rows.at(of, first + i - (tensorEnds[tensor] - of.size())));
            if (weight == 0 && decoded[i] != 0) {
                throw new AggregateOutOfRange("the sum at coordinate " + (first + i) + " of " + layout.name()
                        + " is not 0, nobody trained its row");
            }
            decoded[i] = weight == 0 ? 0 : decoded[i] / weight;
        }
        return decoded;
    }

    /// The decoded sum of chunk `index` of an unmasked sum of an unweighted vector: (s·r)/Q.
    ///
    /// @param totals of the same sum
    /// @throws AggregateOutOfRange if a coordinate exceeds what its survivors can have made
    public double[] sum(byte[] packed, int index, Totals totals) throws AggregateOutOfRange {
        return decode(packed, index, totals, 1, (double) quotient);
    }

    /// (s·r·factor)/divisor.
    private double[] decode(byte[] packed, int index, Totals totals, double factor, double divisor)
            throws AggregateOutOfRange {
        long first = (long) index * ring.chunkCoordinates();
        double[] decoded = new double[ring.chunkSize(layout.size(), index)];
        long bound = bound(totals);
        int tensor = 0;
        for (int i = 0; i < decoded.length; i++) {
            while (first + i >= tensorEnds[tensor]) {
                tensor++;
            }
            double range = layout.tensors().get(tensor).range();
            int s = ring.get(packed, i);
            if (Math.abs((long) s) > bound) {
                throw new AggregateOutOfRange("the sum at coordinate " + (first + i) + " of " + layout.name() + " is "
                        + s + ", honest members stay within ±" + bound);
            }
            decoded[i] = (s * range * factor) / divisor;
        }
        return decoded;
    }

    /// The largest |Σq| of honest survivors: min(⌈Q·W/weightCap⌉ + |U3|, |U3|·Q), or |U3|·Q if
    /// unweighted.
    public long bound(Totals totals) {
        long all = totals.survivors() * quotient;
        if (!layout.weighted()) {
            return all;
        }
        return Math.min(Math.ceilDiv(quotient * totals.weight(), (long) weightCap) + totals.survivors(), all);
    }

    /// S per tensor: adds the squares of the ring sums of chunk `index` to `squares`, which has one entry
    /// per tensor.
    public void addSquares(byte[] packed, int index, List<BigInteger> squares) {
        long first = (long) index * ring.chunkCoordinates();
        int count = ring.chunkSize(layout.size(), index);
        int tensor = 0;
        long partial = 0;
        for (int i = 0; i < count; i++) {
            while (first + i >= tensorEnds[tensor]) {
                squares.set(tensor, squares.get(tensor).add(BigInteger.valueOf(partial)));
                partial = 0;
                tensor++;
            }
            long s = ring.get(packed, i);
            if (partial > Long.MAX_VALUE - s * s) {
                squares.set(tensor, squares.get(tensor).add(BigInteger.valueOf(partial)));
                partial = 0;
            }
            partial += s * s;
        }
        squares.set(tensor, squares.get(tensor).add(BigInteger.valueOf(partial)));
    }

    /// The largest |secure mean − plaintext mean| at a coordinate of `tensor`, before the result is
    /// rounded to binary32: (|U3|/Σw̃)·r/Q.
    public double errorBound(int tensor, Totals totals) {
        double sumOfWeights = layout.weighted() ? (double) totals.weight() / weightCap : totals.survivors();
        return totals.survivors() / sumOfWeights * layout.tensors().get(tensor).range() / quotient;
    }

    private int tensorAt(long coordinate) {
        int tensor = 0;
        while (coordinate >= tensorEnds[tensor]) {
            tensor++;
        }
        return tensor;
    }
}

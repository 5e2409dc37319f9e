package dev.sotto.crypto.fixedpoint;

import java.math.BigInteger;

/// The public ranges of the next round, exactly (protocol §10, "Ranges"). Coordinator and members compute
/// the same.
public final class Ranges {
    /// The range exponent of SCAFFOLD's `control` before any round: range 2.
    public static final int INITIAL_CONTROL = 1;

    private static final int LEAST = -126;
    private static final int MOST = 127;

    private Ranges() {}

    /// The exponent before any closed round: the smallest power of two ≥ 2·steps·learningRate.
    public static int initial(int steps, double learningRate) {
        double least = 2.0 * steps * learningRate;
        if (!(least > 0) || Double.isInfinite(least)) {
            throw new IllegalArgumentException("2·" + steps + "·" + learningRate + " is no range");
        }
        int exponent = Math.getExponent(least);
        return Math.clamp(Math.scalb(1.0, exponent) >= least ? exponent : exponent + 1, LEAST, MOST);
    }

    /// Whether over 0.1 % of the coordinates were clipped.
    public static boolean tight(Totals totals, long coordinates) {
        return totals.clipped() * 1000.0 > (double) totals.survivors() * coordinates;
    }

    /// The exponent after a closed round: smallest e with 4^e ≥ 64·|U3|·r′²·S/(d·Q²·w²), one more if
    /// `tight`.
    ///
    /// @param previous  e of r′ = 2^e in that round
    /// @param squares   S, the sum of squares of the tensor's ring sums; if 0, `initial` is returned
    /// @param dimension d, the tensor's size
    /// @param quotient  Q of that round
    /// @param weightCap of that round; w = W/weightCap in a weighted vector
    public static int next(
            int previous,
            BigInteger squares,
            long dimension,
            long quotient,
            boolean weighted,
            int weightCap,
            Totals totals,
            boolean tight,
            int initial) {
        if (squares.signum() == 0) {
            return initial;
        }
        BigInteger w = BigInteger.valueOf(weighted ? totals.weight() : totals.survivors());
        BigInteger cap = BigInteger.valueOf(weighted ? weightCap : 1);
        BigInteger q = BigInteger.valueOf(quotient);
        BigInteger left = BigInteger.valueOf(dimension)
                .multiply(q)
                .multiply(q)
                .multiply(w)
                .multiply(w);
        BigInteger right = squares.multiply(BigInteger.valueOf(64L * totals.survivors()))
                .multiply(cap)
                .multiply(cap);
        // 4^(e − previous)·left ≥ right, shifting whichever side keeps integers.
        int e = LEAST;
        while (e < MOST && !holds(e - previous, left, right)) {
            e++;
        }
        return Math.min(tight ? e + 1 : e, MOST);
    }

    private static boolean holds(int difference, BigInteger left, BigInteger right) {
        return difference >= 0
                ? left.shiftLeft(2 * difference).compareTo(right) >= 0
                : left.compareTo(right.shiftLeft(-2 * difference)) >= 0;
    }
}

package dev.sotto.training.privacy;

import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/// What mechanisms cost together: their Rényi differential privacy at many orders, which adds up (Mironov, 2017,
/// proposition 1) also where a mechanism was chosen by what came out of those before. Immutable.
public final class RenyiCurve {
    /// Those of Opacus and TensorFlow Privacy, and some larger ones for small ε.
    private static final double[] ORDERS = DoubleStream.concat(
                    IntStream.range(1, 100).mapToDouble(tenths -> 1 + tenths / 10.0),
                    IntStream.concat(IntStream.rangeClosed(11, 64), IntStream.of(80, 96, 128, 192, 256, 512, 1024))
                            .asDoubleStream())
            .toArray();

    /// Of no mechanism.
    public static final RenyiCurve NOTHING = new RenyiCurve(new double[ORDERS.length]);

    private final double[] values;

    private RenyiCurve(double[] values) {
        this.values = values;
    }

    /// One mechanism, `times` times.
    ///
    /// @param times at least 0
    public static RenyiCurve of(SampledGaussian mechanism, long times) {
        if (times < 0) {
            throw new IllegalArgumentException("times is " + times + ", must be at least 0");
        }
        return times == 0
                ? NOTHING
                : new RenyiCurve(DoubleStream.of(ORDERS)
                        .map(order -> times * mechanism.rdp(order))
                        .toArray());
    }

    /// Both together.
    public RenyiCurve plus(RenyiCurve other) {
        return new RenyiCurve(IntStream.range(0, ORDERS.length)
                .mapToDouble(i -> values[i] + other.values[i])
                .toArray());
    }

    /// The least ε for which this implies (ε, δ)-differential privacy, over the orders:
    /// ε_α + log(1 − 1 ÷ α) − log(α δ) ÷ (α − 1) (Canonne, Kamath and Steinke, 2020, proposition 12; Balle et al.,
    /// 2020, theorem 21). It is 0 where the total variation distance is at most δ, which √(1 − exp(−ε_α)) bounds
    /// (Bretagnolle and Huber, 1979, for order 1; divergences grow with the order).
    ///
    /// @param delta above 0, below 1
    /// @return at least 0; infinite if no order is finite
    public double epsilon(double delta) {
        if (!(delta > 0 && delta < 1)) {
            throw new IllegalArgumentException("delta is " + delta + ", must be above 0, below 1");
        }
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < ORDERS.length; i++) {
            double order = ORDERS[i];
            if (-Math.expm1(-values[i]) <= delta * delta) {
                return 0;
            }
            least = Math.min(least, values[i] + Math.log1p(-1 / order) - Math.log(order * delta) / (order - 1));
        }
        return Math.max(0, least);
    }

    /// The orders at which it is kept.
    static double[] orders() {
        return ORDERS.clone();
    }
}

package dev.sotto.training.privacy;

import org.apache.commons.numbers.gamma.Erfc;
import org.apache.commons.numbers.gamma.Erfcx;

/// The Gaussian mechanism on a Poisson sample: each record is drawn with probability q, the sum of what the drawn
/// ones give (each of L2 norm at most C) gets Gaussian noise of standard deviation σ C. One step of DP-SGD.
///
/// Neighbours differ by one record that is there or not (add or remove). Immutable.
///
/// @param rate            q, above 0 to 1
/// @param noiseMultiplier σ, above 0
public record SampledGaussian(double rate, double noiseMultiplier) {
    /// Terms below e to this, 10⁻¹³, are left out of the series for orders that are no integers: its sum is at least
    /// 1, and the terms alternate, so that no more than the first of them is lost.
    private static final double NEGLIGIBLE = -30;

    /// How near the noise multiplier of [#within] is to the smallest, relatively.
    private static final double PRECISION = 1e-4;

    private static final double MOST_NOISE = 1e6;

    /// Checks both.
    ///
    /// @throws IllegalArgumentException naming the one out of range
    public SampledGaussian {
        if (!(rate > 0 && rate <= 1)) {
            throw new IllegalArgumentException("sampling rate is " + rate + ", must be above 0 to 1");
        }
        if (!(noiseMultiplier > 0 && noiseMultiplier <= MOST_NOISE)) {
            throw new IllegalArgumentException(
                    "noise multiplier is " + noiseMultiplier + ", must be above 0 to " + MOST_NOISE);
        }
    }

    /// Its Rényi differential privacy: the largest divergence of that order between the outputs on neighbours.
    ///
    /// With q = 1 it is α ÷ 2σ² (Mironov, 2017, corollary 3); else log A_α ÷ (α − 1) of Mironov, Talwar and Zhang
    /// (2019): equation 4 sums it up for integers, section 3.3 has the series for other orders.
    ///
    /// @param order α, above 1
    /// @return nats, at least 0; infinite where it leaves binary64
    public double rdp(double order) {
        if (!(order > 1)) {
            throw new IllegalArgumentException("order is " + order + ", must be above 1");
        }
        if (rate == 1) {
            return order / (2 * noiseMultiplier * noiseMultiplier);
        }
        double log = order == Math.rint(order) ? integerMoment((int) order) : fractionalMoment(order);
        return Double.isNaN(log) ? Double.POSITIVE_INFINITY : Math.max(0, log) / (order - 1);
    }

    /// log Σ_k C(α, k) (1 − q)^(α − k) q^k exp((k² − k) ÷ 2σ²).
    private double integerMoment(int order) {
        double sum = Double.NEGATIVE_INFINITY;
        double binomial = 0;
        for (int k = 0; k <= order; k++) {
            sum = logSum(sum, binomial + k * Math.log(rate) + (order - k) * Math.log1p(-rate) + exponent(k));
            binomial += Math.log(order - k) - Math.log(k + 1);
        }
        return sum;
    }

    /// The integral is split at z, where both parts of the mixture are alike, and the power of the mixture is
    /// expanded there from either side. Signs of the binomial coefficients alternate beyond α, so that positive
    /// and negative terms are summed apart.
    private double fractionalMoment(double order) {
        double positive = Double.NEGATIVE_INFINITY;
        double negative = Double.NEGATIVE_INFINITY;
        double logRate = Math.log(rate);
        double logRest = Math.log1p(-rate);
        double z = noiseMultiplier * noiseMultiplier * (logRest - logRate) + 0.5;
        double width = Math.sqrt(2) * noiseMultiplier;
        double binomial = 0;
        boolean below = false;
        double terms = 0;
        for (int i = 0; i <= order || terms > NEGLIGIBLE; i++) {
            double j = order - i;
            double left = binomial + i * logRate + j * logRest + exponent(i) + logHalfErfc((i - z) / width);
            double right = binomial + j * logRate + i * logRest + exponent(j) + logHalfErfc((z - j) / width);
            terms = logSum(left, right);
            if (below) {
                negative = logSum(negative, terms);
            } else {
                positive = logSum(positive, terms);
            }
            below ^= order - i < 0;
            binomial += Math.log(Math.abs(order - i)) - Math.log(i + 1);
        }
        return positive + Math.log1p(-Math.exp(negative - positive));
    }

    private double exponent(double k) {
        return (k * k - k) / (2 * noiseMultiplier * noiseMultiplier);
    }

    private static double logSum(double one, double other) {
        double larger = Math.max(one, other);
        return larger == Double.NEGATIVE_INFINITY
                ? larger
                : larger + Math.log1p(Math.exp(Math.min(one, other) - larger));
    }

    private static double logHalfErfc(double x) {
        return x > 0 ? Math.log(Erfcx.value(x) / 2) - x * x : Math.log(Erfc.value(x) / 2);
    }

    /// The mechanism with the least noise of which `steps` cost no more than `epsilon`.
    ///
    /// @param steps   at least 1
    /// @param epsilon above 0
    /// @throws IllegalArgumentException if no noise up to 10⁶ is enough
    public static SampledGaussian within(double rate, long steps, double epsilon, double delta) {
        double most = 1;
        while (epsilon(rate, most, steps, delta) > epsilon) {
            most *= 2;
            if (most > MOST_NOISE) {
                throw new IllegalArgumentException(
                        "epsilon " + epsilon + " at delta " + delta + " is out of reach: more noise does not lower it");
            }
        }
        double least = most == 1 ? 0 : most / 2;
        while (most - least > PRECISION * most) {
            double middle = (least + most) / 2;
            if (epsilon(rate, middle, steps, delta) > epsilon) {
                least = middle;
            } else {
                most = middle;
            }
        }
        return new SampledGaussian(rate, most);
    }

    private static double epsilon(double rate, double noise, long steps, double delta) {
        return RenyiCurve.of(new SampledGaussian(rate, noise), steps).epsilon(delta);
    }
}

package dev.sotto.crypto.fixedpoint;

/// What the `scalars` vector of a sum says.
///
/// @param survivors |U3|, the sum of ones
/// @param weight    W, the sum of integer weights
/// @param lossSum   the sum of weight × mean loss
/// @param clipped   how many coordinates were clipped
/// @param examples  the sum of examples, or 0 unless weighting is `exact`
/// @param tokens    likewise
public record Totals(long survivors, long weight, double lossSum, long clipped, long examples, long tokens) {
    /// The weighted mean loss.
    public double meanLoss() {
        return lossSum / weight;
    }
}

package dev.sotto.crypto.fixedpoint;

import java.util.List;

/// What the `scalars` vector of a sum says.
///
/// @param survivors |U3|, the sum of ones
/// @param weight    W, the sum of integer weights
/// @param lossSum   the sum of weight × mean loss
/// @param clipped   how many coordinates were clipped
/// @param examples  the sum of examples, or 0 unless weighting is `exact`
/// @param tokens    likewise
/// @param rows      with members of different ranks, for each row of the adapter the sum over those that trained
///   it: of weights, or in an unweighted vector of ones; else none
public record Totals(
        long survivors, long weight, double lossSum, long clipped, long examples, long tokens, List<Long> rows) {
    /// Copies the list.
    public Totals {
        rows = List.copyOf(rows);
    }

    /// Where all members have the same rank.
    public Totals(long survivors, long weight, double lossSum, long clipped, long examples, long tokens) {
        this(survivors, weight, lossSum, clipped, examples, tokens, List.of());
    }

    /// The weighted mean loss.
    public double meanLoss() {
        return lossSum / weight;
    }
}

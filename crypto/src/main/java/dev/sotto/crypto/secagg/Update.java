package dev.sotto.crypto.secagg;

import java.util.Map;

/// What training gave a member: the differences to the adapter it started from.
///
/// @param vectors  by vector name, each in layout order; all but `scalars`
/// @param weight   1 to the round's `weightCap`
/// @param meanLoss over the local steps
/// @param examples used; leaves the member only with weighting `exact`
/// @param tokens   likewise
/// @param rank     how many rows of the adapter were trained; counts where members have different ranks
public record Update(Map<String, float[]> vectors, int weight, double meanLoss, long examples, long tokens, int rank) {
    /// Of all rows.
    public Update(Map<String, float[]> vectors, int weight, double meanLoss, long examples, long tokens) {
        this(vectors, weight, meanLoss, examples, tokens, Integer.MAX_VALUE);
    }

    /// Copies the map, not the arrays.
    public Update {
        vectors = Map.copyOf(vectors);
    }
}

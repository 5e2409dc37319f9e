package dev.sotto.training.djl;

import java.util.Arrays;

/// Several sequences in one row, none of which sees another.
///
/// @param positions rows × length: from 0 within each sequence
/// @param segments  rows × length: which sequence of the row a position belongs to; positions that belong to
///   none, as padding, may have any number that no sequence has
@SuppressWarnings("ArrayRecordComponent")
public record Packing(int[][] positions, int[][] segments) {
    long[] flat(int most) {
        return Arrays.stream(positions)
                .flatMapToInt(Arrays::stream)
                .peek(position -> {
                    if (position < 0 || position >= most) {
                        throw new IllegalArgumentException(
                                "position " + position + ", the model has " + most + " positions");
                    }
                })
                .asLongStream()
                .toArray();
    }

    /// The length of the longest sequence.
    int length() {
        return 1 + Arrays.stream(positions).flatMapToInt(Arrays::stream).max().orElse(0);
    }

    /// Whether a position sees another: rows × length × length.
    boolean[] mask() {
        int length = segments[0].length;
        boolean[] seen = new boolean[segments.length * length * length];
        for (int row = 0; row < segments.length; row++) {
            for (int i = 0; i < length; i++) {
                for (int j = 0; j <= i; j++) {
                    seen[(row * length + i) * length + j] = segments[row][i] == segments[row][j];
                }
            }
        }
        return seen;
    }
}

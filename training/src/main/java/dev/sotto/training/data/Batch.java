package dev.sotto.training.data;

import java.util.Arrays;
import java.util.List;

/// Token sequences of one length, padded on the right. The target at a position is the token to predict
/// there, or [#IGNORE] where no loss is taken: prompt, padding, and the last position.
///
/// @param tokens  rows × length
/// @param targets rows × length
@SuppressWarnings("ArrayRecordComponent")
public record Batch(int[][] tokens, int[][] targets) {
    /// No loss here.
    public static final int IGNORE = -100;

    /// Pads sequences to the longest.
    public static Batch of(List<Labelled> sequences, int padToken) {
        int length = sequences.stream()
                .mapToInt(sequence -> sequence.tokens().length)
                .max()
                .orElse(0);
        int[][] tokens = new int[sequences.size()][length];
        int[][] targets = new int[sequences.size()][length];
        for (int row = 0; row < tokens.length; row++) {
            Labelled sequence = sequences.get(row);
            Arrays.fill(tokens[row], padToken);
            Arrays.fill(targets[row], IGNORE);
            System.arraycopy(sequence.tokens(), 0, tokens[row], 0, sequence.tokens().length);
            System.arraycopy(sequence.targets(), 0, targets[row], 0, sequence.targets().length);
        }
        return new Batch(tokens, targets);
    }

    /// How many positions carry loss.
    public int counted() {
        int counted = 0;
        for (int[] row : targets) {
            for (int target : row) {
                counted += target == IGNORE ? 0 : 1;
            }
        }
        return counted;
    }
}

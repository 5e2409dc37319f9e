package dev.sotto.training.data;

import java.util.Arrays;

/// One token sequence with what is to be predicted at each position: the next token, or [Batch#IGNORE].
///
/// @param tokens  at least one
/// @param targets as many; the last is always ignored
@SuppressWarnings("ArrayRecordComponent")
public record Labelled(int[] tokens, int[] targets) {
    /// Checks the lengths.
    public Labelled {
        if (tokens.length == 0 || targets.length != tokens.length || targets[targets.length - 1] != Batch.IGNORE) {
            throw new IllegalArgumentException(tokens.length + " tokens must have as many targets, the last ignored");
        }
    }

    /// Loss on all tokens after the first `prompt`, but not on the very first, which nothing precedes.
    public static Labelled after(int prompt, int... tokens) {
        int[] targets = new int[tokens.length];
        Arrays.fill(targets, Batch.IGNORE);
        int first = Math.max(prompt, 1);
        if (first < tokens.length) {
            System.arraycopy(tokens, first, targets, first - 1, tokens.length - first);
        }
        return new Labelled(tokens, targets);
    }

    /// How many positions carry loss.
    public int counted() {
        int counted = 0;
        for (int target : targets) {
            counted += target == Batch.IGNORE ? 0 : 1;
        }
        return counted;
    }
}

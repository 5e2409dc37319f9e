package dev.sotto.training.djl;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/// How the next token is chosen from its logits: first `temperature`, then the `topK` most probable, then the
/// fewest of those whose probabilities reach `topP`, as in transformers.
///
/// @param maxTokens   how many tokens at most, at least 1
/// @param temperature what logits are divided by; 0 takes the most probable token
/// @param topK        0 for all
/// @param topP        in (0, 1], 1 for all (Holtzman et al., 2020)
/// @param seed        decides what is drawn; a row's draws do not depend on the other rows
public record Decoding(int maxTokens, double temperature, int topK, double topP, long seed) {
    /// Checks the values.
    ///
    /// @throws IllegalArgumentException if one is outside its range, naming it
    public Decoding {
        if (maxTokens < 1) {
            throw new IllegalArgumentException("maxTokens is " + maxTokens + ", must be at least 1");
        }
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("temperature is " + temperature + ", must be 0 or more");
        }
        if (topK < 0) {
            throw new IllegalArgumentException("topK is " + topK + ", must be 0 or more");
        }
        if (!(topP > 0 && topP <= 1)) {
            throw new IllegalArgumentException("topP is " + topP + ", must be more than 0 and at most 1");
        }
    }

    /// Always the most probable token.
    public static Decoding greedy(int maxTokens) {
        return new Decoding(maxTokens, 0, 0, 1, 0);
    }

    /// One token.
    ///
    /// @param logits in which those of `size` tokens stand from `from` on
    int choose(float[] logits, int from, int size, SplittableRandom random) {
        if (temperature == 0) {
            int best = 0;
            for (int i = 1; i < size; i++) {
                best = logits[from + i] > logits[from + best] ? i : best;
            }
            return best;
        }
        int[] tokens = mostProbableFirst(logits, from, size);
        double[] weights = new double[topK == 0 ? size : Math.min(topK, size)];
        for (int i = 0; i < weights.length; i++) {
            weights[i] = Math.exp(((double) logits[from + tokens[i]] - logits[from + tokens[0]]) / temperature);
        }
        double most = topP * Arrays.stream(weights).sum();
        int kept = 0;
        double sum = 0;
        while (kept < weights.length && (kept == 0 || sum < most)) {
            sum += weights[kept++];
        }
        double drawn = random.nextDouble() * sum;
        for (int i = 0; i < kept; i++) {
            drawn -= weights[i];
            if (drawn < 0) {
                return tokens[i];
            }
        }
        return tokens[kept - 1];
    }

    /// Sorts numbers whose upper half falls with the logit and whose lower half is the token.
    private static int[] mostProbableFirst(float[] logits, int from, int size) {
        return IntStream.range(0, size)
                .mapToLong(token -> (long) ~ascending(logits[from + token]) << 32 | token)
                .sorted()
                .mapToInt(pair -> (int) pair)
                .toArray();
    }

    /// An integer that is ordered as the number is.
    private static int ascending(float value) {
        int bits = Float.floatToIntBits(value);
        return bits ^ (bits >> 31 & Integer.MAX_VALUE);
    }

    List<Row> rows(int count, List<Integer> endTokens) {
        return IntStream.range(0, count)
                .mapToObj(row -> new Row(this, endTokens, new SplittableRandom(seed + 0x9e3779b97f4a7c15L * row)))
                .toList();
    }

    /// A row that grows.
    static final class Row {
        private final Decoding decoding;
        private final List<Integer> endTokens;
        private final SplittableRandom random;
        private final List<Integer> tokens = new ArrayList<>();
        private boolean ended;

        private Row(Decoding decoding, List<Integer> endTokens, SplittableRandom random) {
            this.decoding = decoding;
            this.endTokens = endTokens;
            this.random = random;
        }

        /// Whether it has not ended.
        boolean on() {
            return !ended;
        }

        /// Chooses a token, which belongs to the row unless it has ended.
        int take(float[] logits, int from, int size) {
            int token = decoding.choose(logits, from, size, random);
            ended |= endTokens.contains(token);
            if (!ended) {
                tokens.add(token);
            }
            return token;
        }

        int[] tokens() {
            return tokens.stream().mapToInt(token -> token).toArray();
        }
    }
}

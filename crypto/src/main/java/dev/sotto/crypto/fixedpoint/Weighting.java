package dev.sotto.crypto.fixedpoint;

import java.util.Locale;

/// How a member turns its number of examples into its integer weight (protocol §4, §10 "Encoding").
public enum Weighting {
    /// Everyone weighs 1.
    UNIFORM,
    /// The nearest power of two, up to the cap: hides the exact number.
    CLASSES,
    /// The number itself, up to the cap.
    EXACT;

    /// The weighting of that name.
    ///
    /// @throws IllegalArgumentException naming what is allowed
    public static Weighting of(String name) {
        for (Weighting weighting : values()) {
            if (weighting.wireName().equals(name)) {
                return weighting;
            }
        }
        throw new IllegalArgumentException("weighting is '" + name + "', must be uniform, classes or exact");
    }

    /// The name in messages and files.
    public String wireName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// The weight of a member with `examples` examples: 1 to `cap`.
    ///
    /// For `classes` 2^e with e smallest such that examples² < 2^(2e+1).
    public int weight(long examples, int cap) {
        if (examples < 1 || cap < 1) {
            throw new IllegalArgumentException("examples " + examples + " and cap " + cap + " must be at least 1");
        }
        return switch (this) {
            case UNIFORM -> 1;
            case EXACT -> (int) Math.min(examples, cap);
            case CLASSES -> {
                long limited = Math.min(examples, 1L << 30);
                int e = 0;
                while (limited * limited >= 1L << 2 * e + 1) {
                    e++;
                }
                yield (int) Math.min(1L << e, cap);
            }
        };
    }
}

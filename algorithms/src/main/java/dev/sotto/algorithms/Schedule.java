package dev.sotto.algorithms;

/// The learning rate across rounds: constant within a round, cosine over them (OpenFedLLM,
/// `utils.cosine_learning_rate`).
public final class Schedule {
    private Schedule() {}

    /// least + ½(first − least)(1 + cos(π·round/rounds)).
    ///
    /// @param first  of round 0
    /// @param round  from 0
    /// @param rounds of the whole training, at least 1
    public static double cosine(double first, double least, long round, long rounds) {
        if (rounds < 1 || round < 0) {
            throw new IllegalArgumentException("round " + round + " of " + rounds + ": need 0 <= round, 1 <= rounds");
        }
        return least + 0.5 * (first - least) * (1 + Math.cos(Math.PI * round / rounds));
    }
}

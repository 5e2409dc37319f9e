package dev.sotto.algorithms;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// A server's optimiser with its numbers, in one of the two definitions that go by its name.
///
/// Element-wise, so any slice of a vector can be stepped alone and anywhere. Arithmetic is binary64 from
/// binary32 state, and each stored value is rounded to binary32 once. Immutable, thread-safe.
///
/// @param optimizer which of the seven
/// @param variant   by whose definition
/// @param eta       η, the adaptive ones' rate, more than 0
/// @param tau       τ, what keeps their divisor from 0, more than 0
/// @param beta1     β1 of m, in [0, 1)
/// @param beta2     β2 of v, in [0, 1)
public record ServerRule(
        ServerOptimizer optimizer, Variant variant, double eta, double tau, double beta1, double beta2) {
    /// Whose definition.
    public enum Variant {
        /// OpenFedLLM's, as [ServerOptimizer] writes them down: m starts as the first Δ, v follows m² in FedYogi
        /// and FedAdam, nothing is corrected, and adaptive ones take the plain mean.
        OPENFEDLLM,
        /// As the algorithms are usually written; Δ is always the mean weighted by examples.
        ///
        /// - FedAvgM (Hsu et al., 2019): m = β1 m + Δ; w += m.
        /// - FedAdagrad (Reddi et al., 2021): v += Δ², v₀ = τ²; w += η Δ/(√v + τ).
        /// - FedYogi: m = β1 m + (1 − β1) Δ; v −= (1 − β2) Δ² sign(v − Δ²); w += η m̂/(√v̂ + τ).
        /// - FedAdam: m likewise; v = β2 v + (1 − β2) Δ²; w likewise.
        ///
        /// m̂ = m/(1 − β1^t) and v̂ = v/(1 − β2^t) after t rounds, from m₀ = v₀ = 0 (Kingma and Ba, 2015; Reddi
        /// et al. have v₀ ≥ τ² and no correction). The other three have one definition.
        CLASSIC;

        /// The name in files.
        public String wireName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// OpenFedLLM's numbers: η = τ = 10⁻³, β1 = 0.9, β2 = 0.99.
    public static final double ETA = 1e-3;
    /// Its τ.
    public static final double TAU = 1e-3;
    /// Its β1.
    public static final double BETA1 = 0.9;
    /// Its β2.
    public static final double BETA2 = 0.99;

    /// Checks the numbers.
    ///
    /// @throws IllegalArgumentException naming one outside its range
    public ServerRule {
        if (!(eta > 0 && tau > 0)) {
            throw new IllegalArgumentException("eta " + eta + " and tau " + tau + " must be more than 0");
        }
        if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
            throw new IllegalArgumentException(
                    "beta1 " + beta1 + " and beta2 " + beta2 + " must be at least 0 and less than 1");
        }
    }

    /// What federations run: OpenFedLLM's definition with its numbers.
    public static ServerRule openFedLlm(ServerOptimizer optimizer) {
        return new ServerRule(optimizer, Variant.OPENFEDLLM, ETA, TAU, BETA1, BETA2);
    }

    /// Whether Δ is the mean weighted by examples, or the plain mean.
    public boolean weighted() {
        return variant == Variant.CLASSIC || optimizer.weighted();
    }

    /// The state before round 0, [ServerOptimizer#stateVectors] of them.
    public float[][] initialState(int size) {
        float[][] state = new float[optimizer.stateVectors()][size];
        boolean corrected = variant == Variant.CLASSIC && optimizer != ServerOptimizer.FEDADAGRAD;
        if (!optimizer.weighted() && !corrected) {
            Arrays.fill(state[state.length - 1], (float) (tau * tau));
        }
        return state;
    }

    /// One step on a slice, in place.
    ///
    /// @param w       the adapter
    /// @param decoded Δ, as long as `w`; after it, where [ServerOptimizer#hasControl], Σ(c_k⁺ − c_k) over the
    ///   survivors
    /// @param state   as [#initialState] made it
    /// @param round   from 0
    /// @param members N: all members, not only the survivors
    public void step(float[] w, List<double[]> decoded, float[][] state, long round, int members) {
        double[] delta = decoded.getFirst();
        if (optimizer.hasControl()) {
            double[] moved = decoded.get(1);
            for (int i = 0; i < w.length; i++) {
                state[0][i] = (float) (state[0][i] + moved[i] / members);
            }
        }
        boolean classic = variant == Variant.CLASSIC;
        double first = classic ? 1 - Math.pow(beta1, (double) round + 1) : 1;
        double second = classic ? 1 - Math.pow(beta2, (double) round + 1) : 1;
        for (int i = 0; i < w.length; i++) {
            double d = delta[i];
            w[i] = (float) (w[i]
                    + switch (optimizer) {
                        case FEDAVG, FEDPROX, SCAFFOLD -> d;
                        case FEDAVGM -> classic ? heavyBall(state[0], d, i) : momentum(state[0], d, i, round);
                        case FEDADAGRAD -> {
                            double v = state[0][i] + d * d;
                            state[0][i] = (float) v;
                            yield adapted(d, v);
                        }
                        case FEDYOGI -> {
                            double m = momentum(state[0], d, i, round);
                            double square = classic ? d * d : m * m;
                            double v = state[1][i] - (1 - beta2) * square * Math.signum(state[1][i] - square);
                            state[1][i] = (float) v;
                            yield adapted(m / first, v / second);
                        }
                        case FEDADAM -> {
                            double m = momentum(state[0], d, i, round);
                            double square = classic ? d * d : m * m;
                            double v = beta2 * state[1][i] + (1 - beta2) * square;
                            state[1][i] = (float) v;
                            yield adapted(m / first, v / second);
                        }
                    });
        }
    }

    private double adapted(double m, double v) {
        return eta * m / (Math.sqrt(v) + tau);
    }

    private double momentum(float[] m, double delta, int i, long round) {
        boolean begins = round == 0 && variant == Variant.OPENFEDLLM;
        double next = begins ? delta : beta1 * m[i] + (1 - beta1) * delta;
        m[i] = (float) next;
        return next;
    }

    private double heavyBall(float[] m, double delta, int i) {
        double next = beta1 * m[i] + delta;
        m[i] = (float) next;
        return next;
    }
}

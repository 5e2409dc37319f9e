package dev.sotto.algorithms;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// What the server does with the mean update, by OpenFedLLM's definitions (its `fed_global.py`; Reddi et
/// al., 2021, for the adaptive ones): β1 = 0.9, β2 = 0.99, η = τ = 10⁻³. [ServerRule] has other numbers and
/// other definitions of the same names. Immutable, thread-safe.
public enum ServerOptimizer {
    /// w += Δ.
    FEDAVG(0, true),
    /// As [#FEDAVG]; the client adds μ/2 ‖w − w_g‖² to its loss.
    FEDPROX(0, true),
    /// As [#FEDAVG]; c += Σ(c_k⁺ − c_k)/N, N all members.
    SCAFFOLD(1, true),
    /// m = Δ in round 0, else β1 m + (1 − β1) Δ; w += m.
    FEDAVGM(1, true),
    /// v += Δ²; w += η Δ/(√v + τ).
    FEDADAGRAD(1, false),
    /// m as [#FEDAVGM]; v −= (1 − β2) m² sign(v − m²); w += η m/(√v + τ).
    FEDYOGI(2, false),
    /// m as [#FEDAVGM]; v = β2 v + (1 − β2) m²; w += η m/(√v + τ).
    FEDADAM(2, false);

    private final int stateVectors;
    private final boolean weighted;

    ServerOptimizer(int stateVectors, boolean weighted) {
        this.stateVectors = stateVectors;
        this.weighted = weighted;
    }

    /// The algorithm of that name.
    ///
    /// @throws IllegalArgumentException listing the seven names
    public static ServerOptimizer of(String name) {
        for (ServerOptimizer optimizer : values()) {
            if (optimizer.wireName().equals(name)) {
                return optimizer;
            }
        }
        List<String> allowed =
                Arrays.stream(values()).map(ServerOptimizer::wireName).toList();
        throw new IllegalArgumentException("algorithm is '" + name + "', must be one of " + String.join(", ", allowed));
    }

    /// The name in files and messages.
    public String wireName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /// How many vectors of the adapter's length the server keeps: m before v; SCAFFOLD's c.
    public int stateVectors() {
        return stateVectors;
    }

    /// Whether members send a second vector, Σ(c_k⁺ − c_k).
    public boolean hasControl() {
        return this == SCAFFOLD;
    }

    /// Whether Δ is the mean weighted by examples, or the plain mean.
    public boolean weighted() {
        return weighted;
    }

    /// The state before round 0: m = 0, v = τ².
    public float[][] initialState(int size) {
        return ServerRule.openFedLlm(this).initialState(size);
    }

    /// One step of [ServerRule#openFedLlm] on a slice, in place.
    ///
    /// @param w       the adapter
    /// @param decoded Δ, as long as `w`; after it, where [#hasControl], Σ(c_k⁺ − c_k) over the survivors
    /// @param state   as [#initialState] made it
    /// @param round   from 0
    /// @param members N: all members, not only the survivors
    public void step(float[] w, List<double[]> decoded, float[][] state, long round, int members) {
        ServerRule.openFedLlm(this).step(w, decoded, state, round, members);
    }
}

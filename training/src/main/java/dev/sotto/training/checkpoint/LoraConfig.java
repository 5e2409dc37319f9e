package dev.sotto.training.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Low-rank adaptation (Hu et al., 2021): W x + s B A x at each target module.
///
/// @param rank           r, at least 1
/// @param alpha          s is alpha/r
/// @param dropout        the share of inputs of A that training sets to zero, in [0, 1)
/// @param rankStabilised whether s is alpha/√r instead (Kalajdzievski, 2023)
/// @param targets        the modules that are adapted
public record LoraConfig(int rank, double alpha, double dropout, boolean rankStabilised, TargetModules targets) {
    /// Checks the values.
    ///
    /// @throws IllegalArgumentException if one is outside its range, naming it
    public LoraConfig {
        if (rank < 1 || !(alpha > 0) || Double.isInfinite(alpha)) {
            throw new IllegalArgumentException("rank " + rank + " and alpha " + alpha + " must be positive");
        }
        if (!(dropout >= 0 && dropout < 1)) {
            throw new IllegalArgumentException("dropout is " + dropout + ", must be at least 0 and less than 1");
        }
    }

    /// Without dropout, on the modules that end in these names.
    ///
    /// @throws IllegalArgumentException if a value is outside its range, naming it
    public LoraConfig(int rank, double alpha, List<String> targetModules) {
        this(rank, alpha, 0, false, new TargetModules.Names(targetModules));
    }

    /// The names that choose the modules; none if a regular expression does.
    public List<String> targetModules() {
        return targets instanceof TargetModules.Names(List<String> names) ? names : List.of();
    }

    /// s.
    public double scale() {
        return rankStabilised ? alpha / Math.sqrt(rank) : alpha / rank;
    }

    /// The same, with nothing dropped.
    public LoraConfig withoutDropout() {
        return new LoraConfig(rank, alpha, 0, rankStabilised, targets);
    }

    /// One adapter tensor.
    ///
    /// @param name    as PEFT names it
    /// @param module  as in `self_attn.q_proj`
    /// @param layer   from 0
    /// @param down    whether it is A (rank × in), else B (out × rank)
    /// @param rows    its first dimension
    /// @param columns its second
    public record Matrix(String name, String module, int layer, boolean down, int rows, int columns) {
        /// The number of coordinates.
        public int size() {
            return rows * columns;
        }

        /// r.
        public int rank() {
            return down ? rows : columns;
        }
    }

    /// The tensors of the adapter vector: ascending by PEFT name.
    ///
    /// @throws IllegalArgumentException if no module of this model is a target
    public List<Matrix> matrices(LlamaConfig config) {
        List<Matrix> matrices = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            for (LlamaConfig.Linear linear : config.linears()) {
                String module = "model.layers." + layer + "." + linear.path();
                if (targets.include(module)) {
                    String prefix = "base_model.model." + module;
                    matrices.add(new Matrix(prefix + ".lora_A.weight", linear.path(), layer, true, rank, linear.in()));
                    matrices.add(
                            new Matrix(prefix + ".lora_B.weight", linear.path(), layer, false, linear.out(), rank));
                }
            }
        }
        if (matrices.isEmpty()) {
            throw new IllegalArgumentException(targets + " choose no module of a model with " + config.layers()
                    + " layers; modules are called as in model.layers.0.self_attn.q_proj");
        }
        matrices.sort(Comparator.comparing(Matrix::name));
        return List.copyOf(matrices);
    }

    /// The number of coordinates of the adapter vector.
    ///
    /// @throws IllegalArgumentException if they are more than an array holds
    public int size(LlamaConfig config) {
        long size = matrices(config).stream().mapToLong(Matrix::size).sum();
        if (size > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("an adapter of rank " + rank + " for this model has " + size
                    + " coordinates, may have " + (Integer.MAX_VALUE - 8));
        }
        return (int) size;
    }
}

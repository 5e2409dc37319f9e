package dev.sotto.training.checkpoint;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;

/// Low-rank adaptation (Hu et al., 2021): W x + (alpha/r) B A x at each target module. No dropout.
///
/// @param rank          r, at least 1
/// @param alpha         scale is alpha/r
/// @param targetModules among `q_proj k_proj v_proj o_proj gate_proj up_proj down_proj`, ascending
public record LoraConfig(int rank, double alpha, List<String> targetModules) {
    /// The linear modules of a Llama layer.
    public static final Set<String> MODULES =
            Set.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj");

    /// Sorts the modules.
    ///
    /// @throws IllegalArgumentException if a value is outside its range, naming it
    public LoraConfig {
        targetModules = targetModules.stream().sorted().toList();
        if (rank < 1 || !(alpha > 0)) {
            throw new IllegalArgumentException("rank " + rank + " and alpha " + alpha + " must be positive");
        }
        if (targetModules.isEmpty() || !MODULES.containsAll(targetModules)) {
            throw new IllegalArgumentException("target modules are " + targetModules + ", must be some of "
                    + MODULES.stream().sorted().toList());
        }
    }

    /// One adapter tensor.
    ///
    /// @param name   as PEFT names it
    /// @param module `q_proj` …
    /// @param layer  from 0
    /// @param down   whether it is A (rank × in), else B (out × rank)
    /// @param rows   its first dimension
    /// @param columns its second
    public record Matrix(String name, String module, int layer, boolean down, int rows, int columns) {
        /// The number of coordinates.
        public int size() {
            return rows * columns;
        }
    }

    /// The tensors of the adapter vector: ascending by PEFT name.
    public List<Matrix> matrices(LlamaConfig config) {
        List<Matrix> matrices = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            for (String module : targetModules) {
                String group = module.equals("gate_proj") || module.equals("up_proj") || module.equals("down_proj")
                        ? "mlp"
                        : "self_attn";
                String prefix = "base_model.model.model.layers." + layer + "." + group + "." + module;
                matrices.add(new Matrix(prefix + ".lora_A.weight", module, layer, true, rank, in(config, module)));
                matrices.add(new Matrix(prefix + ".lora_B.weight", module, layer, false, out(config, module), rank));
            }
        }
        matrices.sort(Comparator.comparing(Matrix::name));
        return List.copyOf(matrices);
    }

    /// The number of coordinates of the adapter vector.
    ///
    /// @throws IllegalArgumentException if they are more than an array holds
    public int size(LlamaConfig config) {
        long size = matrices(config).stream()
                .mapToLong(matrix -> (long) matrix.rows() * matrix.columns())
                .sum();
        if (size > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("an adapter of rank " + rank + " for this model has " + size
                    + " coordinates, may have " + (Integer.MAX_VALUE - 8));
        }
        return (int) size;
    }

    static int in(LlamaConfig config, String module) {
        return switch (module) {
            case "o_proj" -> config.heads() * config.headSize();
            case "down_proj" -> config.intermediate();
            default -> config.hidden();
        };
    }

    static int out(LlamaConfig config, String module) {
        return switch (module) {
            case "q_proj" -> config.heads() * config.headSize();
            case "k_proj", "v_proj" -> config.keyHeads() * config.headSize();
            case "gate_proj", "up_proj" -> config.intermediate();
            default -> config.hidden();
        };
    }
}

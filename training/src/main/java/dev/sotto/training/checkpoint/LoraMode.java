package dev.sotto.training.checkpoint;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// What organisations share of an adapter. Averaging A and B apart, as OpenFedLLM does, is not averaging B A;
/// the other modes share only what makes both the same, because W + s B A is linear in it.
public enum LoraMode {
    /// A and B, averaged apart (OpenFedLLM).
    LORA,
    /// B; A is fixed by the public seed (FFA-LoRA, Sun et al., 2024).
    FFA,
    /// B in even rounds, A in odd ones, the other one unchanged (RoLoRA, Chen et al., 2024). The vector has
    /// both all the same, the unchanged ones as zeros.
    ROLORA,
    /// R alone, r × r, in W + s B R A; A and B are fixed by the public seed (Fed-SB, Singhal et al., 2025). There
    /// they are made from the first gradients of the data, which nobody here may see.
    FED_SB,
    /// As [#LORA], of members with different ranks: each trains the first rows of A and columns of B, as many as its
    /// own rank, and a row's mean is over those that trained it (zero-padding, as in HetLoRA, Cho et al., 2024,
    /// without its pruning and its weights by sparsity).
    MIXED;

    /// The mode of that name.
    ///
    /// @throws IllegalArgumentException listing the names
    public static LoraMode of(String name) {
        List<String> names = Arrays.stream(values()).map(LoraMode::wireName).toList();
        int index = names.indexOf(name);
        if (index < 0) {
            throw new IllegalArgumentException(
                    "LoRA mode is '" + name + "', must be one of " + String.join(", ", names));
        }
        return values()[index];
    }

    /// The name in files and messages.
    public String wireName() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /// The tensors that are shared, ascending by name.
    ///
    /// @throws IllegalArgumentException if no module of this model is a target
    public List<LoraConfig.Matrix> shared(LoraConfig lora, LlamaConfig config) {
        List<LoraConfig.Matrix> all = lora.matrices(config);
        return switch (this) {
            case LORA, ROLORA, MIXED -> all;
            case FFA -> all.stream().filter(matrix -> !matrix.down()).toList();
            case FED_SB ->
                all.stream()
                        .filter(matrix -> !matrix.down())
                        .map(up -> new LoraConfig.Matrix(
                                up.name().replace(".lora_B.weight", ".lora_R.weight"),
                                up.module(),
                                up.layer(),
                                false,
                                lora.rank(),
                                lora.rank()))
                        .toList();
        };
    }
}

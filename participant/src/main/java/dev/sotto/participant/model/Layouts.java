package dev.sotto.participant.model;

import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import java.util.List;

/// The wire's layout of an adapter that training knows as matrices.
public final class Layouts {
    private Layouts() {}

    /// The weighted vector `adapter`, ranges still open (exponent 0).
    public static VectorLayout adapter(LoraMode mode, LoraConfig lora, LlamaConfig config) {
        return new VectorLayout(
                "adapter",
                true,
                mode.shared(lora, config).stream()
                        .map(matrix -> new TensorLayout(matrix.name(), List.of(matrix.rows(), matrix.columns()), 0))
                        .toList());
    }
}

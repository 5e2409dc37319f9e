package dev.sotto.crypto.fixedpoint;

import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.util.Optional;

/// Adapters of members with different ranks (ADR 11): whoever has rank r_k trains the first r_k rows of each A and
/// the first r_k columns of each B, and sends zeros for the rest. For each row `scalars` sums over the members that
/// trained it, so that its mean is over those and no others.
public final class Rows {
    /// The LoRA mode of a plan that has this.
    public static final String MODE = "mixed";

    private static final String DOWN = ".lora_A.weight";
    private static final String UP = ".lora_B.weight";

    private Rows() {}

    /// How many rows are counted: r of the plan, or none.
    public static int of(TrainingPlan plan) {
        return plan.loraMode().equals(MODE) ? plan.loraRank() : 0;
    }

    /// Which tensor has no such rows, if any.
    public static Optional<String> unfit(VectorLayout adapter, int rank) {
        return adapter.tensors().stream()
                .filter(tensor -> tensor.shape().size() != 2
                        || !(tensor.name().endsWith(DOWN) && tensor.shape().getFirst() == rank
                                || tensor.name().endsWith(UP) && tensor.shape().getLast() == rank))
                .map(TensorLayout::name)
                .findFirst();
    }

    /// The row of the adapter to which a coordinate of a tensor belongs: of A its row, of B its column.
    static int at(TensorLayout tensor, long offset) {
        int columns = tensor.shape().getLast();
        return (int) (tensor.name().endsWith(DOWN) ? offset / columns : offset % columns);
    }
}

package dev.sotto.crypto.model;

import dev.sotto.crypto.fixedpoint.Ranges;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.List;

/// The ranges of a round, from the header of the version that it starts from: coordinator and members
/// compute the same.
public final class NextLayout {
    private NextLayout() {}

    /// `vector` with the ranges of the next round.
    ///
    /// @param vector       its tensors; their present ranges do not matter
    /// @param header       of the version that the round starts from
    /// @param steps        local steps of the plan
    /// @param learningRate of the plan
    public static VectorLayout of(VectorLayout vector, ModelHeader header, int steps, double learningRate) {
        int initial = vector.name().equals("control") ? Ranges.INITIAL_CONTROL : Ranges.initial(steps, learningRate);
        List<TensorLayout> tensors = new ArrayList<>();
        for (TensorLayout tensor : vector.tensors()) {
            int exponent = header.made()
                    .flatMap(made -> made.tensors().stream()
                            .filter(before -> before.vector().equals(vector.name())
                                    && before.name().equals(tensor.name()))
                            .findFirst()
                            .map(before -> Ranges.next(
                                    before.rangeExponent(),
                                    before.squares(),
                                    tensor.size(),
                                    made.quotient(),
                                    vector.weighted(),
                                    made.weightCap(),
                                    made.totals(),
                                    Ranges.tight(made.totals(), vector.size()),
                                    initial)))
                    .orElse(initial);
            tensors.add(new TensorLayout(tensor.name(), tensor.shape(), exponent));
        }
        return new VectorLayout(vector.name(), vector.weighted(), tensors);
    }
}

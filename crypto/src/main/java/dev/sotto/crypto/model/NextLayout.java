package dev.sotto.crypto.model;

import dev.sotto.crypto.fixedpoint.Ranges;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.List;

/// The vectors of a round and their ranges, from the header of the version that it starts from: coordinator
/// and members compute the same.
public final class NextLayout {
    /// SCAFFOLD's vector of Σ(c_k⁺ − c_k), with the adapter's tensors and unweighted.
    public static final String CONTROL = "control";

    private NextLayout() {}

    /// Every vector of the next round, in layout order.
    ///
    /// @param adapter      its tensors; their present ranges do not matter
    /// @param control      whether SCAFFOLD's vector follows
    /// @param header       of the version that the round starts from
    /// @param steps        local steps of the plan
    /// @param learningRate of the plan
    /// @param rows         of the adapter that are counted ([dev.sotto.crypto.fixedpoint.Rows]), or 0
    public static List<VectorLayout> of(
            VectorLayout adapter,
            boolean control,
            ModelHeader header,
            int steps,
            double learningRate,
            Weighting weighting,
            int rows) {
        List<VectorLayout> vectors = new ArrayList<>(List.of(of(adapter, header, steps, learningRate)));
        if (control) {
            vectors.add(of(new VectorLayout(CONTROL, false, adapter.tensors()), header, steps, learningRate));
        }
        vectors.add(Scalars.layout(weighting, rows));
        return List.copyOf(vectors);
    }

    /// `vector` with the ranges of the next round.
    ///
    /// @param vector       its tensors; their present ranges do not matter
    /// @param header       of the version that the round starts from
    /// @param steps        local steps of the plan
    /// @param learningRate of the plan
    public static VectorLayout of(VectorLayout vector, ModelHeader header, int steps, double learningRate) {
        int initial = vector.name().equals(CONTROL) ? Ranges.INITIAL_CONTROL : Ranges.initial(steps, learningRate);
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

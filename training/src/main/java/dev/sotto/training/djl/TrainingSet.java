package dev.sotto.training.djl;

import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PackedBatch;
import dev.sotto.training.data.PreferenceTokens;
import java.util.List;

/// Examples, and what is made small over them. Immutable as far as its examples are.
///
/// @param objective what training makes small
/// @param examples  not empty
public record TrainingSet<T>(Objective<T> objective, List<T> examples) {
    /// Copies the list.
    ///
    /// @throws IllegalArgumentException if it is empty
    public TrainingSet {
        examples = List.copyOf(examples);
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("there is nothing to train on");
        }
    }

    /// For supervised fine-tuning, one sequence a row.
    public static TrainingSet<Labelled> supervised(List<Labelled> sequences) {
        return new TrainingSet<>(new Objective.Supervised(), sequences);
    }

    /// For supervised fine-tuning, several sequences a row.
    ///
    /// @param length most tokens of a row
    public static TrainingSet<List<Labelled>> packed(List<Labelled> sequences, int length) {
        return new TrainingSet<>(new Objective.Packed(), PackedBatch.rows(sequences, length));
    }

    /// For direct preference optimisation.
    ///
    /// @param beta more than 0
    public static TrainingSet<PreferenceTokens> preferences(List<PreferenceTokens> pairs, double beta) {
        return new TrainingSet<>(new Objective.DirectPreference(beta), pairs);
    }
}

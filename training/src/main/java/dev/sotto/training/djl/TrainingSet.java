package dev.sotto.training.djl;

import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PackedBatch;
import dev.sotto.training.data.PreferenceTokens;
import java.util.ArrayList;
import java.util.Collection;
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

    /// The examples of several sets of one objective, in their order.
    ///
    /// @param sets not empty
    /// @throws IllegalArgumentException if their objectives differ
    public static TrainingSet<?> together(Collection<TrainingSet<?>> sets) {
        Objective<?> objective = sets.iterator().next().objective();
        if (!sets.stream().allMatch(set -> set.objective().equals(objective))) {
            throw new IllegalArgumentException("training sets must have one objective");
        }
        return of(objective, sets);
    }

    /// Equal objectives have examples of one type.
    @SuppressWarnings("unchecked")
    private static <T> TrainingSet<T> of(Objective<T> objective, Collection<TrainingSet<?>> sets) {
        List<T> examples = new ArrayList<>();
        sets.forEach(set -> examples.addAll((List<T>) set.examples()));
        return new TrainingSet<>(objective, examples);
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

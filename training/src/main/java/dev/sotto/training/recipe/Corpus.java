package dev.sotto.training.recipe;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.TemplateRefused;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Examples read from files, for a recipe.
///
/// @param recipe what is learned from them
/// @param loaded the examples, and what was left out
public record Corpus<E>(Recipe<E> recipe, Loaded<E> loaded) {
    /// Reads files.
    ///
    /// @throws InvalidFile              as [Loaded#read] does
    /// @throws IllegalArgumentException if the mapping's examples are of another kind than the recipe's
    public static <E> Corpus<E> read(Recipe<E> recipe, List<Path> files, Mapping<?> mapping, boolean skipBadLines)
            throws IOException, InvalidFile {
        return new Corpus<>(recipe, Loaded.read(files, recipe.mapping(mapping), skipBadLines));
    }

    /// Over examples that are there.
    public static <E> Corpus<E> of(Recipe<E> recipe, List<E> examples) {
        return new Corpus<>(recipe, new Loaded<>(List.copyOf(examples), 0, List.of(), 0));
    }

    /// The examples as tokens, for a model of so many positions.
    ///
    /// @return nothing, if no example is left
    /// @throws TemplateRefused if the template cannot write one of them, naming its number
    public Optional<TrainingSet<?>> trainingSet(Sequences sequences, int positions) throws TemplateRefused {
        return recipe.atMost(positions).trainingSet(loaded.examples(), sequences);
    }
}

package dev.sotto.training.recipe;

import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.data.Preference;
import dev.sotto.training.data.PreferenceTokens;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.TemplateRefused;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What is learned from examples, and how they are cut. Immutable.
///
/// @param <E> what an example is
public sealed interface Recipe<E> {
    /// A data set's mapping, as this recipe needs it.
    ///
    /// @throws IllegalArgumentException if the data set holds another kind of examples
    Mapping<E> mapping(Mapping<?> mapping);

    /// Most tokens of an example.
    int maxTokens();

    /// The same for a model that knows fewer positions.
    Recipe<E> atMost(int positions);

    /// The examples as tokens.
    ///
    /// @return nothing, if no example is left
    /// @throws TemplateRefused if the template cannot write one of them, naming its number
    Optional<TrainingSet<?>> trainingSet(List<E> examples, Sequences sequences) throws TemplateRefused;

    /// Supervised fine-tuning on the assistant's turns. Longer conversations are cut at the end; those that
    /// have no answer left are left out.
    ///
    /// @param maxTokens of a sequence, at least 2
    /// @param packing   whether rows of `maxTokens` take several sequences
    record Supervised(int maxTokens, boolean packing) implements Recipe<Conversation> {
        @Override
        public Mapping<Conversation> mapping(Mapping<?> mapping) {
            return mapping.conversations();
        }

        @Override
        public Supervised atMost(int positions) {
            return new Supervised(Math.min(maxTokens, positions), packing);
        }

        /// One sequence for each example that has an answer left, in their order.
        ///
        /// @throws TemplateRefused as [#trainingSet] does
        public List<Labelled> labelled(List<Conversation> examples, Sequences sequences) throws TemplateRefused {
            List<Labelled> made = new ArrayList<>();
            for (int i = 0; i < examples.size(); i++) {
                try {
                    sequences.labelled(examples.get(i), maxTokens).ifPresent(made::add);
                } catch (TemplateRefused e) {
                    throw new TemplateRefused("example " + (i + 1) + ": " + e.getMessage());
                }
            }
            return made;
        }

        @Override
        public Optional<TrainingSet<?>> trainingSet(List<Conversation> examples, Sequences sequences)
                throws TemplateRefused {
            List<Labelled> made = labelled(examples, sequences);
            if (made.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(packing ? TrainingSet.packed(made, maxTokens) : TrainingSet.supervised(made));
        }
    }

    /// Direct preference optimisation, cut as [PreferenceTokens#truncated] does.
    ///
    /// @param beta            more than 0
    /// @param maxTokens       of prompt and answer together
    /// @param maxPromptTokens of the prompt where both are too long; at most half of `maxTokens` is taken
    record DirectPreference(double beta, int maxTokens, int maxPromptTokens) implements Recipe<Preference> {
        @Override
        public Mapping<Preference> mapping(Mapping<?> mapping) {
            return mapping.preferences();
        }

        @Override
        public DirectPreference atMost(int positions) {
            return new DirectPreference(beta, Math.min(maxTokens, positions), maxPromptTokens);
        }

        /// One pair for each example, in their order.
        ///
        /// @throws TemplateRefused as [#trainingSet] does
        public List<PreferenceTokens> pairs(List<Preference> examples, Sequences sequences) throws TemplateRefused {
            int most = Math.max(1, Math.min(maxPromptTokens, maxTokens / 2));
            List<PreferenceTokens> pairs = new ArrayList<>();
            for (int i = 0; i < examples.size(); i++) {
                try {
                    pairs.add(sequences.preference(examples.get(i)).truncated(maxTokens, most));
                } catch (TemplateRefused e) {
                    throw new TemplateRefused("example " + (i + 1) + ": " + e.getMessage());
                }
            }
            return pairs;
        }

        @Override
        public Optional<TrainingSet<?>> trainingSet(List<Preference> examples, Sequences sequences)
                throws TemplateRefused {
            List<PreferenceTokens> pairs = pairs(examples, sequences);
            return pairs.isEmpty() ? Optional.empty() : Optional.of(TrainingSet.preferences(pairs, beta));
        }
    }
}

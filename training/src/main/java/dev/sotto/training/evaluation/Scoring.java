package dev.sotto.training.evaluation;

import dev.sotto.training.data.Field;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.data.Preference;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What a task asks of a model and how the answer counts.
public sealed interface Scoring {
    /// The perplexity of a text, perhaps after a prompt.
    record Perplexity(PromptText prompt, PromptText text) implements Scoring {}

    /// Which of some texts is the likeliest after the prompt.
    ///
    /// @param choices the texts, with the space before them
    /// @param answer  which is right
    record MultipleChoice(PromptText prompt, List<PromptText> choices, Right answer) implements Scoring {}

    /// How a record says which choice is right.
    sealed interface Right {
        /// Always the same.
        ///
        /// @param index from 0
        record Position(int index) implements Right {}

        /// A field with a number.
        ///
        /// @param first what the first choice has
        record Numbered(Field field, int first) implements Right {}

        /// A field with `A`, `B`, …
        record Letter(Field field) implements Right {}

        /// A field with the text of a choice, but for space around it.
        record Text(Field field) implements Right {}
    }

    /// A generated answer is taken for a label.
    ///
    /// @param truth     the true label
    /// @param marks     by label, in order: the first label one of whose marks is in the answer, as it is written,
    ///   counts
    /// @param otherwise the label of every other answer
    record Classification(PromptText prompt, PromptText truth, Map<String, List<String>> marks, String otherwise)
            implements Scoring {}

    /// A generated answer is compared with a reference.
    ///
    /// @param reference  a text, or DROP's answers
    /// @param extraction what of both counts
    record ExactMatch(PromptText prompt, PromptText reference, Extraction answer, Extraction extraction)
            implements Scoring {}

    /// A generated answer against DROP's references.
    ///
    /// @param answer    in the data set's form
    /// @param validated further ones, a list
    record DropMatch(PromptText prompt, Field answer, Field validated) implements Scoring {}

    /// Generated code, which is written to a file and never run.
    ///
    /// @param id names the problem
    record Completions(PromptText prompt, Field id) implements Scoring {}

    /// Which of two answers the model prefers, compared with a reference model.
    ///
    /// @param beta of DPO
    record Preferences(Mapping<Preference> mapping, double beta) implements Scoring {}

    /// A generated answer is graded by a judge.
    ///
    /// @param system   what the judge is told
    /// @param judgment with `{{question}}` and `{{answer}}`
    /// @param lowest   rating
    /// @param highest  rating
    /// @param group    by which field means are reported as well
    record Judged(
            PromptText prompt,
            Optional<String> system,
            PromptText judgment,
            double lowest,
            double highest,
            Optional<Field> group)
            implements Scoring {}

    /// Whether a generated answer refuses.
    ///
    /// @param marks texts of refusals; one anywhere in the answer is enough, in any case of letters
    record Refusal(PromptText prompt, List<String> marks) implements Scoring {}
}

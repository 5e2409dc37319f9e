package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.Template;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// What is learned from examples.
final class RecipeOptions {
    /// The objectives, by the names that a round's plan has for them too.
    enum Objective {
        /// Supervised fine-tuning.
        sft,
        /// Direct preference optimisation.
        dpo
    }

    @Option(
            names = "--objective",
            defaultValue = "sft",
            description = "sft: the answers; dpo: that one answer is preferred to another (default ${DEFAULT-VALUE}).")
    Objective objective = Objective.sft;

    @Option(names = "--beta", defaultValue = "0.1", description = "Of dpo (default ${DEFAULT-VALUE}).")
    double beta;

    @Option(
            names = "--template",
            defaultValue = "alpaca",
            description = "How examples are written: alpaca, vicuna, or chat, the model's own (default"
                    + " ${DEFAULT-VALUE}).")
    String template = "alpaca";

    @Option(names = "--max-tokens", defaultValue = "192", description = "Longest sequence (default ${DEFAULT-VALUE}).")
    int maxTokens;

    @Option(
            names = "--max-prompt-tokens",
            defaultValue = "128",
            description =
                    "Of dpo: what a prompt keeps where prompt and answer are too long (default ${DEFAULT-VALUE}).")
    int maxPromptTokens;

    @Spec(Spec.Target.MIXEE)
    CommandSpec command = CommandSpec.create();

    /// The recipe.
    Recipe<?> recipe(boolean packing) {
        if (maxTokens < 2 || maxPromptTokens < 1 || !(beta > 0)) {
            throw new ParameterException(
                    command.commandLine(),
                    "--max-tokens must be at least 2, --max-prompt-tokens at least 1, and --beta more than 0");
        }
        if (packing && objective == Objective.dpo) {
            throw new ParameterException(command.commandLine(), "--packing is for --objective sft only");
        }
        return switch (objective) {
            case sft -> new Recipe.Supervised(maxTokens, packing);
            case dpo -> new Recipe.DirectPreference(beta, maxTokens, maxPromptTokens);
        };
    }

    /// How examples become tokens.
    Sequences sequences(Path base, Tokenizer tokenizer) throws IOException, InvalidFile {
        return new Sequences(template(base), tokenizer);
    }

    /// The template.
    Template template(Path base) throws IOException, InvalidFile {
        try {
            return Template.named(template, base);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), "--" + e.getMessage());
        }
    }
}

package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.TargetModules;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// The shape of an adapter.
final class LoraOptions {
    @Option(names = "--rank", defaultValue = "8", description = "LoRA rank (default ${DEFAULT-VALUE}).")
    int rank;

    @Option(names = "--alpha", defaultValue = "16", description = "LoRA alpha (default ${DEFAULT-VALUE}).")
    double alpha;

    @Option(
            names = "--target-modules",
            split = ",",
            description = "Modules that get an adapter, by the ends of their names (default: every linear one).")
    List<String> targetModules = List.of();

    @Spec(Spec.Target.MIXEE)
    CommandSpec command = CommandSpec.create();

    /// What a federation's rounds can have.
    LoraConfig lora() {
        return lora(0, false, Optional.empty());
    }

    /// What one organisation alone can have too.
    ///
    /// @param pattern modules by a regular expression instead
    LoraConfig lora(double dropout, boolean rankStabilised, Optional<String> pattern) {
        try {
            if (pattern.isPresent() && !targetModules.isEmpty()) {
                throw new IllegalArgumentException("--target-modules and --target-pattern exclude each other");
            }
            TargetModules named =
                    targetModules.isEmpty() ? TargetModules.ALL_LINEAR : new TargetModules.Names(targetModules);
            TargetModules targets =
                    pattern.<TargetModules>map(TargetModules.Matching::new).orElse(named);
            return new LoraConfig(rank, alpha, dropout, rankStabilised, targets);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), String.valueOf(e.getMessage()));
        }
    }
}

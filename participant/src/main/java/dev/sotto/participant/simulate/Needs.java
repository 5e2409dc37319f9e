package dev.sotto.participant.simulate;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.participant.model.Layouts;
import dev.sotto.participant.simulate.Aggregation.Encoding;
import dev.sotto.participant.simulate.Experiment.Algorithm;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.Objective;
import dev.sotto.training.recipe.Recipe;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/// What the runs of an experiment take, from its settings and the base's `config.json`; data and weights need not
/// be there.
///
/// @param base           checkpoint folder
/// @param microBatchSize examples computed at once
/// @param maxTokens      of each
/// @param members        nothing where the data decides
/// @param cohort         how many of them take part in a round; nothing if all do and the data decides
/// @param traffic        of each algorithm
public record Needs(
        Path base,
        LoraConfig lora,
        Execution execution,
        Objective<?> objective,
        int microBatchSize,
        int maxTokens,
        OptionalInt members,
        OptionalInt cohort,
        int rounds,
        List<Traffic> traffic) {
    /// Vectors on the wire, without signatures and keys.
    ///
    /// @param algorithm its name in the experiment
    /// @param up        bytes that a member of the cohort sends in a round
    /// @param down      bytes of a version: the adapter and the server's vectors
    public record Traffic(String algorithm, String mode, long coordinates, long up, long down) {}

    /// Copies the list.
    public Needs {
        traffic = List.copyOf(traffic);
    }

    static Needs of(Experiment experiment, LlamaConfig config) {
        OptionalInt members = switch (experiment.partition()) {
            case Partition.Iid iid -> OptionalInt.of(iid.members());
            case Partition.Dirichlet dirichlet -> OptionalInt.of(dirichlet.members());
            case Partition.Sizes sizes -> OptionalInt.of(sizes.members());
            case Partition.Natural _ -> OptionalInt.empty();
        };
        int bits = switch (experiment.encoding()) {
            case Encoding.Exact _ -> Float.SIZE;
            case Encoding.Fixed fixed -> fixed.ringBits();
            case Encoding.Masked masked -> masked.ringBits();
        };
        return new Needs(
                experiment.base(),
                experiment.lora(),
                experiment.execution(),
                experiment.recipe() instanceof Recipe.DirectPreference dpo
                        ? new Objective.DirectPreference(dpo.beta())
                        : new Objective.Supervised(),
                experiment.local().microBatchSize(),
                experiment.recipe().maxTokens(),
                members,
                experiment.cohort() > 0 ? OptionalInt.of(experiment.cohort()) : members,
                experiment.rounds(),
                experiment.algorithms().stream()
                        .map(algorithm -> traffic(algorithm, experiment.lora(), config, bits))
                        .toList());
    }

    private static Traffic traffic(Algorithm algorithm, LoraConfig lora, LlamaConfig config, int bits) {
        long coordinates = Layouts.adapter(algorithm.mode(), lora, config).size();
        ServerOptimizer optimizer = algorithm.rule().optimizer();
        long sent = optimizer.hasControl() ? 2 * coordinates : coordinates;
        long kept = (1 + optimizer.stateVectors()) * coordinates;
        return new Traffic(
                algorithm.name(),
                algorithm.mode().wireName(),
                coordinates,
                sent * bits / Byte.SIZE,
                kept * Float.BYTES);
    }
}

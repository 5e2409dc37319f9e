package dev.sotto.participant.agent;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Example;
import dev.sotto.training.data.JsonLines;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The organisation's base model and data, and one round's training on them.
///
/// Not thread-safe: one training at a time.
public final class LocalTraining implements AutoCloseable {
    /// Far from every round: 2^64 over the golden ratio.
    private static final long ANOTHER_ATTEMPT = 0x9E3779B97F4A7C15L;

    private final Path base;
    private final Model model;
    private final List<Example> examples;
    private final long seed;
    private final Map<Integer, List<Batch.Sequence>> encoded = new HashMap<>();

    private LocalTraining(Path base, Model model, List<Example> examples, long seed) {
        this.base = base;
        this.model = model;
        this.examples = examples;
        this.seed = seed;
    }

    /// Loads both.
    ///
    /// @param seed decides, with the round, in which order examples are drawn
    /// @throws InvalidFile if the checkpoint or a line of the data is not as it must be
    public static LocalTraining load(Path base, List<Path> data, long seed)
            throws IOException, InvalidFile, NativeLibraryUnavailable {
        List<Example> examples = new ArrayList<>();
        for (Path file : data) {
            examples.addAll(JsonLines.read(file));
        }
        return new LocalTraining(base, Model.load(base), examples, seed);
    }

    /// Of the base model.
    LlamaConfig config() {
        return model.config();
    }

    /// How many examples there are.
    long examples() {
        return examples.size();
    }

    /// Trains as the round's plan says, from `start`. Another attempt at the same round draws other examples:
    /// an update that was spent is never made again (protocol §5).
    ///
    /// @param ownControl SCAFFOLD's c_k, if there is one
    LocalUpdate train(
            RoundOpened round,
            LoraConfig lora,
            ModelVersion start,
            Optional<float[]> ownControl,
            Trainer.Progress progress)
            throws IOException {
        TrainingPlan plan = round.plan();
        List<Batch.Sequence> sequences = encode(plan.maxTokens());
        if (sequences.isEmpty()) {
            throw new IOException("no example fits into " + plan.maxTokens() + " tokens");
        }
        return LocalUpdate.train(
                model,
                lora,
                start,
                sequences,
                new Trainer.Plan(
                        plan.steps(),
                        plan.batchSize(),
                        plan.learningRate(),
                        plan.weightDecay(),
                        plan.clipNorm(),
                        seed + round.round() + (round.attempt() - 1) * ANOTHER_ATTEMPT),
                ServerOptimizer.of(plan.algorithm()),
                plan.proximalMu(),
                ownControl,
                progress);
    }

    private List<Batch.Sequence> encode(int maxTokens) throws IOException {
        int most = Math.min(maxTokens, model.config().positions());
        List<Batch.Sequence> known = encoded.get(most);
        if (known != null) {
            return known;
        }
        try (Tokenizer tokenizer = Tokenizer.load(base, model.config())) {
            List<Batch.Sequence> made = examples.stream()
                    .map(example -> tokenizer.encode(example, most))
                    .filter(sequence -> sequence.prompt() < sequence.tokens().length)
                    .toList();
            encoded.put(most, made);
            return made;
        }
    }

    @Override
    public void close() {
        model.close();
    }
}

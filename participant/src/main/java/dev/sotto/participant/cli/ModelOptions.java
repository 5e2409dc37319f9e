package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Example;
import dev.sotto.training.data.JsonLines;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import dev.sotto.training.djl.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// The options that every command with a model shares.
final class ModelOptions {
    @Option(names = "--base", required = true, description = "Hugging Face checkpoint folder of the base model.")
    Path base = Path.of("");

    @Option(
            names = "--data",
            required = true,
            arity = "1..*",
            description = "Instruction data, one JSON object per line; to simulate, also one folder with a file per"
                    + " organisation and evaluation.jsonl.")
    List<Path> data = List.of();

    @Option(names = "--max-tokens", defaultValue = "192", description = "Longest sequence (default ${DEFAULT-VALUE}).")
    int maxTokens;

    @Option(names = "--rank", defaultValue = "8", description = "LoRA rank (default ${DEFAULT-VALUE}).")
    int rank;

    @Option(names = "--alpha", defaultValue = "16", description = "LoRA alpha (default ${DEFAULT-VALUE}).")
    double alpha;

    @Option(
            names = "--target-modules",
            split = ",",
            defaultValue = "q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj",
            description = "Modules that get an adapter (default ${DEFAULT-VALUE}).")
    List<String> targetModules = List.of();

    @Option(names = "--steps", defaultValue = "10", description = "Local steps (default ${DEFAULT-VALUE}).")
    int steps;

    @Option(names = "--batch-size", defaultValue = "8", description = "Sequences per step (default ${DEFAULT-VALUE}).")
    int batchSize;

    @Option(names = "--learning-rate", defaultValue = "0.003", description = "AdamW's rate (default ${DEFAULT-VALUE}).")
    double learningRate;

    @Option(names = "--seed", defaultValue = "1", description = "Decides all that is drawn (default ${DEFAULT-VALUE}).")
    long seed;

    @Option(names = "--device", defaultValue = "cpu", description = "cpu, cuda or cuda:<index> (default cpu).")
    String device = "cpu";

    @Option(
            names = "--compute",
            defaultValue = "FP32",
            description = "What is computed in: ${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE}).")
    Execution.Compute compute = Execution.Compute.FP32;

    @Option(
            names = "--hold-base",
            defaultValue = "PLAIN",
            description = "How the frozen base is held: ${COMPLETION-CANDIDATES} (default ${DEFAULT-VALUE}).")
    Execution.Base heldBase = Execution.Base.PLAIN;

    @Option(names = "--checkpointing", description = "Compute layers anew in the backward pass: less memory, slower.")
    boolean checkpointing;

    @Option(names = "--threads", description = "CPU threads of PyTorch (default: one for each core).")
    Optional<Integer> threads = Optional.empty();

    @Spec(Spec.Target.MIXEE)
    CommandSpec command = CommandSpec.create();

    /// Loads the base model.
    Model model() throws IOException, InvalidFile, NativeLibraryUnavailable {
        threads.ifPresent(ModelOptions::useThreads);
        try {
            return Model.load(base, new Execution(Device.parse(device), compute, heldBase, checkpointing));
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), String.valueOf(e.getMessage()));
        }
    }

    /// Before the engine loads.
    static void useThreads(int count) {
        System.setProperty("ai.djl.pytorch.num_threads", String.valueOf(count));
    }

    LoraConfig lora() {
        try {
            return new LoraConfig(rank, alpha, targetModules);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), String.valueOf(e.getMessage()));
        }
    }

    /// Every example of every file.
    List<Example> examples() throws IOException, InvalidFile {
        List<Example> examples = new ArrayList<>();
        for (Path file : data) {
            examples.addAll(JsonLines.read(file));
        }
        return examples;
    }

    /// Tokenised, no longer than the model and the option allow.
    List<Batch.Sequence> encode(Model model, List<Example> examples) throws IOException {
        int most = Math.min(maxTokens, model.config().positions());
        try (Tokenizer tokenizer = Tokenizer.load(base, model.config())) {
            return examples.stream()
                    .map(example -> tokenizer.encode(example, most))
                    .filter(sequence -> sequence.prompt() < sequence.tokens().length)
                    .toList();
        }
    }
}

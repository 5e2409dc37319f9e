package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// The base model, and where and how it is computed.
final class ModelOptions {
    @Option(names = "--base", required = true, description = "Hugging Face checkpoint folder of the base model.")
    Path base = Path.of("");

    @Option(
            names = "--device",
            defaultValue = "auto",
            description = "cpu, cuda or cuda:<index>; auto is the first graphics card that PyTorch sees, else cpu"
                    + " (default ${DEFAULT-VALUE}).")
    String device = "auto";

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

    /// Where and how.
    Execution execution() throws NativeLibraryUnavailable {
        try {
            return new Execution(Device.parse(device), compute, heldBase, checkpointing);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(command.commandLine(), String.valueOf(e.getMessage()));
        }
    }

    /// Loads the base model.
    Model model() throws IOException, InvalidFile, NativeLibraryUnavailable {
        threads.ifPresent(count -> System.setProperty("ai.djl.pytorch.num_threads", String.valueOf(count)));
        return Model.load(base, execution());
    }
}

package dev.sotto.participant.cli;

import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// Where and how a base model is computed.
final class ExecutionOptions {
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
}

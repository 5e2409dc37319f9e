package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// The base model, and where and how it is computed.
final class ModelOptions {
    @Option(names = "--base", required = true, description = "Hugging Face checkpoint folder of the base model.")
    Path base = Path.of("");

    @Mixin
    ExecutionOptions execution = new ExecutionOptions();

    @Option(names = "--threads", description = "CPU threads of PyTorch (default: one for each core).")
    Optional<Integer> threads = Optional.empty();

    /// Loads the base model.
    Model model() throws IOException, InvalidFile, NativeLibraryUnavailable {
        threads.ifPresent(count -> System.setProperty("ai.djl.pytorch.num_threads", String.valueOf(count)));
        return Model.load(base, execution.execution());
    }
}

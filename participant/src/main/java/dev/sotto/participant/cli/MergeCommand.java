package dev.sotto.participant.cli;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.Merge;
import dev.sotto.training.checkpoint.PeftFiles;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto merge`: a base model and an adapter as one checkpoint.
@Command(
        name = "merge",
        description = "Add an adapter to its base model: a full checkpoint that needs no adapter.",
        mixinStandardHelpOptions = true)
final class MergeCommand implements Callable<Integer> {
    @Option(names = "--base", required = true, description = "Checkpoint folder of the base model.")
    private Path base = Path.of("");

    @Option(names = "--adapter", required = true, description = "Adapter folder in PEFT's format.")
    private Path adapter = Path.of("");

    @Option(names = "--output-dir", required = true, description = "Checkpoint folder to write.")
    private Path output = Path.of("");

    @Mixin
    private OutputOption format = new OutputOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Merge.write(base, PeftFiles.read(adapter, LlamaConfig.read(base)), output);
        format.tell(spec.commandLine().getOut(), "checkpoint", output, "checkpoint in " + output);
        return 0;
    }
}

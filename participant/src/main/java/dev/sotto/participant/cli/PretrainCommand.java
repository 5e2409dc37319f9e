package dev.sotto.participant.cli;

import dev.sotto.training.djl.Pretrainer;
import java.io.Console;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto pretrain`: the demo's base model, from nothing.
@Command(
        name = "pretrain",
        description = "Make the demo's base model and tokenizer from generated text.",
        mixinStandardHelpOptions = true)
final class PretrainCommand implements Callable<Integer> {
    @Option(names = "--output-dir", required = true, description = "Checkpoint folder to write.")
    Path output = Path.of("");

    @Option(names = "--steps", defaultValue = "2000", description = "Steps (default ${DEFAULT-VALUE}).")
    int steps;

    @Option(names = "--seed", defaultValue = "1", description = "Decides text and weights (default ${DEFAULT-VALUE}).")
    long seed;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        boolean terminal =
                Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
        Meter meter = new Meter(out, terminal, System::nanoTime, "");
        Pretrainer.run(output, steps, seed, step -> {
            meter.step(step);
            return true;
        });
        out.println("base model in " + output);
        return 0;
    }
}

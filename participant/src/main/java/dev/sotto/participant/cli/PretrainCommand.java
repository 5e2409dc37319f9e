package dev.sotto.participant.cli;

import dev.sotto.training.djl.Pretrainer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
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
    @Option(names = "--output", required = true, description = "Checkpoint folder to write.")
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
        Pretrainer.run(output, steps, seed, (step, all, loss) -> {
            if (step == 1 || step % 50 == 0 || step == all) {
                out.println(String.format(Locale.ROOT, "step %d of %d  loss %.4f", step, all, loss));
                out.flush();
            }
            return true;
        });
        out.println("base model in " + output);
        return 0;
    }
}

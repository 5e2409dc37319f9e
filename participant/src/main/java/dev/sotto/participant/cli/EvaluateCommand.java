package dev.sotto.participant.cli;

import dev.sotto.participant.simulate.Evaluation;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.djl.Model;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto evaluate`: loss and accuracy of an adapter, or of the base model, on data.
@Command(
        name = "evaluate",
        description = "Measure an adapter, or the base model without one, on data.",
        mixinStandardHelpOptions = true)
final class EvaluateCommand implements Callable<Integer> {
    @Mixin
    ModelOptions options = new ModelOptions();

    @Option(names = "--adapter", description = "Adapter folder in PEFT's format; without it the base model.")
    Optional<Path> adapter = Optional.empty();

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        var examples = options.examples();
        try (Model model = Model.load(options.base)) {
            PeftFiles.Adapter used =
                    adapter.isPresent() ? PeftFiles.read(adapter.get(), model.config()) : none(options.lora(), model);
            Evaluation result = Evaluation.of(
                    model, used.lora(), used.vector(), options.encode(model, examples), options.batchSize);
            String format = json
                    ? "{\"loss\":%.6f,\"accuracy\":%.6f,\"examples\":%d}"
                    : "loss %.4f  accuracy %.4f  examples %d";
            spec.commandLine()
                    .getOut()
                    .println(String.format(Locale.ROOT, format, result.loss(), result.accuracy(), result.examples()));
        }
        return 0;
    }

    private static PeftFiles.Adapter none(LoraConfig lora, Model model) {
        return new PeftFiles.Adapter(lora, new float[lora.size(model.config())]);
    }
}

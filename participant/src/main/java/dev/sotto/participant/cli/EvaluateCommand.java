package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.simulate.Evaluation;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Batch;
import dev.sotto.training.djl.Model;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
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
    private static final String BASE = "base";

    @Mixin
    ModelOptions options = new ModelOptions();

    @Option(
            names = "--adapter",
            paramLabel = "[NAME=]DIR",
            description = "Adapter folder in PEFT's format, as often as you like; NAME=base is the base model alone."
                    + " Without any: the base model.")
    List<String> adapters = List.of();

    @Option(names = "--json", description = "Print one JSON object.")
    boolean json;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        var examples = options.examples();
        Map<String, Optional<Path>> named = named();
        try (Model model = options.model()) {
            List<Batch.Sequence> data = options.encode(model, examples);
            ObjectNode all = JsonNodeFactory.instance.objectNode();
            for (Map.Entry<String, Optional<Path>> entry : named.entrySet()) {
                PeftFiles.Adapter used = entry.getValue().isPresent()
                        ? PeftFiles.read(entry.getValue().get(), model.config())
                        : none(options.lora(), model);
                Evaluation result = Evaluation.of(model, used.lora(), used.vector(), data, options.batchSize);
                all.putObject(entry.getKey())
                        .put("loss", result.loss())
                        .put("accuracy", result.accuracy())
                        .put("examples", result.examples());
            }
            print(all);
        }
        return 0;
    }

    private Map<String, Optional<Path>> named() {
        Map<String, Optional<Path>> named = new LinkedHashMap<>();
        for (String given : adapters) {
            int equals = given.indexOf('=');
            String name = equals < 0 ? given : given.substring(0, equals);
            String folder = given.substring(equals + 1);
            named.put(name, equals >= 0 && folder.equals(BASE) ? Optional.empty() : Optional.of(Path.of(folder)));
        }
        if (named.isEmpty()) {
            named.put(BASE, Optional.empty());
        }
        return named;
    }

    private void print(ObjectNode all) {
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(adapters.size() < 2 ? all.elements().next() : all);
            return;
        }
        all.properties()
                .forEach(entry -> out.println(String.format(
                        Locale.ROOT,
                        "%-24s loss %.4f  accuracy %.4f  examples %d",
                        entry.getKey(),
                        entry.getValue().path("loss").asDouble(),
                        entry.getValue().path("accuracy").asDouble(),
                        entry.getValue().path("examples").asInt())));
    }

    private static PeftFiles.Adapter none(LoraConfig lora, Model model) {
        return new PeftFiles.Adapter(lora, new float[lora.size(model.config())]);
    }
}

package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Row;
import dev.sotto.training.data.Rows;
import dev.sotto.training.djl.Pretrainer;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto pretrain`: a small base model, from nothing.
@Command(
        name = "pretrain",
        description =
                "Make a base model of about a million parameters and its tokenizer: the demo's from generated text,"
                        + " or one from your text, to try things out where no pretrained model is at hand.",
        mixinStandardHelpOptions = true)
final class PretrainCommand implements Callable<Integer> {
    @Option(names = "--output-dir", required = true, description = "Checkpoint folder to write.")
    Path output = Path.of("");

    @Option(names = "--data", arity = "1..*", description = "Files of records whose text is learned (default: none).")
    List<Path> files = List.of();

    @Option(
            names = "--fields",
            split = ",",
            defaultValue = "text",
            description =
                    "Of --data: fields whose text is learned, where a record has them (default ${DEFAULT-VALUE}).")
    List<String> fields = List.of();

    @Option(
            names = "--vocabulary",
            defaultValue = "2048",
            description = "Of --data: tokens of the tokenizer, 300 to 65536 (default ${DEFAULT-VALUE}).")
    int vocabulary;

    @Option(
            names = "--length",
            defaultValue = "256",
            description = "Of --data: tokens of a row, 2 to 256 (default ${DEFAULT-VALUE}).")
    int length;

    @Option(names = "--threads", description = "CPU threads of PyTorch (default: one for each core).")
    Optional<Integer> threads = Optional.empty();

    @Option(names = "--steps", defaultValue = "2000", description = "Steps (default ${DEFAULT-VALUE}).")
    int steps;

    @Option(names = "--seed", defaultValue = "1", description = "Decides text and weights (default ${DEFAULT-VALUE}).")
    long seed;

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        if (vocabulary < 300 || vocabulary > 65_536 || length < 2 || length > 256 || steps < 1) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--vocabulary must be 300 to 65536, --length 2 to 256, --steps at least 1");
        }
        Pretrainer.Text text = files.isEmpty() ? Pretrainer.Text.DEMO : text();
        threads.ifPresent(count -> System.setProperty("ai.djl.pytorch.num_threads", String.valueOf(count)));
        boolean terminal = !format.json()
                && Optional.ofNullable(System.console())
                        .map(Console::isTerminal)
                        .orElse(false);
        PrintWriter said = format.json() ? spec.commandLine().getErr() : out;
        Meter meter = new Meter(said, terminal, System::nanoTime, "");
        Pretrainer.run(output, text, steps, seed, step -> {
            meter.step(step);
            return true;
        });
        format.tell(out, "checkpoint", output, "base model in " + output);
        return 0;
    }

    private Pretrainer.Text text() throws IOException, InvalidFile {
        List<String> paragraphs = new ArrayList<>();
        for (Path file : files) {
            try (Rows rows = Rows.open(file)) {
                for (Row row = rows.next(); row != null; row = rows.next()) {
                    switch (row) {
                        case Row.Bad bad -> throw new InvalidFile(file, bad.place() + ": " + bad.reason());
                        case Row.Fields record -> {
                            for (String field : fields) {
                                JsonNode found = record.fields().path(field);
                                if (found.isTextual() && !found.asText().isBlank()) {
                                    paragraphs.add(found.asText().strip());
                                }
                            }
                        }
                    }
                }
            }
        }
        if (paragraphs.isEmpty()) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "no record of " + files + " has a text in one of --fields " + fields);
        }
        return new Pretrainer.Text(random -> paragraphs.get(random.nextInt(paragraphs.size())), vocabulary, length);
    }
}

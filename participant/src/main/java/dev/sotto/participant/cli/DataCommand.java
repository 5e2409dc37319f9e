package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.schemas.Topics;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Message;
import dev.sotto.training.demo.DemoText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto data`: the demo's private data sets, and the held-out evaluation set of all categories.
@Command(
        name = "data",
        description =
                "Generate the demo's data: one file per organisation, no one with all categories, and evaluation.jsonl; or check"
                        + " files.",
        mixinStandardHelpOptions = true)
final class DataCommand implements Callable<Integer> {
    @Option(names = "--organisations", defaultValue = "4", description = "3 to 16 (default ${DEFAULT-VALUE}).")
    int organisations;

    @Option(names = "--names", split = ",", description = "Of the organisations, instead of org-01, org-02, …")
    List<String> given = List.of();

    @Option(names = "--lines", defaultValue = "240", description = "Per organisation (default ${DEFAULT-VALUE}).")
    int lines;

    @Option(names = "--seed", defaultValue = "1", description = "Decides all lines (default ${DEFAULT-VALUE}).")
    long seed;

    /// One or the other.
    static final class Task {
        @Option(names = "--output-dir", description = "Folder to write to.")
        Optional<Path> output = Optional.empty();

        @Option(names = "--check", arity = "1..*", description = "Generate nothing; check these files instead.")
        List<Path> check = List.of();
    }

    @ArgGroup(multiplicity = "1")
    Task task = new Task();

    @Mixin
    DataOptions data = new DataOptions();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InvalidFile {
        for (Path file : task.check) {
            Loaded<?> loaded = Loaded.read(List.of(file), data.mapping(), data.skipBadLines);
            spec.commandLine().getOut().println(file + ": " + loaded.examples().size() + " examples");
            DataOptions.tell(spec.commandLine().getOut(), loaded);
        }
        if (task.output.isEmpty()) {
            return 0;
        }
        Path output = task.output.get();
        if (!given.isEmpty()) {
            organisations = given.size();
        }
        if (!given.stream().allMatch(Topics::isOrganisation)) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--names must be of [a-z0-9-], at most 63");
        }
        if (organisations < 3 || organisations > 16 || lines < 1) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--organisations must be 3 to 16 and --lines at least 1");
        }
        List<String> names = new ArrayList<>();
        for (int i = 0; i < organisations; i++) {
            names.add(given.isEmpty() ? String.format(Locale.ROOT, "org-%02d", i + 1) : given.get(i));
        }
        DemoText.Split split = DemoText.split(names, lines, seed);
        Files.createDirectories(output);
        for (Map.Entry<String, List<Conversation>> entry : split.training().entrySet()) {
            write(output.resolve(entry.getKey() + ".jsonl"), entry.getValue());
        }
        write(output.resolve("evaluation.jsonl"), split.evaluation());
        spec.commandLine().getOut().println(organisations + " data sets and evaluation.jsonl in " + output);
        return 0;
    }

    private static void write(Path file, List<Conversation> examples) throws IOException {
        ObjectMapper json = new ObjectMapper();
        StringBuilder text = new StringBuilder();
        for (Conversation example : examples) {
            List<Message> messages = example.messages();
            text.append(json.writeValueAsString(json.createObjectNode()
                            .put("instruction", messages.getFirst().content())
                            .put("output", messages.getLast().content())))
                    .append('\n');
        }
        Files.writeString(file, text.toString());
    }
}

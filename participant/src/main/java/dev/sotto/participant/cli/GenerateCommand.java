package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.sotto.participant.home.Failed;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Message;
import dev.sotto.training.djl.Decoding;
import dev.sotto.training.djl.EvaluatedModel;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.evaluation.LanguageModel.Prompt;
import dev.sotto.training.template.Template;
import dev.sotto.training.template.TemplateRefused;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto generate`: what a model answers.
@Command(
        name = "generate",
        description = "Let a model, with an adapter or without one, answer prompts.",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class GenerateCommand implements Callable<Integer> {
    @Mixin
    ModelOptions options = new ModelOptions();

    @Mixin
    AdapterOption adapters = new AdapterOption();

    @Option(
            names = "--prompt",
            paramLabel = "TEXT",
            description = "What is asked, as often as you like; else every line of standard input is one.")
    List<String> prompts = List.of();

    @Option(names = "--system", description = "System message before each.")
    Optional<String> system = Optional.empty();

    @Option(
            names = "--template",
            defaultValue = "alpaca",
            description =
                    "How prompts are written: alpaca, vicuna, chat, or none: as they are (default ${DEFAULT-VALUE}).")
    String template = "alpaca";

    @Option(
            names = "--max-new-tokens",
            defaultValue = "128",
            description = "Longest answer (default ${DEFAULT-VALUE}).")
    int maxNewTokens;

    @Option(
            names = "--temperature",
            defaultValue = "0",
            description = "0 takes the most probable token (default ${DEFAULT-VALUE}).")
    double temperature;

    @Option(names = "--top-k", defaultValue = "0", description = "Draw from so many; 0: from all.")
    int topK;

    @Option(names = "--top-p", defaultValue = "1", description = "Draw from the fewest that are so probable.")
    double topP;

    @Option(names = "--stop", description = "Text that ends an answer, as often as you like.")
    List<String> stop = List.of();

    @Option(names = "--batch-size", defaultValue = "8", description = "Computed at once (default ${DEFAULT-VALUE}).")
    int batchSize;

    @Option(names = "--seed", defaultValue = "1", description = "Decides what is drawn (default ${DEFAULT-VALUE}).")
    long seed;

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Decoding decoding;
        try {
            decoding = new Decoding(maxNewTokens, temperature, topK, topP, seed);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        if (batchSize < 1) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--batch-size must be at least 1");
        }
        List<String> asked = asked();
        List<Prompt> written = written(asked);
        try (Model model = options.model();
                Tokenizer tokenizer = Tokenizer.load(options.base)) {
            Map<String, Optional<PeftFiles.Adapter>> named = adapters.adapters(model.config());
            for (int at = 0; at < asked.size(); at += batchSize) {
                int end = Math.min(at + batchSize, asked.size());
                for (Map.Entry<String, Optional<PeftFiles.Adapter>> entry : named.entrySet()) {
                    List<String> answers = new EvaluatedModel(model, tokenizer, entry.getValue())
                            .generate(written.subList(at, end), stop, decoding);
                    print(
                            asked.subList(at, end),
                            named.size() == 1 ? Optional.empty() : Optional.of(entry.getKey()),
                            answers);
                }
            }
        }
        return 0;
    }

    private List<String> asked() throws IOException, Failed {
        List<String> asked = new ArrayList<>(prompts);
        if (asked.isEmpty()) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            lines.lines().filter(line -> !line.isBlank()).forEach(asked::add);
        }
        if (asked.isEmpty()) {
            throw new Failed("there is no --prompt, and nothing on standard input");
        }
        return asked;
    }

    private List<Prompt> written(List<String> asked) throws Exception {
        if (template.equals("none")) {
            return asked.stream().map(text -> new Prompt(text, false)).toList();
        }
        Template used;
        try {
            used = Template.named(template, options.base);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--" + e.getMessage() + " or none");
        }
        List<Prompt> written = new ArrayList<>();
        for (String text : asked) {
            List<Message> messages = new ArrayList<>();
            system.ifPresent(said -> messages.add(new Message(Message.Role.SYSTEM, said)));
            messages.add(Message.user(text));
            try {
                written.add(new Prompt(used.prompt(messages), used.begins()));
            } catch (TemplateRefused e) {
                throw new Failed("--template " + template + ": " + e.getMessage());
            }
        }
        return written;
    }

    private void print(List<String> asked, Optional<String> name, List<String> answers) {
        PrintWriter out = spec.commandLine().getOut();
        for (int i = 0; i < answers.size(); i++) {
            String answer = answers.get(i).strip();
            if (format.json()) {
                var line = JsonNodeFactory.instance.objectNode().put("prompt", asked.get(i));
                name.ifPresent(adapter -> line.put("adapter", adapter));
                out.println(line.put("answer", answer));
            } else {
                out.println("> " + asked.get(i)
                        + name.map(adapter -> "  [" + adapter + "]").orElse(""));
                out.println(answer);
                out.println();
            }
        }
        out.flush();
    }
}

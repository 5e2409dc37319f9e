package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.home.Failed;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.djl.EvaluatedModel;
import dev.sotto.training.djl.Evaluation;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.evaluation.Evaluator;
import dev.sotto.training.evaluation.HttpJudge;
import dev.sotto.training.evaluation.Judge;
import dev.sotto.training.evaluation.RecordedJudge;
import dev.sotto.training.evaluation.Report;
import dev.sotto.training.evaluation.Scoring;
import dev.sotto.training.evaluation.Task;
import dev.sotto.training.recipe.Corpus;
import dev.sotto.training.template.Template;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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

/// `sotto evaluate`: what adapters, or the base model, are good for: their loss on data, or a task.
@Command(
        name = "evaluate",
        description = "Measure adapters, or the base model: their loss on data, or an evaluation task.",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class EvaluateCommand implements Callable<Integer> {
    @Mixin
    ModelOptions options = new ModelOptions();

    @Mixin
    AdapterOption adapters = new AdapterOption();

    /// One or the other.
    static final class What {
        @Option(
                names = "--data",
                arity = "1..*",
                description = "Loss and accuracy on these files, as train reads them.")
        List<Path> data = List.of();

        @Option(
                names = "--task",
                paramLabel = "NAME|FILE",
                description = "An evaluation task: one that comes with Sotto, or a task file, .yaml.")
        Optional<String> task = Optional.empty();
    }

    @ArgGroup(multiplicity = "1")
    What what = new What();

    @Mixin
    DataOptions data = new DataOptions();

    @Mixin
    RecipeOptions recipes = new RecipeOptions();

    @Option(names = "--batch-size", defaultValue = "8", description = "Computed at once (default ${DEFAULT-VALUE}).")
    int batchSize;

    @Option(
            names = "--data-dir",
            defaultValue = ".",
            description = "Folder that a task's files are in (default: this one).")
    Path dataFolder = Path.of(".");

    @Option(names = "--limit", description = "Only so many records of the task.")
    Optional<Integer> limit = Optional.empty();

    @Option(
            names = "--details-dir",
            description = "Folder for one line per record of the task, NAME-ADAPTER.jsonl, and for completions.")
    Optional<Path> details = Optional.empty();

    @Option(names = "--judge", paramLabel = "URL", description = "OpenAI-compatible endpoint, as in https://host/v1.")
    Optional<URI> judge = Optional.empty();

    @Option(names = "--judge-model", description = "Its model.")
    Optional<String> judgeModel = Optional.empty();

    @Option(names = "--judge-key", paramLabel = "VARIABLE", description = "Environment variable with its key.")
    Optional<String> judgeKey = Optional.empty();

    @Option(
            names = "--judge-record",
            paramLabel = "FILE",
            description = "JSON lines of what the judge replied: read first, and added to if there is a judge.")
    Optional<Path> judgeRecord = Optional.empty();

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        if (batchSize < 1 || limit.orElse(1) < 1) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--batch-size and --limit must be at least 1");
        }
        Optional<Task> task = what.task.isPresent() ? Optional.of(task(what.task.get())) : Optional.empty();
        Optional<Corpus<?>> corpus =
                task.isPresent() ? Optional.empty() : Optional.of(data.corpus(recipes.recipe(false), what.data));
        try (Model model = options.model();
                Tokenizer tokenizer = Tokenizer.load(options.base)) {
            ObjectNode all = JsonNodeFactory.instance.objectNode();
            Map<String, Optional<PeftFiles.Adapter>> named = adapters.adapters(model.config());
            for (Map.Entry<String, Optional<PeftFiles.Adapter>> entry : named.entrySet()) {
                all.set(
                        entry.getKey(),
                        task.isPresent()
                                ? ran(task.get(), model, tokenizer, entry.getKey(), entry.getValue())
                                : measured(corpus.orElseThrow(), model, tokenizer, entry.getValue()));
            }
            print(all);
        }
        return 0;
    }

    // ---- data ----

    private ObjectNode measured(Corpus<?> corpus, Model model, Tokenizer tokenizer, Optional<PeftFiles.Adapter> adapter)
            throws Exception {
        TrainingSet<?> set = corpus.trainingSet(
                        recipes.sequences(options.base, tokenizer),
                        model.config().positions())
                .orElseThrow(() -> new Failed("no example has an answer within --max-tokens " + recipes.maxTokens));
        LoraConfig none = new LoraConfig(1, 1, List.of("q_proj"));
        Evaluation result = adapter.isPresent()
                ? Evaluation.of(model, adapter.get().lora(), adapter.get().vector(), set, batchSize)
                : Evaluation.of(model, none, new float[none.size(model.config())], set, batchSize);
        return JsonNodeFactory.instance
                .objectNode()
                .put("loss", result.loss())
                .put("accuracy", result.accuracy())
                .put("examples", result.examples())
                .put("skipped", corpus.loaded().skipped());
    }

    // ---- tasks ----

    private Task task(String given) throws IOException, InvalidFile {
        Task task;
        if (given.endsWith(".yaml") || given.endsWith(".yml")) {
            task = Task.read(Path.of(given), dataFolder);
        } else {
            try {
                task = Task.packaged(given, dataFolder);
            } catch (IllegalArgumentException e) {
                throw new CommandLine.ParameterException(spec.commandLine(), "--task: " + e.getMessage());
            }
        }
        return limit.isPresent() ? task.atMost(limit.get()) : task;
    }

    private ObjectNode ran(
            Task task, Model model, Tokenizer tokenizer, String name, Optional<PeftFiles.Adapter> adapter)
            throws Exception {
        boolean writes = task.templated() || task.scoring() instanceof Scoring.Preferences;
        Optional<Template> template = writes ? Optional.of(recipes.template(options.base)) : Optional.empty();
        PrintWriter err = spec.commandLine().getErr();
        Evaluator evaluator = new Evaluator(
                new EvaluatedModel(model, tokenizer, adapter),
                Optional.of(new EvaluatedModel(model, tokenizer, Optional.empty())),
                template,
                judge(),
                details,
                data.skipBadLines,
                batchSize,
                done -> {
                    err.println(task.name() + "  " + name + "  " + done + " done");
                    err.flush();
                });
        Report report;
        try {
            report = evaluator.run(task);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
        if (details.isPresent()) {
            Files.createDirectories(details.get());
            StringBuilder lines = new StringBuilder();
            report.details().forEach(line -> lines.append(line).append('\n'));
            String file = (task.name() + "-" + name).replaceAll("[^A-Za-z0-9._-]", "_") + ".jsonl";
            Files.writeString(details.get().resolve(file), lines);
        }
        return report.summary();
    }

    private Optional<String> key() {
        if (judgeKey.isPresent() && System.getenv(judgeKey.get()) == null) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--judge-key: there is no environment variable " + judgeKey.get());
        }
        return judgeKey.map(System::getenv);
    }

    private Optional<Judge> judge() throws IOException, InvalidFile {
        if (judge.isEmpty() && judgeRecord.isEmpty()) {
            return Optional.empty();
        }
        Optional<Judge> asked = Optional.empty();
        if (judge.isPresent()) {
            if (judgeModel.isEmpty()) {
                throw new CommandLine.ParameterException(spec.commandLine(), "--judge needs --judge-model");
            }
            asked = Optional.of(new HttpJudge(
                    judge.get(), judgeModel.get(), key(), 0.2, 2048, Duration.ofMinutes(2), 5, Thread::sleep));
        }
        return judgeRecord.isPresent() ? Optional.of(new RecordedJudge(judgeRecord.get(), asked)) : asked;
    }

    // ---- what came of it ----

    private void print(ObjectNode all) throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        if (format.json()) {
            out.println(new ObjectMapper()
                    .writeValueAsString(
                            adapters.given.size() < 2 ? all.elements().next() : all));
            return;
        }
        all.properties().forEach(entry -> {
            StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%-24s", entry.getKey()));
            entry.getValue()
                    .path("metrics")
                    .properties()
                    .forEach(metric -> line.append(String.format(
                            Locale.ROOT,
                            " %s %.4f ",
                            metric.getKey(),
                            metric.getValue().asDouble())));
            for (String key : List.of("loss", "accuracy")) {
                if (entry.getValue().has(key)) {
                    line.append(String.format(
                            Locale.ROOT,
                            " %s %.4f ",
                            key,
                            entry.getValue().path(key).asDouble()));
                }
            }
            line.append(" examples ").append(entry.getValue().path("examples").asLong());
            long skipped = entry.getValue().path("skipped").asLong();
            out.println(line.append(skipped == 0 ? "" : "  skipped " + skipped));
        });
    }
}

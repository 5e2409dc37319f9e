package dev.sotto.sandbox;

import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.ChildBroker;
import dev.sotto.sandbox.demo.DataSets;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.sandbox.report.Report;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto demo`: a whole federation on this machine.
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = "Runs a whole federation on this machine: broker, coordinator and organisations as processes of"
                + " their own, with TLS, enrolment, masking and verification; then compares adapters.")
final class DemoCommand implements Callable<Integer> {
    private static final List<String> ALGORITHMS =
            List.of("fedavg", "fedprox", "scaffold", "fedavgm", "fedadagrad", "fedyogi", "fedadam");

    @Option(names = "--organisations", description = "3 to 16 (default 4, or as many as --data DIR has files).")
    private Optional<Integer> organisations = Optional.empty();

    @Option(names = "--rounds", defaultValue = "5", description = "Rounds (default ${DEFAULT-VALUE}).")
    private int rounds;

    @Option(names = "--cohort", description = "How many are drawn for each round, at least 3 (default: all take part).")
    private Optional<Integer> cohort = Optional.empty();

    @Option(names = "--steps", defaultValue = "12", description = "Local steps a round (default ${DEFAULT-VALUE}).")
    private int steps;

    @Option(
            names = "--algorithm",
            defaultValue = "fedavg",
            description = "fedavg, fedprox, scaffold, fedavgm, fedadagrad, fedyogi or fedadam (default"
                    + " ${DEFAULT-VALUE}).")
    private String algorithm = "";

    @Option(names = "--seed", defaultValue = "1", description = "Decides what is drawn (default ${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--base", description = "Hugging Face checkpoint folder (default: this project's own model).")
    private Optional<Path> base = Optional.empty();

    @Option(
            names = "--data",
            arity = "1..*",
            description = "JSON lines to deal out, or one folder with a file per organisation (default: generated).")
    private List<Path> data = List.of();

    @Option(names = "--batch-size", defaultValue = "8", description = "Examples a step (default ${DEFAULT-VALUE}).")
    private int batchSize;

    @Option(names = "--max-tokens", defaultValue = "192", description = "Longest example (default ${DEFAULT-VALUE}).")
    private int maxTokens;

    @Option(names = "--learning-rate", defaultValue = "0.003", description = "AdamW's (default ${DEFAULT-VALUE}).")
    private double learningRate;

    @Option(names = "--objective", defaultValue = "sft", description = "sft or dpo (default ${DEFAULT-VALUE}).")
    private String objective = "sft";

    @Option(
            names = "--template",
            defaultValue = "alpaca",
            description = "alpaca, vicuna, or chat, the base model's own (default ${DEFAULT-VALUE}).")
    private String template = "alpaca";

    @Option(
            names = "--dataset",
            paramLabel = "NAME|FILE",
            defaultValue = "default",
            description = "What the fields of --data are, as `sotto train --dataset` has it.")
    private String dataset = "default";

    @Option(
            names = "--mode",
            defaultValue = "lora",
            description =
                    "What is shared of an adapter: lora, ffa, rolora, fed-sb or mixed (default ${DEFAULT-VALUE}).")
    private String mode = "lora";

    @Option(names = "--output-dir", description = "Folder for everything (default target/demo of this repository).")
    private Optional<Path> output = Optional.empty();

    /// How the demo says what came of it.
    enum Format {
        /// Its progress, and tables.
        text,
        /// report.json.
        json
    }

    @Option(
            names = "--output",
            paramLabel = "text|json",
            defaultValue = "text",
            description = "Progress and tables, or report.json (default ${DEFAULT-VALUE}).")
    private Format format = Format.text;

    @Option(names = "--keep-running", description = "Leave broker and coordinator running at the end, until Ctrl-C.")
    private boolean keepRunning;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InterruptedException, Failure {
        Artefacts artefacts = Artefacts.ofThisBuild();
        DemoPlan plan = plan(artefacts);
        Demo.clear(plan.output());
        artefacts.requireBuilt();
        PrintWriter out = spec.commandLine().getOut();
        boolean terminal =
                Optional.ofNullable(System.console()).map(Console::isTerminal).orElse(false);
        Display display = new Display(
                format == Format.json ? new PrintWriter(Writer.nullWriter()) : out,
                format == Format.text && terminal,
                Instant::now);
        display.print(String.format(
                Locale.ROOT,
                "Sotto: %d organisations, %d rounds of %d steps; everything goes to %s",
                plan.organisations().size(),
                plan.rounds(),
                plan.steps(),
                plan.output()));
        try (Supervisor supervisor = new Supervisor(
                Jvm.ofThisProcess(artefacts.leash()), plan.output().resolve("logs"))) {
            Instant began = Instant.now();
            BrokerHost broker =
                    new ChildBroker(artefacts, supervisor, plan.output().resolve("broker"), List.of());
            Demo demo = new Demo(plan, artefacts, supervisor, broker, display);
            Demo.Outcome outcome = demo.federate(demo.killing());
            Report report = demo.report(outcome, Duration.between(began, Instant.now()));
            if (format == Format.json) {
                out.print(report.json());
                out.flush();
            } else {
                out.print(table(report, plan.output()));
                out.flush();
            }
            if (keepRunning) {
                keep(plan, supervisor, display);
            }
        }
        return 0;
    }

    private DemoPlan plan(Artefacts artefacts) throws IOException, Failure {
        for (Path file : data) {
            if (!Files.exists(file)) {
                throw Failure.invalid("--data " + file + ": there is no such file or folder");
            }
        }
        boolean folder = data.size() == 1 && Files.isDirectory(data.getFirst());
        List<String> names;
        if (folder) {
            names = DataSets.organisations(data.getFirst().toAbsolutePath());
            if (organisations.isPresent() && organisations.get() != names.size()) {
                throw Failure.invalid("--organisations is " + organisations.get() + ", but --data " + data.getFirst()
                        + " has files of " + names.size());
            }
        } else {
            int count = organisations.orElse(4);
            range("--organisations", count, 3, 16);
            names = DemoPlan.names(count);
        }
        oneOf("--algorithm", algorithm, ALGORITHMS);
        range("--rounds", rounds, 1, 1000);
        range("--steps", steps, 2, 100_000);
        range("--batch-size", batchSize, 1, 4096);
        range("--max-tokens", maxTokens, 16, 65_536);
        if (!(learningRate > 0 && learningRate <= 1)) {
            throw Failure.invalid("--learning-rate is " + learningRate + ", must be more than 0 and at most 1");
        }
        if (cohort.isPresent() && (cohort.get() < 3 || cohort.get() > names.size())) {
            throw Failure.invalid(
                    "--cohort is " + cohort.get() + ", must be 3 to " + names.size() + ", the organisations");
        }
        Path checkpoint = base.orElse(artefacts.demoBase()).toAbsolutePath().normalize();
        if (!Files.exists(checkpoint.resolve("config.json"))) {
            throw Failure.invalid("--base " + checkpoint + " is no checkpoint: it has no config.json");
        }
        return new DemoPlan(
                names,
                rounds,
                cohort.map(OptionalInt::of).orElse(OptionalInt.empty()),
                steps,
                algorithm,
                seed,
                checkpoint,
                data.stream().map(Path::toAbsolutePath).toList(),
                output.orElse(artefacts.root().resolve("target/demo"))
                        .toAbsolutePath()
                        .normalize(),
                batchSize,
                maxTokens,
                learningRate,
                new DemoPlan.Learning(
                        oneOf("--objective", objective, List.of("sft", "dpo")),
                        oneOf("--template", template, List.of("alpaca", "vicuna", "chat")),
                        dataset.endsWith(".yaml")
                                ? Path.of(dataset).toAbsolutePath().toString()
                                : dataset,
                        oneOf("--mode", mode, List.of("lora", "ffa", "rolora", "fed-sb", "mixed"))));
    }

    private static String oneOf(String option, String value, List<String> allowed) throws Failure {
        if (!allowed.contains(value)) {
            throw Failure.invalid(option + " is '" + value + "', must be one of " + String.join(", ", allowed));
        }
        return value;
    }

    private static void range(String option, int value, int least, int most) throws Failure {
        if (value < least || value > most) {
            throw Failure.invalid(option + " is " + value + ", must be " + least + " to " + most);
        }
    }

    private static String table(Report report, Path output) {
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%n%-26s %8s %9s   on %d held-out examples of all categories%n",
                "adapter",
                "loss",
                "accuracy",
                report.evaluation().examples()));
        row(text, "base model", report.evaluation().base());
        report.evaluation().alone().forEach((id, score) -> row(text, id + " alone", score));
        row(text, "federated", report.evaluation().federated());
        row(text, "pooled data", report.evaluation().pooled());
        Report.Aggregation a = report.aggregation();
        return text.append(String.format(
                        Locale.ROOT,
                        "%nmasked sum     %s; %.2f bytes per parameter%n"
                                + "adapter        %s%nreport         %s%ntook           %.0f s%n",
                        a.sentence(),
                        a.bytesPerParameter(),
                        report.adapterPath(),
                        output.resolve("report.html"),
                        report.demoSeconds()))
                .toString();
    }

    private static void row(StringBuilder text, String name, Report.Score score) {
        text.append(String.format(Locale.ROOT, "%-26s %8.4f %8.1f%%%n", name, score.loss(), 100 * score.accuracy()));
    }

    private static void keep(DemoPlan plan, Supervisor supervisor, Display display)
            throws InterruptedException, Failure {
        display.print("broker and coordinator run on; an administrator's view: ./sotto admin status --coordinator "
                + plan.output().resolve("federation") + "\nan organisation: ./sotto run --home "
                + plan.output()
                        .resolve("organisations")
                        .resolve(plan.organisations().getFirst()) + " --base " + plan.base()
                + " --data …\nCtrl-C ends them");
        while (true) {
            Thread.sleep(500);
            supervisor.check();
        }
    }
}

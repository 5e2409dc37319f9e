package dev.sotto.participant.cli;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.agent.Agent;
import dev.sotto.participant.agent.Events;
import dev.sotto.participant.agent.LocalTraining;
import dev.sotto.participant.agent.StatusFile;
import dev.sotto.participant.home.Departure;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.Settings;
import dev.sotto.telemetry.RoundSpans;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `sotto run`: takes part in rounds until it is stopped.
@Command(
        name = "run",
        description =
                "Take part in the federation's rounds until stopped. What is not given here is as participant.yaml"
                        + " in the home says.",
        mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
    @Mixin
    private HomeOption home = new HomeOption();

    @Option(names = "--base", description = "Hugging Face checkpoint folder of the base model.")
    private @Nullable Path base;

    @Mixin
    private ExecutionOptions execution = new ExecutionOptions();

    @Option(names = "--threads", description = "CPU threads of PyTorch (default: one for each core).")
    private Optional<Integer> threads = Optional.empty();

    @Option(
            names = "--data",
            arity = "1..*",
            description = "Files with one example a record: .jsonl, .json, .csv, .tsv or .parquet.")
    private List<Path> files = List.of();

    @Mixin
    private DataOptions data = new DataOptions();

    @Option(names = "--seed", description = "Decides in which order examples are drawn (default: fresh randomness).")
    private Optional<Long> seed = Optional.empty();

    @ArgGroup
    private Lines lines = new Lines();

    /// How what the agent tells is printed.
    static final class Lines {
        @Option(names = "--events", description = "Print each event as a JSON object, for programs.")
        private boolean events;

        @Option(
                names = "--log-format",
                defaultValue = "text",
                description = "Of the lines on standard output: text, or json, an object a line with the keys of the"
                        + " coordinator's log (default text).")
        private LogFormat format = LogFormat.text;
    }

    /// As the coordinator's; in lower case, as they are given.
    enum LogFormat {
        /// For people.
        text,
        /// For a collector of logs.
        json
    }

    @Option(
            names = "--keep-plain-updates",
            description = "Also write each unmasked update into HOME/plain, to compare sums in a sandbox. Never where"
                    + " data is real.")
    private boolean keepPlain;

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        Membership membership = Home.readJson(own.federation(), Membership.class);
        if (Files.exists(own.left())) {
            throw new Failed(membership.organisation() + " left " + membership.federation() + " at "
                    + Home.readJson(own.left(), Departure.class).at() + "; to come back, enrol into another --home");
        }
        var _ = Policy.read(own.policy());
        ModelOptions options = options(own);
        Randomness randomness = Randomness.secure();
        long order = seed.orElseGet(() -> randomness.bytes(Long.BYTES).view().getLong());
        try (var _ = own.lock();
                Agent agent = new Agent(
                        own,
                        options.base,
                        training(options, data.mapping(), order),
                        keepPlain,
                        new BouncyCastlePrimitives(),
                        randomness,
                        told(own, membership),
                        spans(),
                        Clock.systemUTC())) {
            agent.run();
        }
        return 0;
    }

    private Events told(Home own, Membership membership) throws IOException {
        Clock clock = Clock.systemUTC();
        return new Events(spec.commandLine().getOut(), form(membership), clock, new StatusFile(own, clock));
    }

    /// Stopped by a signal, it still sends what it has.
    private static RoundSpans spans() throws Failed {
        try {
            RoundSpans spans = RoundSpans.configured("sotto-participant", System.getenv());
            Runtime.getRuntime().addShutdownHook(new Thread(spans::close, "spans"));
            return spans;
        } catch (IllegalArgumentException e) {
            throw new Failed(String.valueOf(e.getMessage()));
        }
    }

    private Events.Form form(Membership membership) {
        return switch (lines.format) {
            case json -> Events.Form.log(membership.federation(), membership.organisation());
            case text -> lines.events ? Events.Form.EVENT : Events.Form.TEXT;
        };
    }

    /// The command line's, completed from `participant.yaml`.
    private ModelOptions options(Home own) throws IOException, InvalidFile {
        if (Files.exists(own.settings())) {
            complete(Settings.read(own.settings()));
        }
        ModelOptions options = new ModelOptions();
        options.base = given("--base", base, own);
        options.execution = execution;
        options.threads = threads;
        var _ = given("--data", files.isEmpty() ? null : files, own);
        return options;
    }

    private void complete(Settings settings) {
        if (base == null) {
            base = settings.base().orElse(null);
        }
        if (files.isEmpty()) {
            files = settings.data();
        }
        seed = seed.or(settings::seed);
        threads = threads.or(settings::threads);
        data.skipBadLines |= settings.skipBadLines();
        execution.checkpointing |= settings.checkpointing();
        unlessGiven("--dataset", settings.dataset(), name -> data.dataset = name);
        unlessGiven("--device", settings.device(), name -> execution.device = name);
        unlessGiven("--compute", settings.compute(), name -> execution.compute = Execution.Compute.valueOf(name));
        unlessGiven("--hold-base", settings.holdBase(), name -> execution.heldBase = Execution.Base.valueOf(name));
    }

    private void unlessGiven(String option, Optional<String> setting, Consumer<String> set) {
        if (!spec.commandLine().getParseResult().hasMatchedOption(option)) {
            setting.ifPresent(set);
        }
    }

    private <T> T given(String option, @Nullable T value, Home own) {
        if (value == null) {
            throw new ParameterException(
                    spec.commandLine(),
                    option + " is missing, and so is " + option.substring(2) + " in " + own.settings());
        }
        return value;
    }

    private <E> LocalTraining training(ModelOptions options, Mapping<E> mapping, long order)
            throws IOException, InvalidFile, NativeLibraryUnavailable {
        Loaded<E> loaded = Loaded.read(files, mapping, data.skipBadLines);
        if (!lines.events && lines.format == LogFormat.text) {
            DataOptions.tell(spec.commandLine().getOut(), loaded);
        }
        return LocalTraining.of(options.base, options.model(), mapping, loaded, order);
    }
}

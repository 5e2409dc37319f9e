package dev.sotto.participant.cli;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.agent.Agent;
import dev.sotto.participant.agent.Events;
import dev.sotto.participant.agent.LocalTraining;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Policy;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto run`: takes part in rounds until it is stopped.
@Command(
        name = "run",
        description = "Take part in the federation's rounds until stopped.",
        mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
    @Mixin
    private HomeOption home = new HomeOption();

    @Mixin
    private ModelOptions options = new ModelOptions();

    @Option(
            names = "--data",
            required = true,
            arity = "1..*",
            description = "Files with one example a record: .jsonl, .json, .csv, .tsv or .parquet.")
    private List<Path> files = List.of();

    @Mixin
    private DataOptions data = new DataOptions();

    @Option(names = "--seed", description = "Decides in which order examples are drawn (default: fresh randomness).")
    private Optional<Long> seed = Optional.empty();

    @Option(names = "--events", description = "Print JSON lines, for programs.")
    private boolean events;

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
        var _ = Home.readJson(own.federation(), Membership.class);
        var _ = Policy.read(own.policy());
        Randomness randomness = Randomness.secure();
        long order = seed.orElseGet(() -> randomness.bytes(Long.BYTES).view().getLong());
        Events told = new Events(spec.commandLine().getOut(), events, Clock.systemUTC());
        try (var _ = own.lock();
                Agent agent = new Agent(
                        own,
                        options.base,
                        training(data.mapping(), order),
                        keepPlain,
                        new BouncyCastlePrimitives(),
                        randomness,
                        told)) {
            agent.run();
        }
        return 0;
    }

    private <E> LocalTraining training(Mapping<E> mapping, long order)
            throws IOException, InvalidFile, NativeLibraryUnavailable {
        Loaded<E> loaded = Loaded.read(files, mapping, data.skipBadLines);
        if (!events) {
            DataOptions.tell(spec.commandLine().getOut(), loaded);
        }
        return LocalTraining.of(options.base, options.model(), mapping, loaded, order);
    }
}

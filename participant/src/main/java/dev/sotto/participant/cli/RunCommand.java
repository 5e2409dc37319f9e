package dev.sotto.participant.cli;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.agent.Agent;
import dev.sotto.participant.agent.Events;
import dev.sotto.participant.agent.LocalTraining;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Policy;
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

    @Option(names = "--base", required = true, description = "Hugging Face checkpoint folder of the base model.")
    private Path base = Path.of("");

    @Option(names = "--data", required = true, arity = "1..*", description = "Instruction data, JSON lines.")
    private List<Path> data = List.of();

    @Option(names = "--seed", description = "Decides in which order examples are drawn (default: fresh randomness).")
    private Optional<Long> seed = Optional.empty();

    @Option(names = "--threads", description = "CPU threads of PyTorch (default: one for each core).")
    private Optional<Integer> threads = Optional.empty();

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
        threads.ifPresent(ModelOptions::useThreads);
        Randomness randomness = Randomness.secure();
        long order = seed.orElseGet(() -> randomness.bytes(Long.BYTES).view().getLong());
        Events told = new Events(spec.commandLine().getOut(), events, Clock.systemUTC());
        try (var _ = own.lock();
                Agent agent = new Agent(
                        own,
                        base,
                        LocalTraining.load(base, data, order),
                        keepPlain,
                        new BouncyCastlePrimitives(),
                        randomness,
                        told)) {
            agent.run();
        }
        return 0;
    }
}

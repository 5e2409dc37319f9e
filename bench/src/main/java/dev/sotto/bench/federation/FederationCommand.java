package dev.sotto.bench.federation;

import static dev.sotto.schemas.MessageType.ROSTER_SEALED;
import static dev.sotto.schemas.MessageType.ROUND_CLOSED;
import static dev.sotto.schemas.MessageType.ROUND_OPENED;
import static dev.sotto.schemas.MessageType.SHARES_ROUTED;
import static dev.sotto.schemas.MessageType.SURVIVORS_SEALED;
import static dev.sotto.schemas.MessageType.UNMASK_REQUESTED;

import dev.sotto.participant.home.Failed;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `sotto bench federation`: rounds of a federation whose members skip training, over real Kafka.
@Command(
        name = "federation",
        description = "Rounds of a whole federation whose members skip training: how long, how many bytes, how much"
                + " memory.",
        mixinStandardHelpOptions = true,
        subcommands = {CostCommand.class, SoakCommand.class})
public final class FederationCommand implements Callable<Integer> {
    private static final double MB = 1e6;

    @Mixin
    private ShapeOptions options = new ShapeOptions();

    @Option(
            names = "--weigh",
            description = "Look every 150 ms at what is alive in each replica's heap. Its times mean nothing then.")
    private boolean weigh;

    /// Runs it.
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new FederationCommand())
                .setExecutionExceptionHandler((exception, line, parsed) -> {
                    if (exception instanceof Failure failure) {
                        line.getErr().println("sotto bench: " + failure.sentence());
                        return failure.exitCode();
                    }
                    throw exception;
                })
                .execute(arguments));
    }

    @Override
    public Integer call() throws IOException, InterruptedException, Failure, Failed, InvalidFile {
        Shape shape = options.shape();
        try (Work work = new Work(options.keep);
                Rig rig = new Rig(shape, work.folder(), options::configure)) {
            List<Weigher> weighers = new ArrayList<>();
            for (Child replica : rig.replicas()) {
                weighers.add(new Weigher(replica.pid(), weigh));
            }
            if (options.slow.isPresent()) {
                rig.slow(rig.organisations().getLast(), options.slow.get() * MB);
            }
            rig.start();
            Rounds rounds = new Rounds(rig, options.patience());
            List<Rounds.Round> done = new ArrayList<>();
            for (int i = 0; i < shape.rounds(); i++) {
                done.add(rounds.await(i));
                System.err.println("round " + i + ": "
                        + String.format(Locale.ROOT, "%.1f s", done.getLast().seconds()));
            }
            report(shape, done, Timeline.read(rig.kafka(), rig.topics()), weighers);
            rounds.errors().forEach(System.out::println);
            for (Weigher weigher : weighers) {
                weigher.close();
            }
            work.finished();
            return rounds.errors().isEmpty() ? 0 : 1;
        }
    }

    private void report(Shape shape, List<Rounds.Round> rounds, Timeline timeline, List<Weigher> weighers) {
        System.out.println(String.format(
                Locale.ROOT,
                "%d members, %,d coordinates, %d replicas with -Xmx%s",
                shape.members(),
                shape.coordinates(),
                shape.replicas(),
                shape.heap()));
        System.out.println("| round | attempt | s | keys | shares | training, upload | confirm | unmask, publish"
                + " | a member sends MB |");
        System.out.println("|---|---|---|---|---|---|---|---|---|");
        for (Timeline.Attempt attempt : timeline.attempts()) {
            if (!attempt.closed()) {
                System.out.println(
                        String.format(Locale.ROOT, "| %d | %d | aborted |", attempt.round(), attempt.attempt()));
                continue;
            }
            Rounds.Round round = rounds.get((int) attempt.round());
            System.out.println(String.format(
                    Locale.ROOT,
                    "| %d | %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |",
                    round.round(),
                    attempt.attempt(),
                    round.seconds(),
                    attempt.seconds(ROUND_OPENED, ROSTER_SEALED),
                    attempt.seconds(ROSTER_SEALED, SHARES_ROUTED),
                    attempt.seconds(SHARES_ROUTED, SURVIVORS_SEALED),
                    attempt.seconds(SURVIVORS_SEALED, UNMASK_REQUESTED),
                    attempt.seconds(UNMASK_REQUESTED, ROUND_CLOSED),
                    round.sent() / MB / shape.members()));
        }
        for (int i = 0; i < weighers.size(); i++) {
            Weigher weigher = weighers.get(i);
            System.out.println(String.format(
                    Locale.ROOT,
                    "replica %d: %.1f s of processor time%s",
                    i + 1,
                    weigher.processorSeconds(),
                    weigh
                            ? String.format(
                                    Locale.ROOT,
                                    "; at most alive in its heap %.1f MB, outside it %.1f MB (%d looks)",
                                    weigher.mostHeap() / MB,
                                    weigher.mostDirect() / MB,
                                    weigher.looks())
                            : ""));
        }
    }
}

package dev.sotto.bench.federation;

import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.participant.home.Failed;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Topics;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `sotto bench federation cost`: what security costs.
@Command(
        name = "cost",
        description = "The same rounds over the same broker, secured and as a plain sum of float32; then what it takes"
                + " to check and add chunks beside what it takes to read them.",
        mixinStandardHelpOptions = true)
final class CostCommand implements Callable<Integer> {
    private static final int PASSES = 5;
    private static final double MB = 1e6;

    @Mixin
    private ShapeOptions options = new ShapeOptions();

    @Override
    public Integer call()
            throws IOException, InterruptedException, Failure, Failed, InvalidFile, PeerMisbehaved, MalformedMessage {
        Shape shape = options.shape();
        try (Work work = new Work(options.keep);
                Rig rig = new Rig(shape, work.folder(), settings -> {})) {
            List<Double> secured = new ArrayList<>();
            rig.start();
            Rounds rounds = new Rounds(rig, options.patience());
            long sent = 0;
            long warm = 0;
            for (int i = 0; i < shape.rounds(); i++) {
                Rounds.Round round = rounds.await(i);
                secured.add(round.seconds());
                sent = round.sent();
                warm = i == 0 ? processor() : warm;
            }
            double worked = (processor() - warm) / 1e9 / (shape.rounds() - 1) / shape.members();
            rig.stop();
            Topics plainTopics = new Topics("plain");
            rig.createTopics(plainTopics);
            List<Double> plain = new ArrayList<>();
            try (Plain federation = new Plain(rig.kafka(), plainTopics, shape, rig.trainings())) {
                long before = federation.await();
                for (int i = 1; i < shape.rounds(); i++) {
                    long now = federation.await();
                    plain.add((now - before) / 1e9);
                    before = now;
                }
            }
            report(shape, secured.subList(1, secured.size()), plain, sent);
            System.out.println(String.format(
                    Locale.ROOT, "a member works %.2f s of one core a round, secured and without training", worked));
            Ingest.Figures figures =
                    new Ingest(rig.kafka(), rig.topics(), rig.organisations(), rig.directory()).measure(PASSES);
            System.out.println(String.format(
                    Locale.ROOT,
                    "read and forgotten %.0f MB/s (%.0f per core), checked and added %.0f MB/s (%.0f per core): %.0f %%"
                            + " per core",
                    figures.bare(),
                    figures.bareCpu(),
                    figures.added(),
                    figures.addedCpu(),
                    100 * figures.addedCpu() / figures.bareCpu()));
            rounds.errors().forEach(System.out::println);
            work.finished();
            return rounds.errors().isEmpty() ? 0 : 1;
        }
    }

    /// Of this process, in ns: while a secured round runs it holds the members and nothing else that works.
    private static long processor() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
                .getProcessCpuTime();
    }

    /// The first round of each, which warms up, is left out.
    private static void report(Shape shape, List<Double> secured, List<Double> plain, long sent) {
        double one = median(secured);
        double other = median(plain);
        System.out.println(String.format(
                Locale.ROOT,
                "%d members, %,d coordinates, %d s of training: secured %.2f s a round, plain %.2f s (medians of %d):"
                        + " %.2f times, %.2f s more",
                shape.members(),
                shape.coordinates(),
                shape.training().toSeconds(),
                one,
                other,
                secured.size(),
                one / other,
                one - other));
        System.out.println("secured " + seconds(secured) + "; plain " + seconds(plain));
        System.out.println(String.format(
                Locale.ROOT,
                "a member sends %.2f MB, as float32 %.2f MB: %.3f times",
                sent / MB / shape.members(),
                Float.BYTES * shape.coordinates() / MB,
                (double) sent / shape.members() / Float.BYTES / shape.coordinates()));
    }

    private static String seconds(List<Double> all) {
        return String.join(
                " ",
                all.stream().map(s -> String.format(Locale.ROOT, "%.2f", s)).toList());
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().skip(values.size() / 2).findFirst().orElse(Double.NaN);
    }
}

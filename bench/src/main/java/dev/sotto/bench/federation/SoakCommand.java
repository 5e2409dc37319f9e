package dev.sotto.bench.federation;

import dev.sotto.participant.home.Failed;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.training.chart.Chart;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `sotto bench federation soak`: many rounds in one go, and whether anything grows.
@Command(
        name = "soak",
        description =
                "Many rounds without a pause: what is alive in the coordinator's heap and in the members' must not"
                        + " grow. Writes soak.md and soak.svg, and exits with 1 if it grew, or anybody reported an error.",
        mixinStandardHelpOptions = true)
final class SoakCommand implements Callable<Integer> {
    private static final double MB = 1e6;
    private static final int LOOKS = 30;
    /// The last third of the looks may have so much more than the middle one: what caches and logs of names take.
    private static final double FLAT = 1.05;

    @Mixin
    private ShapeOptions options = new ShapeOptions();

    @Option(names = "--output-dir", required = true, description = "Where soak.md and soak.svg go.")
    private Path output = Path.of("");

    /// What was found after a round.
    ///
    /// @param seconds  of a round, the median since the last look
    /// @param replicas alive in all replicas' heaps, MB
    /// @param members  alive in the heap of the process with all members, MB
    /// @param threads  of that process
    /// @param log      of the broker on disk, MB
    /// @param homes    of the members on disk, MB
    private record Look(
            long round, double seconds, double replicas, double members, int threads, double log, double homes) {}

    @Override
    public Integer call() throws IOException, InterruptedException, Failure, Failed, InvalidFile {
        Shape shape = options.shape();
        Files.createDirectories(output);
        try (Work work = new Work(options.keep);
                Rig rig = new Rig(shape, work.folder(), settings -> {})) {
            List<Weigher> weighers = new ArrayList<>();
            for (Child replica : rig.replicas()) {
                weighers.add(new Weigher(replica.pid(), false));
            }
            rig.start();
            Rounds rounds = new Rounds(rig, options.patience());
            List<Look> looks = new ArrayList<>();
            List<Double> seconds = new ArrayList<>();
            int every = Math.max(1, shape.rounds() / LOOKS);
            for (int round = 0; round < shape.rounds(); round++) {
                seconds.add(rounds.await(round).seconds());
                if ((round + 1) % every == 0) {
                    looks.add(look(round, seconds, weighers, work.folder()));
                    System.err.println(row(looks.getLast()));
                    seconds.clear();
                }
            }
            long aborted = Timeline.read(rig.kafka(), rig.topics()).attempts().stream()
                    .filter(attempt -> !attempt.closed())
                    .count();
            boolean flat = isFlat(looks, Look::replicas) && isFlat(looks, Look::members);
            write(shape, looks, aborted, flat, rounds.errors());
            for (Weigher weigher : weighers) {
                weigher.close();
            }
            work.finished();
            return flat && rounds.errors().isEmpty() ? 0 : 1;
        }
    }

    private static Look look(long round, List<Double> seconds, List<Weigher> weighers, Path folder) throws IOException {
        System.gc();
        return new Look(
                round,
                seconds.stream().sorted().skip(seconds.size() / 2).findFirst().orElseThrow(),
                weighers.stream().mapToLong(Weigher::weighNow).sum() / MB,
                ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() / MB,
                ManagementFactory.getThreadMXBean().getThreadCount(),
                // Not its indices, which are as long as they may get from the beginning.
                size(folder.resolve("broker"), ".log"),
                size(folder.resolve("organisations"), ""));
    }

    private static double size(Path folder, String ending) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file ->
                                    Files.isRegularFile(file) && file.toString().endsWith(ending))
                            .mapToLong(file -> file.toFile().length())
                            .sum()
                    / MB;
        }
    }

    /// Whether the last third is about as large as the middle one.
    private static boolean isFlat(List<Look> looks, ToDoubleFunction<Look> value) {
        int third = looks.size() / 3;
        return third == 0
                || mean(looks.subList(2 * third, looks.size()), value)
                        <= FLAT * mean(looks.subList(third, 2 * third), value);
    }

    private static double mean(List<Look> looks, ToDoubleFunction<Look> value) {
        return looks.stream().mapToDouble(value).average().orElse(0);
    }

    private void write(Shape shape, List<Look> looks, long aborted, boolean flat, List<String> errors)
            throws IOException {
        StringBuilder page = new StringBuilder();
        page.append(String.format(
                Locale.ROOT,
                "%d rounds of %d members and %,d coordinates, %d replicas; %d attempts aborted, %d errors; memory is"
                        + " %s.%n%n",
                shape.rounds(),
                shape.members(),
                shape.coordinates(),
                shape.replicas(),
                aborted,
                errors.size(),
                flat ? "flat" : "NOT flat"));
        page.append("| round | s | coordinator MB | all members MB | their threads | broker's log MB | homes MB |\n")
                .append("|---|---|---|---|---|---|---|\n");
        looks.forEach(look -> page.append(row(look)).append('\n'));
        errors.forEach(error -> page.append('\n').append(error));
        System.out.print(page);
        Files.writeString(output.resolve("soak.md"), page);
        Files.writeString(output.resolve("soak.svg"), chart(looks).svg());
    }

    private static String row(Look look) {
        return String.format(
                Locale.ROOT,
                "| %d | %.2f | %.1f | %.1f | %d | %.1f | %.1f |",
                look.round() + 1,
                look.seconds(),
                look.replicas(),
                look.members(),
                look.threads(),
                look.log(),
                look.homes());
    }

    private static Chart chart(List<Look> looks) {
        return new Chart(
                "Soak",
                List.of(List.of(
                        panel("a round, s", List.of(line("median", 0, looks, Look::seconds))),
                        panel(
                                "alive in the heap, MB",
                                List.of(
                                        line("coordinator", 0, looks, Look::replicas),
                                        line("all members", 1, looks, Look::members))),
                        panel(
                                "on disk, MB",
                                List.of(
                                        line("broker's log", 0, looks, Look::log),
                                        line("members' homes", 1, looks, Look::homes))))));
    }

    private static Chart.Panel panel(String title, List<Chart.Line> lines) {
        return new Chart.Panel(title, "round", Chart.Scale.LINEAR, Chart.Scale.LINEAR, lines);
    }

    private static Chart.Line line(String name, int colour, List<Look> looks, ToDoubleFunction<Look> y) {
        return new Chart.Line(
                name,
                colour,
                false,
                looks.stream()
                        .map(look -> new Chart.Point(look.round() + 1, y.applyAsDouble(look)))
                        .toList());
    }
}

package dev.sotto.participant.simulate;

import dev.sotto.participant.simulate.Comparison.Row;
import dev.sotto.participant.simulate.Comparison.Spread;
import dev.sotto.participant.simulate.Experiment.Algorithm;
import dev.sotto.training.chart.Chart;
import dev.sotto.training.djl.Evaluation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.DoubleStream;

/// The files of an experiment's folder that people read.
///
/// @param kinds the labels that evaluations tell apart, in their order
record Results(Experiment experiment, List<String> kinds) {
    private static final String BASE = "base";
    private static final String ALONE = "alone, mean";
    private static final String BEST_ALONE = "alone, best";

    /// Writes all of them, over what is done of the runs.
    ///
    /// @param states of the runs that have begun; those that have ended are compared
    Comparison write(Map<Run, RunState> states) throws IOException {
        Comparison comparison = comparison(states);
        replace("metrics.csv", metrics(states));
        replace("comparison.md", comparison.markdown(kinds));
        replace("comparison.csv", comparison.csv(kinds));
        replace("curves.svg", curves(states).svg());
        return comparison;
    }

    private void replace(String name, String text) throws IOException {
        Path next = experiment.output().resolve(name + ".next");
        Files.writeString(next, text);
        Files.move(next, experiment.output().resolve(name), StandardCopyOption.REPLACE_EXISTING);
    }

    /// A text as one cell of CSV (RFC 4180).
    static String cell(String text) {
        return text.matches("[^\",\\r\\n]*") ? text : '"' + text.replace("\"", "\"\"") + '"';
    }

    private String metrics(Map<Run, RunState> states) {
        StringBuilder csv = new StringBuilder(
                "algorithm,seed,round,loss,evaluation_loss,evaluation_accuracy,cohort,bytes_up,bytes_down,seconds,epsilon");
        for (String kind : kinds) {
            csv.append(',')
                    .append(cell("evaluation_loss " + kind))
                    .append(',')
                    .append(cell("evaluation_accuracy " + kind));
        }
        csv.append('\n');
        states.forEach((run, state) -> state.measured().forEach(measured -> {
            csv.append(cell(run.name()))
                    .append(',')
                    .append(run.seed())
                    .append(',')
                    .append(measured.round())
                    .append(',')
                    .append(Double.isNaN(measured.loss()) ? "" : measured.loss())
                    .append(',')
                    .append(measured.evaluation().map(Results::cells).orElse(","))
                    .append(',')
                    .append(measured.cohort())
                    .append(',')
                    .append(measured.bytesUp())
                    .append(',')
                    .append(measured.bytesDown())
                    .append(',')
                    .append(measured.seconds())
                    .append(',')
                    .append(measured.epsilon());
            for (int kind = 0; kind < kinds.size(); kind++) {
                csv.append(',')
                        .append(
                                measured.kinds().isEmpty()
                                        ? ","
                                        : cells(measured.kinds().get(kind)));
            }
            csv.append('\n');
        }));
        return csv.toString();
    }

    private static String cells(Evaluation evaluation) {
        return evaluation.loss() + "," + evaluation.accuracy();
    }

    private Comparison comparison(Map<Run, RunState> states) {
        List<Ended> ended = new ArrayList<>();
        states.forEach((run, state) -> {
            if (state.round() == experiment.rounds()) {
                ended.add(new Ended(run, state.measured()));
            }
        });
        List<Row> rows = new ArrayList<>();
        if (experiment.baselines().base()) {
            List<Ended> starts = new ArrayList<>();
            for (long seed : experiment.seeds()) {
                ended.stream()
                        .filter(one -> one.run().seed() == seed)
                        .findFirst()
                        .ifPresent(one -> starts.add(
                                new Ended(one.run(), List.of(one.measured().getFirst()))));
            }
            rows.add(row(BASE, groups(starts), ended));
        }
        List<Ended> alone = ended.stream()
                .filter(one -> one.run().name().startsWith(Run.ALONE))
                .toList();
        if (!alone.isEmpty()) {
            rows.add(row(ALONE, groups(alone), ended));
            rows.add(row(
                    BEST_ALONE,
                    groups(alone).stream().map(Results::best).map(List::of).toList(),
                    ended));
        }
        List<String> names = new ArrayList<>(
                experiment.algorithms().stream().map(Algorithm::name).toList());
        names.add(Run.POOLED);
        alone.stream().map(one -> one.run().name()).distinct().forEach(names::add);
        for (String name : names) {
            List<Ended> own =
                    ended.stream().filter(one -> one.run().name().equals(name)).toList();
            if (!own.isEmpty()) {
                rows.add(row(name, groups(own), ended));
            }
        }
        return new Comparison(List.copyOf(rows));
    }

    /// A run that has ended.
    private record Ended(Run run, List<Measured> measured) {
        Evaluation last() {
            return measured.getLast().evaluation().orElseThrow(); // Cannot fail: the last round is evaluated.
        }
    }

    private static Ended best(List<Ended> group) {
        return group.stream()
                .min(Comparator.comparingDouble(one -> one.last().loss()))
                .orElseThrow(); // Cannot fail: no group is empty.
    }

    /// By seed, in their order.
    private List<List<Ended>> groups(List<Ended> ended) {
        return experiment.seeds().stream()
                .map(seed ->
                        ended.stream().filter(one -> one.run().seed() == seed).toList())
                .filter(group -> !group.isEmpty())
                .toList();
    }

    /// The means of a seed's runs, over the seeds.
    private Row row(String name, List<List<Ended>> bySeed, List<Ended> all) {
        List<Spread> byKind = new ArrayList<>();
        for (int kind = 0; kind < kinds.size(); kind++) {
            int at = kind;
            byKind.add(Spread.of(means(
                    bySeed, one -> one.measured().getLast().kinds().get(at).loss())));
        }
        List<Double> gains = new ArrayList<>();
        for (List<Ended> group : bySeed) {
            mean(all.stream()
                            .filter(one -> one.run().name().startsWith(Run.ALONE)
                                    && one.run().seed()
                                            == group.getFirst().run().seed())
                            .mapToDouble(one -> one.last().loss()))
                    .ifPresent(alone -> gains.add(alone
                            - group.stream()
                                    .mapToDouble(one -> one.last().loss())
                                    .average()
                                    .orElse(0)));
        }
        return new Row(
                name,
                Spread.of(means(bySeed, one -> one.last().loss())),
                Spread.of(means(bySeed, one -> one.last().accuracy())),
                name.startsWith("alone") || name.equals(BASE) ? Spread.of(List.of()) : Spread.of(gains),
                byKind,
                Spread.of(means(bySeed, Results::bytesUp)).mean(),
                Spread.of(means(
                                bySeed,
                                one -> one.measured().stream()
                                        .mapToDouble(Measured::seconds)
                                        .sum()))
                        .mean(),
                bySeed.stream()
                        .flatMap(List::stream)
                        .mapToDouble(one -> one.measured().getLast().epsilon())
                        .max()
                        .orElse(0));
    }

    private static double bytesUp(Ended ended) {
        return ended.run().encoding() instanceof Aggregation.Encoding.Exact
                        && ended.run().members().size() == 1
                ? 0
                : ended.measured().stream()
                        .filter(measured -> measured.cohort() > 0)
                        .mapToDouble(measured -> (double) measured.bytesUp() / measured.cohort())
                        .average()
                        .orElse(0);
    }

    private static List<Double> means(List<List<Ended>> bySeed, ToDoubleFunction<Ended> value) {
        return bySeed.stream()
                .map(group -> group.stream().mapToDouble(value).average().orElse(Double.NaN))
                .toList();
    }

    private static Optional<Double> mean(DoubleStream values) {
        var mean = values.average();
        return mean.isPresent() ? Optional.of(mean.getAsDouble()) : Optional.empty();
    }

    private Chart curves(Map<Run, RunState> states) {
        List<Chart.Panel> panels = new ArrayList<>();
        panels.add(panel(
                "Held-out loss, mean over seeds",
                states,
                measured -> measured.evaluation().map(Evaluation::loss)));
        panels.add(panel(
                "Held-out accuracy, mean over seeds",
                states,
                measured -> measured.evaluation().map(Evaluation::accuracy)));
        panels.add(panel(
                "Training loss of the cohort, mean over seeds",
                states,
                measured -> Double.isNaN(measured.loss()) ? Optional.empty() : Optional.of(measured.loss())));
        String name = String.valueOf(experiment.file().getFileName());
        return new Chart(name, List.of(List.copyOf(panels)));
    }

    /// Algorithms are solid, baselines dashed.
    private Chart.Panel panel(String title, Map<Run, RunState> states, Function<Measured, Optional<Double>> value) {
        List<Chart.Line> lines = new ArrayList<>();
        List<String> names =
                experiment.algorithms().stream().map(Algorithm::name).toList();
        for (int i = 0; i < names.size(); i++) {
            String name = names.get(i);
            line(name, i, false, states, run -> run.name().equals(name), value).ifPresent(lines::add);
        }
        line(
                        Run.POOLED,
                        Chart.COLOURS.size() - 1,
                        true,
                        states,
                        run -> run.name().equals(Run.POOLED),
                        value)
                .ifPresent(lines::add);
        line(ALONE, Chart.COLOURS.size() - 2, true, states, run -> run.name().startsWith(Run.ALONE), value)
                .ifPresent(lines::add);
        return new Chart.Panel(title, "round", Chart.Scale.LINEAR, Chart.Scale.LINEAR, lines);
    }

    private Optional<Chart.Line> line(
            String name,
            int colour,
            boolean dashed,
            Map<Run, RunState> states,
            Predicate<Run> belongs,
            Function<Measured, Optional<Double>> value) {
        List<Chart.Point> points = new ArrayList<>();
        for (int round = 0; round <= experiment.rounds(); round++) {
            int at = round;
            mean(states.entrySet().stream()
                            .filter(entry -> belongs.test(entry.getKey())
                                    && entry.getValue().measured().size() > at)
                            .map(entry ->
                                    value.apply(entry.getValue().measured().get(at)))
                            .flatMap(Optional::stream)
                            .mapToDouble(v -> v))
                    .ifPresent(mean -> points.add(new Chart.Point(at, mean)));
        }
        return points.isEmpty()
                ? Optional.empty()
                : Optional.of(new Chart.Line(name, colour % Chart.COLOURS.size(), dashed, points));
    }
}

package dev.sotto.bench;

import dev.sotto.training.chart.Chart;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;

/// Rounds by number of members, coordinates and dropouts: a table with the growth that fits it, and a chart.
final class Scale {
    private static final int SMALL = 10_000;
    private static final int LARGE = 10_000_000;
    private static final int FEW = 10;
    private static final List<Integer> MEMBERS = List.of(3, FEW, 30, 100, 255);
    private static final List<Integer> COORDINATES = List.of(SMALL, 100_000, 1_000_000, LARGE);
    private static final List<Integer> DROPOUT_PERCENT = List.of(0, 10, 30);

    /// Rounds of so few members take so little that they are run three times.
    private static final int REPEATED = 30;

    private Scale() {}

    /// Writes `scale.svg` into a folder, and its table into `scale.md` there, between two marks.
    ///
    /// @param arguments the folder; then pairs of members and coordinates, of which a table is printed instead
    static void main(String[] arguments) throws IOException {
        if (arguments.length == 0 || !Files.isDirectory(Path.of(arguments[0]))) {
            throw new IllegalArgumentException("usage: scale FOLDER [MEMBERS COORDINATES]…; FOLDER must be there");
        }
        Path folder = Path.of(arguments[0]);
        warmUp();
        if (arguments.length > 1) {
            List<Figures> rows = new ArrayList<>();
            for (int i = 1; i + 1 < arguments.length; i += 2) {
                rows.addAll(rounds(Integer.parseInt(arguments[i]), Integer.parseInt(arguments[i + 1])));
            }
            System.out.print(table(rows));
            return;
        }
        List<Figures> rows = new ArrayList<>();
        for (int members : MEMBERS) {
            rows.addAll(rounds(members, SMALL));
        }
        for (int coordinates : COORDINATES.subList(1, COORDINATES.size())) {
            rows.addAll(rounds(FEW, coordinates));
        }
        rows.addAll(rounds(100, LARGE));
        String table = table(rows) + "\n" + growth(rows);
        Page.write(folder.resolve("scale.md"), "scale", table);
        Files.writeString(folder.resolve("scale.svg"), chart(rows).svg());
    }

    /// For the compiler.
    private static void warmUp() throws IOException {
        var _ = round(REPEATED, 1_000_000, REPEATED / 4);
    }

    private static List<Figures> rounds(int members, int coordinates) throws IOException {
        List<Figures> rows = new ArrayList<>();
        for (int dropped : DROPOUT_PERCENT.stream()
                .map(percent -> members * percent / 100)
                .distinct()
                .toList()) {
            int times = members <= REPEATED && coordinates < LARGE ? 3 : 1;
            List<Figures> same = new ArrayList<>();
            for (int i = 0; i < times; i++) {
                same.add(round(members, coordinates, dropped));
            }
            same.sort(Comparator.comparingDouble(Figures::memberMillis));
            Figures median = same.get(times / 2);
            rows.add(median);
            System.err.println(row(median));
        }
        return rows;
    }

    private static Figures round(int members, int coordinates, int dropped) throws IOException {
        Path folder = Files.createTempDirectory("sotto-scale");
        try {
            return new Round(members, coordinates, dropped, folder).run();
        } finally {
            try (Stream<Path> files = Files.list(folder)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }

    private static String table(List<Figures> rows) {
        StringBuilder table = new StringBuilder();
        table.append(
                "| n | d | dropped | t | member ms | sends MB | receives MB | peak MB | of that beside its update |"
                        + " director ms | sum ms | unmask ms | sends MB | receives MB | peak MB |\n");
        table.append("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
        rows.forEach(row -> table.append(row(row)).append('\n'));
        return table.toString();
    }

    private static String row(Figures row) {
        return String.format(
                Locale.ROOT,
                "| %d | %s | %d | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |",
                row.members(),
                power(row.coordinates()),
                row.dropped(),
                row.threshold(),
                short3(row.memberMillis()),
                short3(row.memberSent() / 1e6),
                short3(row.memberReceived() / 1e6),
                short3(row.memberPeak() / 1e6),
                short3(row.memberBeside() / 1e6),
                short3(row.directorMillis()),
                short3(row.sumMillis()),
                short3(row.unmaskMillis()),
                short3(row.coordinatorSent() / 1e6),
                short3(row.coordinatorReceived() / 1e6),
                short3(row.coordinatorPeak() / 1e6));
    }

    private static String power(int coordinates) {
        return "10" + "⁰¹²³⁴⁵⁶⁷".charAt((int) Math.round(Math.log10(coordinates)));
    }

    /// Three digits at most after which nothing is known anyway.
    private static String short3(double value) {
        return String.format(Locale.ROOT, value < 1 ? "%.2f" : value < 100 ? "%.1f" : "%,.0f", value);
    }

    private record Quantity(String name, ToDoubleFunction<Figures> value) {}

    private static final List<Quantity> QUANTITIES = List.of(
            new Quantity("member, time", Figures::memberMillis),
            new Quantity("member, sent", Figures::memberSent),
            new Quantity("member, received", Figures::memberReceived),
            new Quantity("member, memory beside its update", Figures::memberBeside),
            new Quantity("director, time", Figures::directorMillis),
            new Quantity("sum, time", Figures::sumMillis),
            new Quantity("unmask, time", Figures::unmaskMillis),
            new Quantity("coordinator, sent", Figures::coordinatorSent),
            new Quantity("coordinator, received", Figures::coordinatorReceived),
            new Quantity("coordinator, memory", Figures::coordinatorPeak));

    private static String growth(List<Figures> rows) {
        StringBuilder table = new StringBuilder();
        table.append(
                "| exponent of growth | in n, 3 to 255 | in n, 30 to 255 | in d, 10⁴ to 10⁷ | in d, 10⁶ to 10⁷ |\n");
        table.append("|---|---|---|---|---|\n");
        for (Quantity quantity : QUANTITIES) {
            table.append(String.format(
                    Locale.ROOT,
                    "| %s | %.2f | %.2f | %.2f | %.2f |%n",
                    quantity.name(),
                    inMembers(rows, 3, quantity),
                    inMembers(rows, 30, quantity),
                    inCoordinates(rows, SMALL, quantity),
                    inCoordinates(rows, 1_000_000, quantity)));
        }
        return table.toString();
    }

    private static double inMembers(List<Figures> rows, int from, Quantity quantity) {
        List<Figures> some =
                byMembers(rows, 0).stream().filter(row -> row.members() >= from).toList();
        return Figures.exponent(some, Figures::members, quantity.value());
    }

    private static double inCoordinates(List<Figures> rows, int from, Quantity quantity) {
        List<Figures> some = byCoordinates(rows, 0).stream()
                .filter(row -> row.coordinates() >= from)
                .toList();
        return Figures.exponent(some, Figures::coordinates, quantity.value());
    }

    private static List<Figures> byMembers(List<Figures> rows, int percent) {
        return rows.stream()
                .filter(row -> row.coordinates() == SMALL && row.dropped() == row.members() * percent / 100)
                .toList();
    }

    private static List<Figures> byCoordinates(List<Figures> rows, int percent) {
        return rows.stream()
                .filter(row -> row.members() == FEW && row.dropped() == FEW * percent / 100)
                .toList();
    }

    private static Chart chart(List<Figures> rows) {
        List<List<Chart.Panel>> panels = List.of(
                panels(byMembers(rows, 0), byMembers(rows, 30), "n, at d = 10,000", Figures::members),
                panels(byCoordinates(rows, 0), byCoordinates(rows, 30), "d, at n = 10", Figures::coordinates));
        return new Chart("One round: solid with no dropouts, dashed with 30 %", panels);
    }

    private static List<Chart.Panel> panels(
            List<Figures> none, List<Figures> some, String over, ToDoubleFunction<Figures> x) {
        return List.of(
                new Chart.Panel(
                        "processor time, milliseconds",
                        over,
                        Chart.Scale.LOGARITHMIC,
                        Chart.Scale.LOGARITHMIC,
                        List.of(
                                line("a member", 0, false, none, x, Figures::memberMillis),
                                line("the director", 1, false, none, x, Figures::directorMillis),
                                line("summing", 2, false, none, x, Figures::sumMillis),
                                line("unmasking", 3, false, none, x, Figures::unmaskMillis),
                                line("the director, 30 %", 1, true, some, x, Figures::directorMillis),
                                line("unmasking, 30 %", 3, true, some, x, Figures::unmaskMillis))),
                new Chart.Panel(
                        "peak memory, MB",
                        over,
                        Chart.Scale.LOGARITHMIC,
                        Chart.Scale.LOGARITHMIC,
                        List.of(
                                line("a member, all", 0, false, none, x, row -> row.memberPeak() / 1e6),
                                line("beside its update", 0, true, none, x, row -> row.memberBeside() / 1e6),
                                line("the coordinator", 1, false, none, x, row -> row.coordinatorPeak() / 1e6))),
                new Chart.Panel(
                        "bytes, MB",
                        over,
                        Chart.Scale.LOGARITHMIC,
                        Chart.Scale.LOGARITHMIC,
                        List.of(
                                line("a member sends", 0, false, none, x, row -> row.memberSent() / 1e6),
                                line("a member receives", 0, true, none, x, row -> row.memberReceived() / 1e6),
                                line("coordinator sends", 1, false, none, x, row -> row.coordinatorSent() / 1e6),
                                line(
                                        "coordinator receives",
                                        1,
                                        true,
                                        none,
                                        x,
                                        row -> row.coordinatorReceived() / 1e6))));
    }

    private static Chart.Line line(
            String name,
            int colour,
            boolean dashed,
            List<Figures> rows,
            ToDoubleFunction<Figures> x,
            ToDoubleFunction<Figures> y) {
        return new Chart.Line(
                name,
                colour,
                dashed,
                rows.stream()
                        .map(row -> new Chart.Point(x.applyAsDouble(row), y.applyAsDouble(row)))
                        .toList());
    }
}

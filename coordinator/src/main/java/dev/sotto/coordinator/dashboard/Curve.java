package dev.sotto.coordinator.dashboard;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// A curve over the rounds, placed in a box of [#WIDTH] × [#HEIGHT] units, y downwards. What it shows, a table on the
/// same page says in figures.
///
/// @param name     of what is shown, and its unit
/// @param summary  for those who do not see it
/// @param line     SVG path data; it is broken where a round has no value
/// @param dots     values, each with its place; every `k`-th of many
/// @param ticksX   rounds, with their places
/// @param ticksY   values, with their places
public record Curve(String name, String summary, String line, List<Mark> dots, List<Mark> ticksX, List<Mark> ticksY) {
    /// Width of the box.
    public static final int WIDTH = 360;

    /// Height of the box.
    public static final int HEIGHT = 180;

    private static final double LEFT = 46;
    private static final double RIGHT = WIDTH - 10;
    private static final double TOP = 12;
    private static final double BOTTOM = HEIGHT - 26;
    private static final int MOST_POINTS = 400;
    private static final int MOST_DOTS = 60;
    private static final int TICKS = 4;

    /// Something at a place of the box.
    ///
    /// @param x to a tenth of a unit
    /// @param y likewise
    public record Mark(String text, double x, double y) {}

    /// A curve of these values by round.
    ///
    /// @param rounds   how many there will have been when the federation is finished
    /// @param fromZero whether the axis of values begins at 0
    /// @param whole    whether values are integers
    static Curve of(String name, Map<Long, Double> values, long rounds, boolean fromZero, boolean whole) {
        SortedMap<Long, Double> known = new TreeMap<>(values);
        if (known.isEmpty()) {
            return new Curve(name, name + ": no round is known yet.", "", List.of(), List.of(), List.of());
        }
        double least =
                known.values().stream().mapToDouble(Double::doubleValue).min().orElse(0);
        double most =
                known.values().stream().mapToDouble(Double::doubleValue).max().orElse(1);
        double step = step(
                fromZero ? Math.max(most, whole ? 1 : 1e-9) : Math.max(most - least, 1e-3 * Math.abs(most) + 1e-9));
        if (whole) {
            step = Math.max(1, step);
        }
        double from = fromZero ? 0 : Math.floor(least / step) * step;
        double to = Math.max(from + step, Math.ceil(most / step) * step);
        long last = Math.max(1, Math.max(rounds - 1, known.lastKey()));

        List<Mark> points = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        long stride = Math.max(1, known.size() / MOST_POINTS);
        long index = 0;
        long before = Long.MIN_VALUE;
        for (Map.Entry<Long, Double> entry : known.entrySet()) {
            long round = entry.getKey();
            if (index++ % stride == 0 || round == known.lastKey()) {
                double x = LEFT + (RIGHT - LEFT) * round / last;
                double y = BOTTOM - (BOTTOM - TOP) * (entry.getValue() - from) / (to - from);
                boolean goesOn = before != Long.MIN_VALUE && round - before <= stride;
                line.append(String.format(Locale.ROOT, "%s%.1f %.1f", goesOn ? "L" : "M", x, y));
                points.add(mark("round " + round + ": " + text(entry.getValue(), whole), x, y));
                before = round;
            }
        }
        int every = Math.max(1, (points.size() + MOST_DOTS - 1) / MOST_DOTS);
        List<Mark> dots = new ArrayList<>();
        for (int i = points.size() - 1; i >= 0; i -= every) {
            dots.add(points.get(i));
        }
        return new Curve(
                name,
                summary(name, points),
                line.toString(),
                List.copyOf(dots.reversed()),
                ticksX(last),
                ticksY(from, to, step));
    }

    private static String summary(String name, List<Mark> points) {
        String last = points.getLast().text();
        return points.size() == 1
                ? name + ", " + last + "."
                : name + ", from " + points.getFirst().text() + " to " + last + ".";
    }

    private static List<Mark> ticksX(long last) {
        List<Mark> ticks = new ArrayList<>();
        long step = Math.max(1, Math.round(step((double) last)));
        for (long round = 0; round <= last; round += step) {
            ticks.add(mark(String.valueOf(round), LEFT + (RIGHT - LEFT) * round / last, BOTTOM));
        }
        return List.copyOf(ticks);
    }

    private static List<Mark> ticksY(double from, double to, double step) {
        List<Mark> ticks = new ArrayList<>();
        int decimals = Math.max(0, (int) -Math.floor(Math.log10(step) + 1e-9));
        for (int i = 0; from + i * step <= to + step / 2; i++) {
            double value = from + i * step;
            ticks.add(mark(
                    String.format(Locale.ROOT, "%." + decimals + "f", value),
                    LEFT,
                    BOTTOM - (BOTTOM - TOP) * (value - from) / (to - from)));
        }
        return List.copyOf(ticks);
    }

    /// 1, 2 or 5 times a power of ten, so that a range has about [#TICKS] of them.
    private static double step(double range) {
        double power = Math.pow(10, Math.floor(Math.log10(range / TICKS)));
        double rest = range / TICKS / power;
        return power * (rest <= 1 ? 1 : rest <= 2 ? 2 : rest <= 5 ? 5 : 10);
    }

    private static Mark mark(String text, double x, double y) {
        return new Mark(text, Math.round(10 * x) / 10.0, Math.round(10 * y) / 10.0);
    }

    private static String text(double value, boolean whole) {
        return whole ? String.valueOf(Math.round(value)) : Words.number(value);
    }
}

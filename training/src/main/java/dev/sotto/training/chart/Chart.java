package dev.sotto.training.chart;

import java.util.ArrayList;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;

/// Panels of lines over two axes, as SVG that needs nothing else: no fonts, no scripts, no window system, so
/// that it can be made on a server. Immutable.
///
/// @param title  above all
/// @param panels in rows
public record Chart(String title, List<List<Panel>> panels) {
    /// How an axis goes.
    public enum Scale {
        /// By differences.
        LINEAR,
        /// By ratios; every value is positive.
        LOGARITHMIC
    }

    /// One pair of axes.
    ///
    /// @param title  with the unit of y
    /// @param x      what x is
    /// @param across how x goes
    /// @param up     how y goes
    /// @param lines  at most as many as there are [#COLOURS]
    public record Panel(String title, String x, Scale across, Scale up, List<Line> lines) {}

    /// Points that belong together.
    ///
    /// @param name   for the legend
    /// @param colour index of one of [#COLOURS]
    /// @param dashed or solid
    /// @param points by ascending x
    public record Line(String name, int colour, boolean dashed, List<Point> points) {}

    /// A place.
    public record Point(double x, double y) {}

    /// Okabe and Ito's, which colour-blind people tell apart.
    public static final List<String> COLOURS =
            List.of("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#555555", "#000000");

    private static final int WIDTH = 440;
    private static final int HEIGHT = 320;
    private static final int LEFT = 62;
    private static final int RIGHT = 20;
    private static final int BOTTOM = 50;
    private static final int HEAD = 40;
    private static final int LEGEND = 17;
    /// From so many points on, a line is drawn without dots.
    private static final int CROWDED = 40;

    /// One panel of solid lines over linear axes.
    ///
    /// @param x what x is
    public static Chart of(String title, String panel, String x, List<Line> lines) {
        return new Chart(title, List.of(List.of(new Panel(panel, x, Scale.LINEAR, Scale.LINEAR, lines))));
    }

    /// The picture.
    public String svg() {
        int columns = panels.stream().mapToInt(List::size).max().orElse(0);
        int width = columns * WIDTH;
        int height = HEAD + panels.size() * HEIGHT;
        Formatter svg = new Formatter(Locale.ROOT);
        svg.format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
                        + "font-family=\"Helvetica, Arial, sans-serif\" font-size=\"12\">%n",
                width, height, width, height);
        svg.format("<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>%n", width, height);
        svg.format(
                "<text x=\"%d\" y=\"26\" text-anchor=\"middle\" font-size=\"16\" font-weight=\"bold\">%s</text>%n",
                width / 2, escaped(title));
        for (int row = 0; row < panels.size(); row++) {
            for (int column = 0; column < panels.get(row).size(); column++) {
                svg.format("<g transform=\"translate(%d %d)\">%n", column * WIDTH, HEAD + row * HEIGHT);
                draw(svg, panels.get(row).get(column));
                svg.format("</g>%n");
            }
        }
        return svg.format("</svg>%n").toString();
    }

    private static void draw(Formatter svg, Panel panel) {
        int top = 44 + (panel.lines().size() + 1) / 2 * LEGEND;
        List<Point> all =
                panel.lines().stream().flatMap(line -> line.points().stream()).toList();
        Axis x = Axis.of(panel.across(), all.stream().map(Point::x).toList(), LEFT, WIDTH - RIGHT);
        Axis y = Axis.of(panel.up(), all.stream().map(Point::y).toList(), HEIGHT - BOTTOM, top);
        svg.format(
                "<text x=\"%d\" y=\"16\" font-size=\"13\" font-weight=\"bold\">%s</text>%n",
                LEFT, escaped(panel.title()));
        for (double tick : y.ticks(all.stream().map(Point::y).toList())) {
            svg.format(
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#dddddd\"/>%n",
                    LEFT, y.at(tick), WIDTH - RIGHT, y.at(tick));
            svg.format(
                    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555555\">%s</text>%n",
                    LEFT - 6, y.at(tick) + 4, y.label(tick));
        }
        for (double tick : x.ticks(all.stream().map(Point::x).toList())) {
            svg.format(
                    "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#eeeeee\"/>%n",
                    x.at(tick), top, x.at(tick), HEIGHT - BOTTOM);
            svg.format(
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555555\">%s</text>%n",
                    x.at(tick), HEIGHT - BOTTOM + 17, x.label(tick));
        }
        svg.format(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#333333\">%s</text>%n",
                (LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 36, escaped(panel.x()));
        for (int i = 0; i < panel.lines().size(); i++) {
            draw(svg, panel.lines().get(i), x, y);
            legend(svg, panel.lines().get(i), LEFT + i % 2 * 180, 34 + i / 2 * LEGEND);
        }
    }

    private static void draw(Formatter svg, Line line, Axis x, Axis y) {
        List<String> places = new ArrayList<>();
        for (Point point : line.points()) {
            places.add(x.at(point.x()) + "," + y.at(point.y()));
        }
        svg.format("<polyline points=\"%s\" fill=\"none\" %s/>%n", String.join(" ", places), stroke(line));
        if (line.points().size() >= CROWDED) {
            return;
        }
        for (Point point : line.points()) {
            svg.format(
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" stroke=\"%s\"/>%n",
                    x.at(point.x()), y.at(point.y()), line.dashed() ? "#ffffff" : colour(line), colour(line));
        }
    }

    private static void legend(Formatter svg, Line line, int x, int y) {
        svg.format("<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" %s/>%n", x, y, x + 22, y, stroke(line));
        svg.format("<text x=\"%d\" y=\"%d\">%s</text>%n", x + 28, y + 4, escaped(line.name()));
    }

    private static String stroke(Line line) {
        return "stroke=\"" + colour(line) + "\" stroke-width=\"2\""
                + (line.dashed() ? " stroke-dasharray=\"5 4\"" : "");
    }

    private static String colour(Line line) {
        return COLOURS.get(line.colour());
    }

    private static String escaped(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }

    /// From a pixel to a pixel. The vertical one, which goes up, is rounded to whole ticks.
    private record Axis(Scale scale, double low, double high, double step, int from, int to) {
        static Axis of(Scale scale, List<Double> values, int from, int to) {
            double low =
                    on(scale, values.stream().mapToDouble(value -> value).min().orElse(1));
            double high =
                    on(scale, values.stream().mapToDouble(value -> value).max().orElse(10));
            boolean vertical = from > to;
            if (scale == Scale.LINEAR) {
                double step = step(high > low ? high - low : Math.max(Math.abs(high), 1));
                return vertical
                        ? new Axis(
                                scale,
                                Math.floor(low / step) * step,
                                Math.max(Math.ceil(high / step), Math.floor(low / step) + 1) * step,
                                step,
                                from,
                                to)
                        : new Axis(scale, low, high > low ? high : low + step, step, from, to);
            }
            return vertical
                    ? new Axis(scale, Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1), 1, from, to)
                    : new Axis(
                            scale,
                            low - 0.1 * (high - low),
                            high > low ? high + 0.1 * (high - low) : low + 1,
                            1,
                            from,
                            to);
        }

        private static double on(Scale scale, double value) {
            return scale == Scale.LINEAR ? value : Math.log10(value);
        }

        /// 1, 2 or 5 times a power of ten: about five of them in the range.
        private static double step(double range) {
            double power = Math.pow(10, Math.floor(Math.log10(range / 5)));
            double times = range / 5 / power;
            return (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10) * power;
        }

        double at(double value) {
            return Math.round(10 * (from + (on(scale, value) - low) / (high - low) * (to - from))) / 10.0;
        }

        /// A logarithmic axis across has the places themselves.
        List<Double> ticks(List<Double> places) {
            if (scale == Scale.LOGARITHMIC && from < to) {
                return places.stream().distinct().sorted().toList();
            }
            List<Double> ticks = new ArrayList<>();
            for (int i = (int) Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
                ticks.add(scale == Scale.LINEAR ? i * step : Math.pow(10, i));
            }
            return ticks;
        }

        String label(double value) {
            if (scale == Scale.LINEAR) {
                int digits = (int) Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
                return String.format(Locale.ROOT, "%." + digits + "f", value);
            }
            int exponent = (int) Math.round(Math.log10(value));
            if (value < 1 || value > 1000) {
                return "10<tspan dy=\"-5\" font-size=\"9\">" + (exponent < 0 ? "−" : "") + Math.abs(exponent)
                        + "</tspan>";
            }
            return Long.toString(Math.round(value));
        }
    }
}

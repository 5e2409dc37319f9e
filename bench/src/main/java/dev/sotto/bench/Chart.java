package dev.sotto.bench;

import java.util.ArrayList;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;

/// Panels of lines over two logarithmic axes, as SVG.
///
/// @param title  above all
/// @param panels in rows
record Chart(String title, List<List<Panel>> panels) {
    /// One pair of axes.
    ///
    /// @param title with the unit of y
    /// @param x     what x is
    record Panel(String title, String x, List<Line> lines) {}

    /// @param points   by ascending x
    /// @param dashed   or solid
    @SuppressWarnings("MissingSummary")
    record Line(String name, int colour, boolean dashed, List<Point> points) {}

    /// Both positive.
    record Point(double x, double y) {}

    private static final int WIDTH = 360;
    private static final int HEIGHT = 300;
    private static final int LEFT = 62;
    private static final int RIGHT = 20;
    private static final int TOP = 78;
    private static final int BOTTOM = 50;
    private static final int HEAD = 40;

    /// Okabe and Ito's, which colour-blind people tell apart.
    private static final List<String> COLOURS = List.of("#0072b2", "#d55e00", "#009e73", "#cc79a7");

    /// The picture.
    String svg() {
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
                width / 2, title);
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
        List<Point> all =
                panel.lines().stream().flatMap(line -> line.points().stream()).toList();
        Axis x = Axis.of(all.stream().map(Point::x).toList(), LEFT, WIDTH - RIGHT);
        Axis y = Axis.of(all.stream().map(Point::y).toList(), HEIGHT - BOTTOM, TOP);
        svg.format("<text x=\"%d\" y=\"16\" font-size=\"13\" font-weight=\"bold\">%s</text>%n", LEFT, panel.title());
        for (int exponent : y.decades()) {
            double at = y.at(Math.pow(10, exponent));
            svg.format(
                    "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#dddddd\"/>%n",
                    LEFT, at, WIDTH - RIGHT, at);
            svg.format(
                    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555555\">%s</text>%n",
                    LEFT - 6, at + 4, power(exponent));
        }
        List<Double> places = all.stream().map(Point::x).distinct().sorted().toList();
        for (double place : places) {
            double at = x.at(place);
            svg.format(
                    "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#eeeeee\"/>%n",
                    at, TOP, at, HEIGHT - BOTTOM);
            svg.format(
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#555555\">%s</text>%n",
                    at, HEIGHT - BOTTOM + 17, place < 1000 ? plain(place) : power((int) Math.round(Math.log10(place))));
        }
        svg.format(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\" fill=\"#333333\">%s</text>%n",
                (LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 36, panel.x());
        for (int i = 0; i < panel.lines().size(); i++) {
            draw(svg, panel.lines().get(i), x, y);
            legend(svg, panel.lines().get(i), LEFT + i % 2 * 140, 34 + i / 2 * 17);
        }
    }

    private static void draw(Formatter svg, Line line, Axis x, Axis y) {
        List<String> places = new ArrayList<>();
        for (Point point : line.points()) {
            places.add(x.at(point.x()) + "," + y.at(point.y()));
        }
        svg.format("<polyline points=\"%s\" fill=\"none\" %s/>%n", String.join(" ", places), stroke(line));
        for (Point point : line.points()) {
            svg.format(
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\" stroke=\"%s\"/>%n",
                    x.at(point.x()), y.at(point.y()), line.dashed() ? "#ffffff" : colour(line), colour(line));
        }
    }

    private static void legend(Formatter svg, Line line, int x, int y) {
        svg.format("<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" %s/>%n", x, y, x + 22, y, stroke(line));
        svg.format("<text x=\"%d\" y=\"%d\">%s</text>%n", x + 28, y + 4, line.name());
    }

    private static String stroke(Line line) {
        return "stroke=\"" + colour(line) + "\" stroke-width=\"2\""
                + (line.dashed() ? " stroke-dasharray=\"5 4\"" : "");
    }

    private static String colour(Line line) {
        return COLOURS.get(line.colour());
    }

    private static String power(int exponent) {
        return exponent >= 0 && exponent <= 3
                ? plain(Math.pow(10, exponent))
                : "10<tspan dy=\"-5\" font-size=\"9\">" + (exponent < 0 ? "−" : "") + Math.abs(exponent) + "</tspan>";
    }

    private static String plain(double value) {
        return Long.toString(Math.round(value));
    }

    /// A logarithmic axis from a pixel to a pixel, over whole decades if it is the vertical one.
    private record Axis(double low, double high, int from, int to) {
        static Axis of(List<Double> values, int from, int to) {
            double low =
                    Math.log10(values.stream().mapToDouble(value -> value).min().orElse(1));
            double high =
                    Math.log10(values.stream().mapToDouble(value -> value).max().orElse(10));
            return from > to
                    ? new Axis(Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1), from, to)
                    : new Axis(low - 0.1 * (high - low), high + 0.1 * (high - low), from, to);
        }

        double at(double value) {
            return Math.round(10 * (from + (Math.log10(value) - low) / (high - low) * (to - from))) / 10.0;
        }

        List<Integer> decades() {
            List<Integer> decades = new ArrayList<>();
            for (int exponent = (int) Math.ceil(low); exponent <= high; exponent++) {
                decades.add(exponent);
            }
            return decades;
        }
    }
}

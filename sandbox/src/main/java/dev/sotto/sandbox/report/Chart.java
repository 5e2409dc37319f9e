package dev.sotto.sandbox.report;

import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;

/// Small charts as SVG, coloured by the page's style sheet (classes `c0`, `c1`, …).
final class Chart {
    private static final int WIDTH = 640;
    private static final int LEFT = 130;
    private static final int RIGHT = 70;

    private Chart() {}

    /// A bar with its label.
    ///
    /// @param colour class number
    record Bar(String label, double value, int colour) {}

    /// Parts of one bar, in the order of the chart's legend.
    record Stack(String label, List<Double> parts) {
        Stack {
            parts = List.copyOf(parts);
        }

        double sum() {
            return parts.stream().mapToDouble(Double::doubleValue).sum();
        }
    }

    /// Horizontal bars from 0.
    ///
    /// @param format of the values
    static String bars(String title, List<Bar> bars, String format) {
        double most = bars.stream().mapToDouble(Bar::value).max().orElse(1);
        StringBuilder svg = open(title, bars.size() * 26 + 8);
        for (int i = 0; i < bars.size(); i++) {
            Bar bar = bars.get(i);
            double width = most <= 0 ? 0 : (WIDTH - LEFT - RIGHT) * bar.value() / most;
            int y = 4 + i * 26;
            text(svg, LEFT - 8, y + 15, "end", bar.label());
            rect(svg, LEFT, y + 2, width, 18, bar.colour());
            text(svg, LEFT + width + 6, y + 15, "start", String.format(Locale.ROOT, format, bar.value()));
        }
        return svg.append("</svg>").toString();
    }

    /// Horizontal bars of several parts, with a legend above.
    static String stacks(String title, List<String> legend, List<Stack> stacks, String format) {
        double most = stacks.stream().mapToDouble(Stack::sum).max().orElse(1);
        StringBuilder svg = open(title, stacks.size() * 26 + 36);
        double x = LEFT;
        for (int i = 0; i < legend.size(); i++) {
            rect(svg, x, 4, 10, 10, i);
            text(svg, x + 14, 13, "start", legend.get(i));
            x += 26 + legend.get(i).length() * 7.2;
        }
        for (int i = 0; i < stacks.size(); i++) {
            Stack stack = stacks.get(i);
            int y = 30 + i * 26;
            text(svg, LEFT - 8, y + 15, "end", stack.label());
            double at = LEFT;
            for (int part = 0; part < stack.parts().size(); part++) {
                double width =
                        most <= 0 ? 0 : (WIDTH - LEFT - RIGHT) * stack.parts().get(part) / most;
                rect(svg, at, y + 2, width, 18, part);
                at += width;
            }
            text(svg, at + 6, y + 15, "start", String.format(Locale.ROOT, format, stack.sum()));
        }
        return svg.append("</svg>").toString();
    }

    /// A line over rounds 1, 2, ….
    static String line(String title, List<Double> values, String format) {
        int height = 220;
        double most = values.stream().mapToDouble(Double::doubleValue).max().orElse(1) * 1.1;
        double step = values.size() < 2 ? 0 : (WIDTH - 60 - 60) / (double) (values.size() - 1);
        StringBuilder svg = open(title, height);
        StringBuilder points = new StringBuilder();
        for (int tick = 0; tick <= 4; tick++) {
            double y = y(height, most, most * tick / 4);
            svg.append(String.format(
                    Locale.ROOT, "<line class='grid' x1='60' x2='%d' y1='%.1f' y2='%.1f'/>", WIDTH - 40, y, y));
            text(svg, 52, y + 4, "end", String.format(Locale.ROOT, "%.1f", most * tick / 4));
        }
        for (int i = 0; i < values.size(); i++) {
            double x = 80 + i * step * 0.96;
            double y = y(height, most, values.get(i));
            points.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
            svg.append(String.format(Locale.ROOT, "<circle class='c0' cx='%.1f' cy='%.1f' r='4'/>", x, y));
            text(svg, x, y - 10, "middle", String.format(Locale.ROOT, format, values.get(i)));
            text(svg, x, height - 6, "middle", String.valueOf(i + 1));
        }
        return svg.append("<polyline class='s0' fill='none' points='")
                .append(points)
                .append("'/></svg>")
                .toString();
    }

    /// A table of the same numbers.
    static String table(List<String> head, List<List<String>> rows) {
        StringBuilder html = new StringBuilder("<table><thead><tr>");
        head.forEach(cell -> html.append("<th>").append(escape(cell)).append("</th>"));
        html.append("</tr></thead><tbody>");
        for (List<String> row : rows) {
            html.append("<tr>");
            IntStream.range(0, row.size())
                    .forEach(i -> html.append(i == 0 ? "<th scope='row'>" : "<td>")
                            .append(escape(row.get(i)))
                            .append(i == 0 ? "</th>" : "</td>"));
            html.append("</tr>");
        }
        return html.append("</tbody></table>").toString();
    }

    static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&#39;");
    }

    private static double y(int height, double most, double value) {
        return height - 24 - (height - 44) * (most <= 0 ? 0 : value / most);
    }

    private static StringBuilder open(String title, int height) {
        return new StringBuilder(String.format(
                Locale.ROOT,
                "<svg viewBox='0 0 %d %d' role='img' aria-label='%s'><title>%s</title>",
                WIDTH,
                height,
                escape(title),
                escape(title)));
    }

    private static void rect(StringBuilder svg, double x, double y, double width, double height, int colour) {
        svg.append(String.format(
                Locale.ROOT,
                "<rect class='c%d' x='%.1f' y='%.1f' width='%.1f' height='%.1f' rx='2'/>",
                colour,
                x,
                y,
                Math.max(0, width),
                height));
    }

    private static void text(StringBuilder svg, double x, double y, String anchor, String text) {
        svg.append(String.format(
                Locale.ROOT, "<text x='%.1f' y='%.1f' text-anchor='%s'>%s</text>", x, y, anchor, escape(text)));
    }
}

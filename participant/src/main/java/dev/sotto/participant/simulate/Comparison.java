package dev.sotto.participant.simulate;

import java.util.List;
import java.util.Locale;

/// What came of an experiment, over its seeds.
///
/// @param rows in the order of the tables
public record Comparison(List<Row> rows) {
    /// One algorithm or baseline.
    ///
    /// @param name     of it
    /// @param loss     on held-out examples after the last round
    /// @param accuracy likewise
    /// @param gain     by how much its loss is lower than that of the members alone, seed by seed; over no
    ///   seeds, if none was alone
    /// @param kinds    the loss on the examples of each label
    /// @param bytesUp  of one member in one round, on average
    /// @param seconds  of all its rounds of one seed, on average
    /// @param epsilon  ε of the member that has spent most, of any seed; 0 without privacy
    public record Row(
            String name,
            Spread loss,
            Spread accuracy,
            Spread gain,
            List<Spread> kinds,
            double bytesUp,
            double seconds,
            double epsilon) {}

    /// A mean over seeds.
    ///
    /// @param deviation of a sample, with n − 1; NaN over fewer than 2 seeds
    public record Spread(double mean, double deviation, int seeds) {
        static Spread of(List<Double> values) {
            double mean = values.stream().mapToDouble(v -> v).average().orElse(Double.NaN);
            double squares =
                    values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
            return new Spread(mean, Math.sqrt(squares / (values.size() - 1.0)), values.size());
        }

        /// `1.2345 ± 0.0012`.
        String text() {
            if (seeds == 0) {
                return "";
            }
            return String.format(Locale.ROOT, "%.4f", mean)
                    + (seeds < 2 ? "" : String.format(Locale.ROOT, " ± %.4f", deviation));
        }

        /// Two cells.
        String cells() {
            return seeds == 0 ? "," : mean + "," + (seeds < 2 ? "" : deviation);
        }
    }

    /// As a Markdown table, and a second one of the labels, if there are any.
    String markdown(List<String> kinds) {
        boolean anyPrivate = rows.stream().anyMatch(row -> row.epsilon() > 0);
        StringBuilder text = new StringBuilder("| | held-out loss | accuracy | loss below alone | bytes up | seconds |")
                .append(anyPrivate ? " ε |\n" : "\n")
                .append("|---".repeat(anyPrivate ? 7 : 6))
                .append("|\n");
        for (Row row : rows) {
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %s | %s | %.0f | %.1f |%s%n",
                    row.name(),
                    row.loss().text(),
                    row.accuracy().text(),
                    row.gain().text(),
                    row.bytesUp(),
                    row.seconds(),
                    anyPrivate ? row.epsilon() > 0 ? String.format(Locale.ROOT, " %.2f |", row.epsilon()) : " |" : ""));
        }
        int seeds = rows.stream().mapToInt(row -> row.loss().seeds()).max().orElse(0);
        text.append(seeds < 2 ? "\nOf one seed" : "\nMean ± standard deviation over " + seeds + " seeds")
                .append("; loss below alone is the mean difference to the members alone, seed by seed; bytes up are of"
                        + " one member in one round; seconds are of all rounds of one seed"
                        + (anyPrivate ? "; ε is of the member that spent most.\n" : ".\n"));
        if (!kinds.isEmpty()) {
            text.append("\nHeld-out loss by label:\n\n| | ")
                    .append(String.join(" | ", kinds))
                    .append(" |\n|---|")
                    .append("---|".repeat(kinds.size()))
                    .append('\n');
            for (Row row : rows) {
                text.append("| ").append(row.name());
                row.kinds().forEach(kind -> text.append(" | ").append(kind.text()));
                text.append(" |\n");
            }
        }
        return text.toString();
    }

    /// As CSV.
    String csv(List<String> kinds) {
        StringBuilder csv = new StringBuilder("name,seeds,loss_mean,loss_deviation,accuracy_mean,accuracy_deviation,"
                + "below_alone_mean,below_alone_deviation,bytes_up,seconds,epsilon");
        kinds.forEach(kind -> csv.append(",")
                .append(Results.cell("loss_mean " + kind))
                .append(",")
                .append(Results.cell("loss_deviation " + kind)));
        csv.append('\n');
        for (Row row : rows) {
            csv.append(Results.cell(row.name()))
                    .append(',')
                    .append(row.loss().seeds())
                    .append(',')
                    .append(row.loss().cells())
                    .append(',')
                    .append(row.accuracy().cells())
                    .append(',')
                    .append(row.gain().cells())
                    .append(',')
                    .append(row.bytesUp())
                    .append(',')
                    .append(row.seconds())
                    .append(',')
                    .append(row.epsilon());
            row.kinds().forEach(kind -> csv.append(',').append(kind.cells()));
            csv.append('\n');
        }
        return csv.toString();
    }
}

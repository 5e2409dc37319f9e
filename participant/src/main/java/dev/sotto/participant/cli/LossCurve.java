package dev.sotto.participant.cli;

import dev.sotto.training.chart.Chart;
import dev.sotto.training.djl.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The losses of a training in its folder: `loss.csv`, written as it goes, and `loss.svg` at the end. A training
/// that is taken up again goes on in the same file.
final class LossCurve {
    private static final String HEADING = "step,loss,gradient_norm,tokens";

    private final Path file;
    private final List<String> lines = new ArrayList<>();

    /// Over the lines that an earlier run left, if there are any.
    LossCurve(Path folder) throws IOException {
        Files.createDirectories(folder);
        this.file = folder.resolve("loss.csv");
        if (Files.exists(file)) {
            Files.readAllLines(file).stream()
                    .skip(1)
                    .filter(line -> line.matches("\\d+,[^,]+,[^,]+,\\d+"))
                    .forEach(lines::add);
        }
    }

    /// A step was made; what an earlier run wrote from this step on is dropped.
    ///
    /// @param number over all rounds, from 1
    void step(long number, Trainer.Step step) throws IOException {
        boolean follows = lines.isEmpty() ? number == 1 : number(lines.getLast()) == number - 1;
        if (!follows) {
            lines.removeIf(line -> number(line) >= number);
        }
        String line =
                String.format(Locale.ROOT, "%d,%.6f,%.6f,%d", number, step.loss(), step.gradientNorm(), step.tokens());
        lines.add(line);
        if (follows && lines.size() > 1) {
            Files.writeString(file, line + "\n", StandardOpenOption.APPEND);
        } else {
            Files.writeString(file, HEADING + "\n" + String.join("\n", lines) + "\n");
        }
    }

    private static long number(String line) {
        return Long.parseLong(line.substring(0, line.indexOf(',')));
    }

    /// Draws the curve.
    ///
    /// @return the picture
    Path draw() throws IOException {
        List<Chart.Point> points = lines.stream()
                .map(line -> line.split(",", -1))
                .map(cells -> new Chart.Point(Double.parseDouble(cells[0]), Double.parseDouble(cells[1])))
                .toList();
        Path picture = file.resolveSibling("loss.svg");
        Files.writeString(
                picture,
                Chart.of(
                                "Training",
                                "loss of a step's batch",
                                "step",
                                List.of(new Chart.Line("loss", 0, false, points)))
                        .svg());
        return picture;
    }
}

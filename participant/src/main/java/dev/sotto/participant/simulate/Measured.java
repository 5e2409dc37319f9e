package dev.sotto.participant.simulate;

import dev.sotto.training.djl.Evaluation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// What is known of a run after a round.
///
/// @param round     from 1; 0 for the start
/// @param loss      of training, over the local steps of the cohort, weighted as its updates are; NaN at the start
/// @param cohort    how many members took part
/// @param bytesUp   of vectors, of all of them
/// @param bytesDown likewise
/// @param seconds   that the round took, without its evaluation
/// @param epsilon   ε of the member that has spent most so far; 0 without privacy
/// @param evaluations on all held-out examples, then on those of each label, in their order; nothing, if none was
///   made
record Measured(
        int round,
        double loss,
        int cohort,
        long bytesUp,
        long bytesDown,
        double seconds,
        double epsilon,
        List<Evaluation> evaluations) {
    /// On all held-out examples, if it was made.
    Optional<Evaluation> evaluation() {
        return evaluations.stream().findFirst();
    }

    /// On those of each label.
    List<Evaluation> kinds() {
        return evaluations.stream().skip(1).toList();
    }

    /// A line that [#of] reads back to the last bit.
    String line() {
        List<String> cells = new ArrayList<>(List.of(
                String.valueOf(round),
                String.valueOf(loss),
                String.valueOf(cohort),
                String.valueOf(bytesUp),
                String.valueOf(bytesDown),
                String.valueOf(seconds),
                String.valueOf(epsilon)));
        evaluations.forEach(evaluation -> cells.addAll(cells(evaluation)));
        return String.join(",", cells);
    }

    private static List<String> cells(Evaluation evaluation) {
        return List.of(
                String.valueOf(evaluation.loss()),
                String.valueOf(evaluation.accuracy()),
                String.valueOf(evaluation.examples()));
    }

    /// From [#line].
    ///
    /// @throws IllegalArgumentException if it is none
    static Measured of(String line) {
        String[] cells = line.split(",", -1);
        if (cells.length < 7 || cells.length % 3 != 1) {
            throw new IllegalArgumentException("'" + line + "' has " + cells.length + " cells");
        }
        List<Evaluation> evaluations = new ArrayList<>();
        for (int at = 7; at < cells.length; at += 3) {
            evaluations.add(new Evaluation(
                    Double.parseDouble(cells[at]), Double.parseDouble(cells[at + 1]), Integer.parseInt(cells[at + 2])));
        }
        return new Measured(
                Integer.parseInt(cells[0]),
                Double.parseDouble(cells[1]),
                Integer.parseInt(cells[2]),
                Long.parseLong(cells[3]),
                Long.parseLong(cells[4]),
                Double.parseDouble(cells[5]),
                Double.parseDouble(cells[6]),
                List.copyOf(evaluations));
    }
}

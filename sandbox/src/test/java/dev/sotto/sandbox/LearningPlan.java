package dev.sotto.sandbox;

import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.DemoPlan;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/// Of a federation that learns something: four organisations whose losses fall in a few rounds.
final class LearningPlan {
    private LearningPlan() {}

    /// Of the whole adapter, of generated data, all taking part.
    static DemoPlan of(Path output, int rounds, int steps, String algorithm) {
        return of(output, rounds, OptionalInt.empty(), steps, algorithm, List.of(), DemoPlan.Learning.ALPACA);
    }

    /// As [DemoPlan] has them.
    static DemoPlan of(
            Path output,
            int rounds,
            OptionalInt cohort,
            int steps,
            String algorithm,
            List<Path> data,
            DemoPlan.Learning learning) {
        return new DemoPlan(
                DemoPlan.names(4),
                rounds,
                cohort,
                steps,
                algorithm,
                7,
                Artefacts.ofThisBuild().demoBase(),
                data,
                output,
                8,
                192,
                0.003,
                learning);
    }
}

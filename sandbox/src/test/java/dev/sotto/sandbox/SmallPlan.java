package dev.sotto.sandbox;

import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.DemoPlan;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;

/// Of a federation whose learning does not matter: few organisations, generated data, two short steps a round.
final class SmallPlan {
    private SmallPlan() {}

    static DemoPlan of(Path output, int rounds, String algorithm) {
        return of(output, rounds, algorithm, 4);
    }

    static DemoPlan of(Path output, int rounds, String algorithm, int organisations) {
        return new DemoPlan(
                DemoPlan.names(organisations),
                rounds,
                OptionalInt.empty(),
                2,
                algorithm,
                7,
                Artefacts.ofThisBuild().demoBase(),
                List.of(),
                output,
                4,
                128,
                0.003,
                DemoPlan.Learning.ALPACA);
    }
}

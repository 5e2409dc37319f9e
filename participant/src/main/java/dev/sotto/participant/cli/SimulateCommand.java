package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.simulate.Comparison;
import dev.sotto.participant.simulate.Comparison.Row;
import dev.sotto.participant.simulate.Comparison.Spread;
import dev.sotto.participant.simulate.Experiment;
import dev.sotto.participant.simulate.Simulator;
import dev.sotto.training.djl.Model;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto simulate`: an experiment in one process.
@Command(
        name = "simulate",
        description = "Run an experiment: many members in one process, several algorithms and baselines, several seeds;"
                + " with the algorithms, the encoding and, if asked, the masks of a federation, and no network. It"
                + " protects nobody, since one process holds everything. An experiment that was killed goes on from"
                + " its last round when the same command is given again. examples/simulate explains the file.",
        mixinStandardHelpOptions = true)
final class SimulateCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE", description = "The experiment, .yaml; paths in it are relative to its folder.")
    Path file = Path.of("");

    @Option(names = "--dry-run", description = "Read files and data, say what would be done, and end.")
    boolean dryRun;

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter said = format.json() ? spec.commandLine().getErr() : out;
        Experiment experiment = Experiment.read(file);
        Simulator simulator = new Simulator(experiment);
        simulator.plan().forEach(said::println);
        said.flush();
        if (dryRun) {
            return 0;
        }
        Comparison comparison;
        long began = System.nanoTime();
        try (Model model = simulator.model()) {
            comparison = simulator.run(model, (line, share, made) -> {
                Duration left = Duration.ofNanos((long) ((System.nanoTime() - began) / made * (1 - share)));
                said.println(String.format(
                        Locale.ROOT,
                        "%3.0f %%  %s  %d:%02d:%02d left",
                        100 * share,
                        line,
                        left.toHours(),
                        left.toMinutesPart(),
                        left.toSecondsPart()));
                said.flush();
            });
        }
        if (format.json()) {
            out.println(json(comparison, experiment.output()));
        } else {
            out.println();
            out.println(Files.readString(experiment.output().resolve("comparison.md")));
            out.println("metrics.csv, comparison.csv, curves.svg and adapters in " + experiment.output());
        }
        return 0;
    }

    private static ObjectNode json(Comparison comparison, Path output) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        ArrayNode rows = json.putArray("rows");
        for (Row row : comparison.rows()) {
            ObjectNode one = rows.addObject().put("name", row.name());
            put(one, "loss", row.loss());
            put(one, "accuracy", row.accuracy());
            put(one, "belowAlone", row.gain());
        }
        return json.put("output", output.toString());
    }

    private static void put(ObjectNode row, String name, Spread spread) {
        if (spread.seeds() > 0) {
            ObjectNode own = row.putObject(name).put("mean", spread.mean()).put("seeds", spread.seeds());
            if (spread.seeds() > 1) {
                own.put("deviation", spread.deviation());
            }
        }
    }
}

package dev.sotto.participant.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.participant.home.Failed;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.djl.Model;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.privacy.RenyiCurve;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Whole experiments, on the small random reference model.
class SimulatorTest {
    private static final Path BASE = Path.of("../training/src/test/resources/llama/base");
    private static final Model MODEL = model();

    @TempDir
    private Path folder = Path.of("");

    private static Model model() {
        try {
            return Model.load(BASE);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    @AfterAll
    static void close() {
        MODEL.close();
    }

    private Experiment experiment(String output, String more) throws Exception {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < 36; i++) {
            lines.append("{\"question\": \"q")
                    .append(i)
                    .append("\", \"answer\": \"a")
                    .append("\\nb".repeat(i % 3))
                    .append("\"}\n");
        }
        Files.writeString(folder.resolve("data.jsonl"), lines.toString());
        return Experiment.read(Files.writeString(
                folder.resolve(output + ".yaml"), """
                base: %s
                output: %s
                data: { files: data.jsonl, label: answer-lines, heldOut: 6 }
                rounds: 3
                local: { steps: 2, batchSize: 4, learningRate: 1e-2
                %s
                """.formatted(BASE.toAbsolutePath(), output, more)));
    }

    private static final String SCAFFOLD = """
            , optimiser: kept }
            partition: { kind: dirichlet, members: 6, alpha: 0.5, least: 2 }
            cohort: 2
            objective: { maxTokens: 192, template: vicuna }
            algorithms: [scaffold, fedadam]
            baselines: { base: true, alone: 1, pooled: true }
            evaluateEvery: 2
            seeds: [1]
            """;

    private static Comparison run(Experiment experiment) throws Exception {
        return new Simulator(experiment).run(MODEL, (line, share, made) -> {});
    }

    /// Every adapter, and the metrics without their times.
    private List<String> bits(String output) throws IOException {
        try (Stream<Path> all = Files.walk(folder.resolve(output))) {
            List<String> adapters = all.filter(file -> file.endsWith("adapter_model.safetensors"))
                    .sorted()
                    .map(file -> hash(folder.resolve(output), file))
                    .toList();
            List<String> metrics = Files.readAllLines(folder.resolve(output).resolve("metrics.csv")).stream()
                    .map(line -> line.replaceFirst("^((?:[^,]*,){9})[^,]*", "$1"))
                    .toList();
            return Stream.concat(adapters.stream(), metrics.stream()).toList();
        }
    }

    private static String hash(Path root, Path file) {
        try {
            return root.relativize(file) + " " + Enc.sha256(Bytes.of(Files.readAllBytes(file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    /// SCAFFOLD's controls, the adaptive state, kept moments and the metrics all have to come back.
    @Test
    void killedAfterEveryRound_endsWithTheBitsOfOneThatWasNot() throws Exception {
        run(experiment("whole", SCAFFOLD));
        Experiment killed = experiment("killed", SCAFFOLD);
        int lives = 0;
        boolean over = false;
        while (!over) {
            try {
                new Simulator(killed).run(MODEL, (line, share, made) -> {
                    throw new Killed();
                });
                over = true;
            } catch (Killed e) {
                lives++;
            }
        }
        assertThat(lives).isEqualTo(4 * 3);
        assertThat(bits("killed")).isEqualTo(bits("whole")).hasSize(4 + 1 + 4 * 4);
    }

    @Test
    void anotherSeed_givesOtherBits_andTheComparisonIsOverBoth() throws Exception {
        Comparison comparison = run(experiment("seeds", SCAFFOLD.replace("[1]", "[1, 2]")));
        List<String> bits = bits("seeds").stream()
                .limit(8)
                .map(line -> line.substring(line.indexOf(' ')))
                .toList();
        assertThat(bits).doesNotHaveDuplicates();
        assertThat(comparison.rows())
                .extracting(Comparison.Row::name)
                .containsExactly(
                        "base", "alone, mean", "alone, best", "scaffold", "fedadam", "pooled", "alone-member-01");
        assertThat(comparison.rows()).allSatisfy(row -> {
            assertThat(row.loss().seeds()).isEqualTo(2);
            assertThat(row.kinds()).hasSize(3);
        });
        assertThat(folder.resolve("seeds/curves.svg")).content().contains("Held-out loss", "scaffold", "alone, mean");
        assertThat(folder.resolve("seeds/partition.csv")).content().contains("1,member-01,0");
    }

    @Test
    void otherSettings_refuseTheStateOfAnExperiment_otherAlgorithmsDoNot() throws Exception {
        run(experiment("one", SCAFFOLD));
        Experiment more = experiment("one", SCAFFOLD.replace("fedadam]", "fedadam, fedavg]"));
        assertThat(new Simulator(more).plan()).anyMatch(line -> line.contains("of which 18 are done"));
        Experiment other = experiment("one", SCAFFOLD.replace("0.5", "0.6"));
        assertThatThrownBy(() -> run(other))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("state.safetensors")
                .hasMessageContaining("is of another experiment");
    }

    @Test
    void cohortThatCannotBe_isNamed() throws Exception {
        Experiment masked = experiment("masked", SCAFFOLD + "encoding: { kind: masked }\n");
        assertThatThrownBy(() -> new Simulator(masked))
                .isInstanceOf(Failed.class)
                .hasMessageContaining("cohort is 2 of 6 members, must be 3 to 6 with this encoding");
    }

    @Test
    void everyMode_isTrained_andItsAdapterIsInPeftsFormat() throws Exception {
        Comparison comparison = run(experiment(
                "modes",
                SCAFFOLD.replace("kept", "fresh")
                        .replace(
                                "[scaffold, fedadam]",
                                "{ ffa: { rule: fedavg, mode: ffa }, rolora: { rule: fedavg, mode: rolora },"
                                        + " fed-sb: { rule: fedavg, mode: fed-sb } }")));
        double base = comparison.rows().getFirst().loss().mean();
        for (String mode : List.of("ffa", "rolora", "fed-sb")) {
            assertThat(comparison.rows())
                    .filteredOn(row -> row.name().equals(mode))
                    .singleElement()
                    .satisfies(row -> assertThat(row.loss().mean()).isLessThan(base));
            assertThat(PeftFiles.read(folder.resolve("modes/seed-1/" + mode + "/adapter"), MODEL.config())
                            .vector())
                    .hasSize(experiment("modes", SCAFFOLD).lora().size(MODEL.config()));
        }
    }

    private static final String PRIVATE = """
            }
            partition: { kind: sizes, members: 3, alpha: 2, least: 5 }
            cohort: 2
            objective: { maxTokens: 192 }
            algorithms:
              fedavg: {}
              noisy: { rule: fedavg, privacy: { clipNorm: 1, noiseMultiplier: 2, delta: 1e-3 } }
            """;

    /// Noise is drawn by the seed; ε is that of the member that took part most often, or has the fewest examples.
    @Test
    void privacy_saysItsEpsilon_andGivesTheSameBitsAgain() throws Exception {
        Experiment experiment = experiment("private", PRIVATE);
        Comparison comparison = run(experiment);
        List<Comparison.Row> rows = comparison.rows();
        assertThat(rows.getFirst().epsilon()).isZero();
        Map<String, Integer> examples = new TreeMap<>();
        Files.readAllLines(folder.resolve("private/partition.csv")).stream()
                .skip(1)
                .map(line -> line.split(","))
                .forEach(cells -> examples.merge(cells[1], Integer.parseInt(cells[3]), Integer::sum));
        int fewest = Collections.min(examples.values());
        double once = RenyiCurve.of(DpSgd.step(4, 30, 2), 2L).epsilon(1e-3);
        double always = RenyiCurve.of(DpSgd.step(4, fewest, 2), 3L * 2).epsilon(1e-3);
        assertThat(rows.getLast().epsilon()).isBetween(once, always);
        assertThat(Files.readString(folder.resolve("private/comparison.md"))).contains("| seconds | ε |");
        assertThat(rows.getLast().loss().mean())
                .isNotEqualTo(rows.getFirst().loss().mean());
        run(experiment("again", PRIVATE));
        assertThat(bits("again")).isEqualTo(bits("private"));
    }

    @Test
    void preferences_areTrainedToo() throws Exception {
        Files.writeString(
                folder.resolve("pairs.jsonl"),
                "{\"prompt\": \"p\", \"chosen\": \"good\", \"rejected\": \"bad\"}\n".repeat(20));
        Files.writeString(folder.resolve("mapping.yaml"), "kind: preference\n");
        Comparison comparison = run(
                Experiment.read(Files.writeString(folder.resolve("dpo.yaml"), """
                base: %s
                output: dpo
                data: { files: pairs.jsonl, dataset: mapping.yaml, heldOut: 5 }
                partition: { kind: iid, members: 3 }
                rounds: 2
                local: { steps: 2, batchSize: 4, learningRate: 1e-2 }
                objective: { kind: dpo, maxTokens: 192 }
                baselines: { base: true }
                """.formatted(BASE.toAbsolutePath()))));
        assertThat(comparison.rows().getFirst().loss().mean()).isCloseTo(Math.log(2), within(1e-6));
        assertThat(comparison.rows().getLast().accuracy().mean()).isEqualTo(1);
    }
}

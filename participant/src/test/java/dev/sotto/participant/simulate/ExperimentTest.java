package dev.sotto.participant.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.algorithms.ServerRule;
import dev.sotto.participant.simulate.Aggregation.Encoding;
import dev.sotto.participant.simulate.Experiment.Label;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.recipe.Recipe;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ExperimentTest {
    private static final String LEAST = """
            base: base
            output: out
            data: { files: a.jsonl, heldOut: 10 }
            partition: { kind: iid, members: 20 }
            """;

    @TempDir
    private Path folder = Path.of("");

    private Experiment read(String text) throws Exception {
        return Experiment.read(Files.writeString(folder.resolve("federation.yaml"), text));
    }

    @Test
    void whatIsLeftOut_isAsOpenFedLlmHasIt() throws Exception {
        Experiment experiment = read(LEAST);
        assertThat(experiment.base()).isEqualTo(folder.resolve("base").toAbsolutePath());
        assertThat(experiment.partition()).isEqualTo(new Partition.Iid(20));
        assertThat(experiment.cohort()).isZero();
        assertThat(experiment.local().keepMoments()).isFalse();
        assertThat(experiment.local().rate(0, 10)).isEqualTo(5e-5);
        assertThat(experiment.local().rate(9, 10)).isLessThan(4e-6);
        assertThat(experiment.encoding()).isEqualTo(new Encoding.Fixed(24));
        assertThat(experiment.algorithms())
                .containsExactly(new Experiment.Algorithm(
                        "fedavg", ServerRule.openFedLlm(ServerOptimizer.FEDAVG), 0, LoraMode.LORA, Optional.empty()));
        assertThat(experiment.seeds()).containsExactly(1L);
    }

    @Test
    void everySetting_isRead() throws Exception {
        Experiment experiment = read("""
                base: base
                output: out
                data: { files: [a.jsonl, b.csv], dataset: hh-rlhf, skipBadLines: true, most: 50, label: "field:a.b",
                        evaluation: c.jsonl }
                partition: { kind: dirichlet, members: 20, alpha: 0.3, least: 4 }
                cohort: 2
                rounds: 7
                local: { steps: 3, batchSize: 8, microBatchSize: 2, learningRate: 1e-3, schedule: constant,
                         weightDecay: 0.1, clipNorm: 0, optimiser: kept }
                objective: { kind: dpo, beta: 0.2, maxTokens: 100, maxPromptTokens: 40, template: vicuna }
                lora: { mode: ffa, rank: 4, alpha: 8, targetModules: [q_proj] }
                encoding: { kind: masked, ringBits: 32 }
                algorithms:
                  fedprox: { mu: 0.5 }
                  mine: { rule: fedadam, mode: fed-sb, variant: classic, eta: 0.1, tau: 0.2, beta1: 0.3, beta2: 0.4 }
                baselines: { alone: all, pooled: true }
                evaluateEvery: 3
                seeds: [4, 5]
                execution: { device: cpu, threads: 2, compute: BF16, holdBase: NF4, checkpointing: true }
                """);
        assertThat(experiment.data().label()).isInstanceOf(Label.InField.class);
        assertThat(experiment.partition()).isEqualTo(new Partition.Dirichlet(20, 0.3));
        assertThat(experiment.local().rate(6, 7)).isEqualTo(1e-3);
        assertThat(experiment.local().keepMoments()).isTrue();
        assertThat(experiment.recipe()).isEqualTo(new Recipe.DirectPreference(0.2, 100, 40));
        assertThat(experiment.encoding()).isEqualTo(new Encoding.Masked(32));
        assertThat(experiment.algorithms())
                .extracting(Experiment.Algorithm::name, Experiment.Algorithm::mu, Experiment.Algorithm::mode)
                .containsExactly(tuple("fedprox", 0.5, LoraMode.FFA), tuple("mine", 0.0, LoraMode.FED_SB));
        assertThat(experiment.algorithms().get(1).rule())
                .isEqualTo(new ServerRule(ServerOptimizer.FEDADAM, ServerRule.Variant.CLASSIC, 0.1, 0.2, 0.3, 0.4));
        assertThat(experiment.baselines()).isEqualTo(new Experiment.Baselines(false, Experiment.Baselines.ALL, true));
        assertThat(experiment.seeds()).containsExactly(4L, 5L);
        assertThat(experiment.threads()).contains(2);
    }

    @Test
    void whatIsWrong_isNamedWithFileKeyAndWhatIsAllowed() {
        for (List<String> wrong : List.of(
                List.of("rounds: 0", "rounds is 0, must be a whole number from 1"),
                List.of("round: 3", "round is not known, allowed here are [algorithms, base, "),
                List.of("local: { learningRate: fast }", "local"),
                List.of("local: { optimizer: fresh }", "optimizer is not known"),
                List.of("encoding: { kind: none }", "kind is 'none', must be one of [exact, fixed, masked]"),
                List.of("encoding: { ringBits: 20 }", "ringBits is 20, must be 16, 24 or 32"),
                List.of("algorithms: { fedavg: { eta: 1 } }", "algorithms.fedavg.eta is not known"),
                List.of("algorithms: { pooled: { rule: fedavg } }", "not pooled or alone-"),
                List.of("algorithms: [fedavg, fedavg]", "must be different names"),
                List.of("objective: { kind: dpo }", "the data set holds conversations, not preferences"),
                List.of("algorithms: { scaffold: { mode: rolora } }", "rolora does not go with scaffold"),
                List.of("local: { optimiser: kept }\nlora: { mode: rolora }", "must be fresh with mode rolora"),
                List.of(
                        "algorithms: { fedavg: { privacy: { clipNorm: 1, noiseMultiplier: 0, delta: 1e-5 } } }",
                        "algorithms.fedavg.privacy.noiseMultiplier is 0, must be a number from 0.01 to 1000"),
                List.of(
                        "local: { optimiser: kept }\nalgorithms: { fedavg: { privacy:"
                                + " { clipNorm: 1, noiseMultiplier: 1, delta: 1e-5 } } }",
                        "must be fresh where an algorithm has privacy"),
                List.of("seeds: [1, 1]", "must be different numbers"),
                List.of("seeds: [-1]", "must be whole numbers from 0"),
                List.of("lora: { targetModules: [x] }", "must be names that end in some of [down_proj"))) {
            assertThatThrownBy(() -> read(LEAST + wrong.getFirst()))
                    .as(wrong.getFirst())
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining("federation.yaml")
                    .hasMessageContaining(wrong.getLast());
        }
        assertThatThrownBy(() -> read(LEAST.replace("iid", "natural")))
                .hasMessageContaining("partition.kind is 'natural', must be iid or sizes where data.label is missing");
        assertThatThrownBy(() -> read(LEAST.replace(", heldOut: 10", "")))
                .hasMessageContaining("data.heldOut is missing");
        assertThatThrownBy(() -> read(LEAST.replace("heldOut", "label: colour, heldOut")))
                .hasMessageContaining(
                        "data.label is 'colour', must be source, answer-lines, answer-length or field:NAME");
    }
}

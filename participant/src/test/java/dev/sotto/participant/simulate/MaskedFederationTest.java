package dev.sotto.participant.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.algorithms.ServerRule;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MaskedFederationTest {
    private static final List<String> ORGANISATIONS = List.of("bank", "clinic", "ministry");
    private static final VectorLayout LAYOUT =
            new VectorLayout("adapter", true, List.of(new TensorLayout("a", List.of(50, 4), 0)));

    private static MaskedFederation simulation(ServerOptimizer optimizer) {
        return new MaskedFederation(
                ORGANISATIONS,
                ServerRule.openFedLlm(optimizer),
                LAYOUT,
                Aggregation.first(ServerRule.openFedLlm(optimizer), new float[200]),
                0,
                3,
                new TrainingPlan(
                        optimizer.wireName(),
                        "sft",
                        "alpaca",
                        "lora",
                        8,
                        16,
                        List.of("q_proj"),
                        10,
                        8,
                        64,
                        1e-3,
                        0,
                        1,
                        0,
                        0,
                        1e-3),
                24,
                Randomness.secure());
    }

    /// The secure federation follows the plain one, in every algorithm.
    @Test
    void rounds_everyAlgorithm_followThePlaintextWithinTheBound() {
        for (ServerOptimizer optimizer : ServerOptimizer.values()) {
            MaskedFederation simulation = simulation(optimizer);
            float[] plain = new float[200];
            float[][] state = optimizer.initialState(200);
            for (int round = 0; round < 3; round++) {
                double[] mean = new double[200];
                float[][] deltas = new float[3][200];
                SplittableRandom random = new SplittableRandom(round);
                for (int k = 0; k < 3; k++) {
                    for (int i = 0; i < 200; i++) {
                        deltas[k][i] = (float) random.nextDouble(-0.001, 0.001);
                        mean[i] += deltas[k][i] / 3.0;
                    }
                }
                double[] control = new double[200];
                for (int i = 0; i < 200; i++) {
                    control[i] = 3 * mean[i];
                }
                optimizer.step(plain, List.of(mean, control), state, round, 3);
                MaskedFederation.Round made = simulation.round((organisation, version, number) -> {
                    float[] delta = deltas[ORGANISATIONS.indexOf(organisation)];
                    return new MaskedFederation.LocalTraining.Learned(
                            Map.of("adapter", delta, "control", delta), 1.5, 64);
                });
                assertThat(made.maxError()).isLessThanOrEqualTo(made.errorBound() * (1 + 1e-9));
                assertThat(made.meanLoss()).isCloseTo(1.5, within(1e-6));
                assertThat(made.version().version()).isEqualTo(round + 1L);
            }
            // Rounding to the ring moves a near-zero mean by up to the bound, which adaptive rules magnify by η/τ.
            for (int i = 0; i < 200; i++) {
                assertThat((double) simulation.version().adapter()[i]).isCloseTo(plain[i], within(1e-5));
                if (optimizer.hasControl()) {
                    float[] c = simulation.version().optimiser().getFirst();
                    assertThat((double) c[i]).isCloseTo(state[0][i], within(1e-5));
                }
            }
        }
    }

    @Test
    void rounds_organisationsOfDifferentSize_areWeightedByClass() {
        MaskedFederation simulation = simulation(ServerOptimizer.FEDAVG);
        Map<String, Long> examples = Map.of("bank", 100L, "clinic", 400L, "ministry", 1000L);
        simulation.round((organisation, adapter, round) -> {
            float[] delta = new float[200];
            delta[0] = organisation.equals("clinic") ? 0.001f : 0;
            return new MaskedFederation.LocalTraining.Learned(
                    Map.of("adapter", delta), 1, examples.getOrDefault(organisation, 1L));
        });
        // Classes 128, 512, 1024.
        assertThat((double) simulation.version().adapter()[0])
                .isCloseTo(0.001 * 512 / (128 + 512 + 1024), within(1e-7));
    }
}

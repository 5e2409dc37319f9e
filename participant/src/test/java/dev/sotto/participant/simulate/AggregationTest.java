package dev.sotto.participant.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.algorithms.ServerRule;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.participant.simulate.Aggregation.Contribution;
import dev.sotto.participant.simulate.Aggregation.Encoding;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class AggregationTest {
    private static final int SIZE = 200;
    private static final VectorLayout LAYOUT =
            new VectorLayout("adapter", true, List.of(new TensorLayout("a", List.of(50, 4), 0)));

    private static Aggregation aggregation(Encoding encoding, ServerOptimizer optimizer) {
        TrainingPlan plan = new TrainingPlan(
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
                1e-3);
        return new Aggregation(encoding, ServerRule.openFedLlm(optimizer), LAYOUT, plan, 5);
    }

    /// Members whose numbers of examples are powers of two, so that classes are exact.
    private static SortedMap<String, Contribution> updates(long round) {
        SortedMap<String, Contribution> updates = new TreeMap<>();
        SplittableRandom random = new SplittableRandom(round);
        for (int k = 0; k < 3; k++) {
            float[] delta = new float[SIZE];
            float[] control = new float[SIZE];
            for (int i = 0; i < SIZE; i++) {
                delta[i] = (float) random.nextDouble(-0.001, 0.001);
                control[i] = (float) random.nextDouble(-0.1, 0.1);
            }
            updates.put("member-" + k, new Contribution(Map.of("adapter", delta, "control", control), 1 + k, 64L << k));
        }
        return updates;
    }

    private static ModelVersion rounds(Encoding encoding, ServerOptimizer optimizer) throws Exception {
        Aggregation aggregation = aggregation(encoding, optimizer);
        ModelVersion version = Aggregation.first(aggregation.rule(), new float[SIZE]);
        for (int round = 0; round < 3; round++) {
            version = aggregation
                    .close(version, updates(round), Draws.randomness("test", round))
                    .version();
        }
        return version;
    }

    @Test
    void everyEncoding_everyAlgorithm_givesTheSameModelUpToRounding() throws Exception {
        for (ServerOptimizer optimizer : ServerOptimizer.values()) {
            ModelVersion exact = rounds(new Encoding.Exact(), optimizer);
            boolean masked = optimizer == ServerOptimizer.SCAFFOLD || optimizer == ServerOptimizer.FEDYOGI;
            for (Encoding encoding :
                    List.of(new Encoding.Fixed(24), masked ? new Encoding.Masked(24) : new Encoding.Fixed(32))) {
                ModelVersion other = rounds(encoding, optimizer);
                assertThat(other.version()).isEqualTo(3);
                assertThat(other.optimiser()).hasSize(optimizer.stateVectors());
                for (int i = 0; i < SIZE; i++) {
                    assertThat((double) other.adapter()[i])
                            .as(optimizer + " " + encoding)
                            .isCloseTo(exact.adapter()[i], within(1e-5));
                }
                if (optimizer.hasControl()) {
                    assertThat((double) other.optimiser().getFirst()[7])
                            .isCloseTo(exact.optimiser().getFirst()[7], within(1e-5));
                }
            }
        }
    }

    /// 1·64, 2·128 and 3·256 of 448.
    @Test
    void exact_meanLossIsWeightedByExamples() throws Exception {
        Aggregation aggregation = aggregation(new Encoding.Exact(), ServerOptimizer.FEDAVG);
        Aggregation.Closed closed = aggregation.close(
                Aggregation.first(aggregation.rule(), new float[SIZE]), updates(0), Draws.randomness("test"));
        assertThat(closed.meanLoss()).isCloseTo((64 + 256 + 768) / 448.0, within(1e-12));
        assertThat(closed.bytesUp()).isEqualTo(3L * 4 * SIZE);
    }

    @Test
    void sameRandomness_givesTheSameBits_withMasksToo() throws Exception {
        for (Encoding encoding : List.of(new Encoding.Fixed(16), new Encoding.Masked(32))) {
            assertThat(rounds(encoding, ServerOptimizer.FEDAVGM).adapter())
                    .isEqualTo(rounds(encoding, ServerOptimizer.FEDAVGM).adapter());
        }
    }

    @Test
    void fixed_manyMembers_areAddedUp() throws Exception {
        SortedMap<String, Contribution> many = new TreeMap<>();
        for (int k = 0; k < 200; k++) {
            float[] delta = new float[SIZE];
            delta[3] = k % 2 == 0 ? 0.001f : 0.003f;
            many.put("member-" + (1000 + k), new Contribution(Map.of("adapter", delta), 1, 64));
        }
        Aggregation aggregation = aggregation(new Encoding.Fixed(24), ServerOptimizer.FEDAVG);
        ModelVersion next = aggregation
                .close(Aggregation.first(aggregation.rule(), new float[SIZE]), many, Draws.randomness("test"))
                .version();
        assertThat((double) next.adapter()[3]).isCloseTo(0.002, within(1e-5));
    }
}

package dev.sotto.participant.simulate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PartitionTest {
    /// 400 examples of 4 labels in turn.
    private static final List<String> LABELS =
            IntStream.range(0, 400).mapToObj(i -> "label " + i % 4).toList();

    private static List<List<Integer>> deal(Partition partition, long seed) {
        return partition.deal(LABELS, 1, new SplittableRandom(seed));
    }

    /// What share of a label the member has that has most of it, averaged over labels.
    private static double skew(List<List<Integer>> parts) {
        return IntStream.range(0, 4)
                        .mapToLong(label -> parts.stream()
                                .mapToLong(part -> part.stream()
                                        .filter(i -> i % 4 == label)
                                        .count())
                                .max()
                                .orElse(0))
                        .sum()
                / 400.0;
    }

    @Test
    void everyPartition_dealsEveryExampleOnce_andTheSameForTheSameSeed() {
        for (Partition partition : List.of(
                new Partition.Iid(7),
                new Partition.Dirichlet(7, 0.3),
                new Partition.Sizes(7, 0.5),
                new Partition.Natural())) {
            List<List<Integer>> parts = deal(partition, 5);
            assertThat(parts.stream().flatMap(List::stream).sorted().toList())
                    .isEqualTo(IntStream.range(0, 400).boxed().toList());
            assertThat(deal(partition, 5)).isEqualTo(parts);
            assertThat(deal(partition, 6)).isNotEqualTo(parts);
        }
    }

    @Test
    void iid_sizesDifferByAtMostOne() {
        assertThat(deal(new Partition.Iid(7), 1))
                .allSatisfy(part -> assertThat(part.size()).isBetween(57, 58));
    }

    @Test
    void natural_oneMemberForEachLabel() {
        List<List<Integer>> parts = deal(new Partition.Natural(), 1);
        assertThat(parts).hasSize(4);
        for (int label = 0; label < 4; label++) {
            int own = label;
            assertThat(parts.get(label)).hasSize(100).allMatch(i -> i % 4 == own);
        }
    }

    @Test
    void dirichlet_smallAlphaSeparatesLabels_largeAlphaMixesThem() {
        assertThat(skew(deal(new Partition.Dirichlet(4, 0.05), 3))).isGreaterThan(0.7);
        assertThat(skew(deal(new Partition.Dirichlet(4, 1000), 3))).isLessThan(0.32);
    }

    @Test
    void sizes_smallAlphaIsUnequal_largeAlphaIsNot() {
        assertThat(deal(new Partition.Sizes(5, 0.3), 3).stream()
                        .mapToInt(List::size)
                        .max()
                        .orElse(0))
                .isGreaterThan(150);
        assertThat(deal(new Partition.Sizes(5, 1e5), 3))
                .allSatisfy(part -> assertThat(part.size()).isBetween(75, 85));
    }

    @Test
    void tooFewExamples_areNamed() {
        assertThatThrownBy(() -> new Partition.Dirichlet(300, 0.1).deal(LABELS, 2, new SplittableRandom(1)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("drawn 1000 times")
                .hasMessageContaining("must be at least 2");
        assertThatThrownBy(() -> new Partition.Iid(401).deal(LABELS, 1, new SplittableRandom(1)))
                .hasMessageContaining("leaves a member with 0 examples");
    }

    /// A share of a symmetric Dirichlet distribution has mean 1/n and variance (1/n)(1 − 1/n)/(nα + 1).
    @Test
    void dirichletShares_haveTheDistributionsMeanAndVariance() {
        for (double alpha : new double[] {0.2, 1, 5}) {
            SplittableRandom random = new SplittableRandom(1);
            List<Double> shares = new ArrayList<>();
            for (int i = 0; i < 20_000; i++) {
                shares.add(Partition.Gamma.dirichlet(4, alpha, random)[1]);
            }
            double mean = shares.stream().mapToDouble(share -> share).average().orElse(0);
            double variance = shares.stream()
                    .mapToDouble(share -> (share - mean) * (share - mean))
                    .average()
                    .orElse(0);
            assertThat(mean).isCloseTo(0.25, within(0.01));
            assertThat(variance).isCloseTo(0.25 * 0.75 / (4 * alpha + 1), within(0.005));
        }
    }

    /// With such an α every variate but one is 0 as a double.
    @Test
    void dirichletShares_ofATinyAlpha_areNumbersThatSumToOne() {
        double[] shares = Partition.Gamma.dirichlet(10, 1e-4, new SplittableRandom(1));
        assertThat(IntStream.range(0, 10).mapToDouble(k -> shares[k]).sum()).isCloseTo(1, within(1e-12));
    }
}

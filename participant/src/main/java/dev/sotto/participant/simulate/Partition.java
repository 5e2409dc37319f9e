package dev.sotto.participant.simulate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Supplier;

/// How examples are dealt to members.
sealed interface Partition {
    /// So often a draw is made anew that leaves a member with too few examples.
    int DRAWS = 1000;

    /// Deals examples.
    ///
    /// @param labels of the examples, by their number
    /// @param least  examples of a member, at least 1
    /// @return the numbers of each member's examples, in an order that `random` decides
    /// @throws IllegalArgumentException if that cannot be done, naming the numbers
    List<List<Integer>> deal(List<String> labels, int least, SplittableRandom random);

    /// Everybody the same number, whatever the labels.
    ///
    /// @param members at least 1
    record Iid(int members) implements Partition {
        @Override
        public List<List<Integer>> deal(List<String> labels, int least, SplittableRandom random) {
            double[] equal = new double[members];
            Arrays.fill(equal, 1.0 / members);
            return enough(cut(shuffled(labels.size(), random), equal), least, "iid");
        }
    }

    /// Of each label the members have shares that are drawn from a Dirichlet distribution (Yurochkin et al.,
    /// 2019; "distribution-based label imbalance" of Li et al., 2022): few labels each if α is small, the same
    /// mixture for all if it is large.
    ///
    /// @param members at least 1
    /// @param alpha   α, more than 0
    record Dirichlet(int members, double alpha) implements Partition {
        @Override
        public List<List<Integer>> deal(List<String> labels, int least, SplittableRandom random) {
            SortedMap<String, List<Integer>> byLabel = byLabel(labels, random);
            return drawn(least, "dirichlet with alpha " + alpha, () -> {
                List<List<Integer>> members = empty(this.members);
                for (List<Integer> own : byLabel.values()) {
                    List<List<Integer>> parts = cut(own, Gamma.dirichlet(this.members, alpha, random));
                    for (int k = 0; k < parts.size(); k++) {
                        members.get(k).addAll(parts.get(k));
                    }
                }
                return members;
            });
        }
    }

    /// Whatever the labels, numbers of examples whose shares are drawn from a Dirichlet distribution
    /// ("quantity skew" of Li et al., 2022).
    ///
    /// @param members at least 1
    /// @param alpha   α, more than 0: the smaller, the more unequal
    record Sizes(int members, double alpha) implements Partition {
        @Override
        public List<List<Integer>> deal(List<String> labels, int least, SplittableRandom random) {
            List<Integer> all = shuffled(labels.size(), random);
            return drawn(least, "sizes with alpha " + alpha, () -> cut(all, Gamma.dirichlet(members, alpha, random)));
        }
    }

    /// A member for each label, in their order.
    record Natural() implements Partition {
        @Override
        public List<List<Integer>> deal(List<String> labels, int least, SplittableRandom random) {
            return enough(List.copyOf(byLabel(labels, random).values()), least, "natural");
        }
    }

    private static List<Integer> shuffled(int size, SplittableRandom random) {
        List<Integer> all = new ArrayList<>();
        for (int i = 0; i < size; i++) {
            all.add(i);
        }
        for (int i = size - 1; i > 0; i--) {
            Collections.swap(all, i, random.nextInt(i + 1));
        }
        return all;
    }

    private static SortedMap<String, List<Integer>> byLabel(List<String> labels, SplittableRandom random) {
        SortedMap<String, List<Integer>> byLabel = new TreeMap<>();
        for (int i : shuffled(labels.size(), random)) {
            byLabel.computeIfAbsent(labels.get(i), _ -> new ArrayList<>()).add(i);
        }
        return byLabel;
    }

    private static List<List<Integer>> empty(int members) {
        List<List<Integer>> empty = new ArrayList<>();
        for (int k = 0; k < members; k++) {
            empty.add(new ArrayList<>());
        }
        return empty;
    }

    /// A list in pieces of these shares, which sum to 1.
    private static List<List<Integer>> cut(List<Integer> all, double[] shares) {
        List<List<Integer>> parts = new ArrayList<>();
        double sum = 0;
        int from = 0;
        for (int k = 0; k < shares.length; k++) {
            sum += shares[k];
            int to = k == shares.length - 1 ? all.size() : Math.clamp(Math.round(sum * all.size()), from, all.size());
            parts.add(new ArrayList<>(all.subList(from, to)));
            from = to;
        }
        return parts;
    }

    private static List<List<Integer>> enough(List<List<Integer>> parts, int least, String how) {
        int smallest = parts.stream().mapToInt(List::size).min().orElse(0);
        if (smallest < least) {
            throw new IllegalArgumentException(
                    how + " leaves a member with " + smallest + " examples, must be at least " + least
                            + ": have fewer members, more examples or a smaller least");
        }
        return parts;
    }

    private static List<List<Integer>> drawn(int least, String how, Supplier<List<List<Integer>>> draw) {
        List<List<Integer>> parts = List.of();
        for (int i = 0; i < DRAWS; i++) {
            parts = draw.get();
            if (parts.stream().allMatch(part -> part.size() >= least)) {
                return parts;
            }
        }
        return enough(parts, least, how + ", drawn " + DRAWS + " times,");
    }

    /// Of what Dirichlet distributions are made.
    final class Gamma {
        private Gamma() {}

        /// Shares that sum to 1. Logarithms all the way: with a small α most of the variates are less than a
        /// double can be.
        static double[] dirichlet(int size, double alpha, SplittableRandom random) {
            double[] shares = new double[size];
            double most = Double.NEGATIVE_INFINITY;
            for (int k = 0; k < size; k++) {
                shares[k] = logarithm(alpha, random);
                most = Math.max(most, shares[k]);
            }
            double sum = 0;
            for (int k = 0; k < size; k++) {
                shares[k] = StrictMath.exp(shares[k] - most);
                sum += shares[k];
            }
            for (int k = 0; k < size; k++) {
                shares[k] /= sum;
            }
            return shares;
        }

        /// The logarithm of a Gamma(α, 1) variate (Marsaglia and Tsang, 2000; for α < 1 that of α + 1 times
        /// U^(1/α)).
        private static double logarithm(double alpha, SplittableRandom random) {
            if (alpha < 1) {
                return logarithm(alpha + 1, random) + StrictMath.log(1 - random.nextDouble()) / alpha;
            }
            double d = alpha - 1.0 / 3;
            double c = 1 / StrictMath.sqrt(9 * d);
            while (true) {
                double x = random.nextGaussian();
                double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
                if (v > 0
                        && StrictMath.log(1 - random.nextDouble()) < 0.5 * x * x + d - d * v + d * StrictMath.log(v)) {
                    return StrictMath.log(d * v);
                }
            }
        }
    }
}

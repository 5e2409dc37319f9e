package dev.sotto.participant.simulate;

import dev.sotto.algorithms.ServerRule;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;

/// From the updates of a round to the next version of the model: the server's side of an experiment, in the
/// three ways in which updates can be added up.
///
/// @param adapter the vector's tensors; their ranges do not matter
/// @param plan    of round 0: until a round has closed, its steps and learning rate fix the ranges
/// @param members N of SCAFFOLD: the cohort and those that sit out
record Aggregation(Encoding encoding, ServerRule rule, VectorLayout adapter, TrainingPlan plan, int members) {
    /// How updates are added up.
    sealed interface Encoding {
        /// As they are, in binary64, weighted by the number of examples.
        record Exact() implements Encoding {}

        /// In the fixed point of protocol §4, with weights in classes, and without masks: what a federation
        /// computes, at the cost of an addition.
        record Fixed(int ringBits) implements Encoding {}

        /// By the machines, masks and recomputations of a federation: the same, at their cost.
        record Masked(int ringBits) implements Encoding {}
    }

    /// What a member sends.
    ///
    /// @param vectors  as [LocalUpdate] has them
    /// @param meanLoss over its steps
    /// @param examples that it holds
    record Contribution(Map<String, float[]> vectors, double meanLoss, long examples) {
        float[] vector(String name) {
            return Objects.requireNonNull(vectors.get(name));
        }
    }

    /// A closed round.
    ///
    /// @param version  that it made
    /// @param meanLoss weighted as the updates are
    /// @param bytesUp  what all members sent of vectors: as words of the ring, or 4 bytes a coordinate
    record Closed(ModelVersion version, double meanLoss, long bytesUp) {}

    /// Version 0.
    static ModelVersion first(ServerRule rule, float[] adapter) {
        List<float[]> state = List.of(rule.initialState(adapter.length));
        return new ModelVersion(0, without(adapter.length, state), adapter, state);
    }

    /// Closes a round.
    ///
    /// @param before     the version that it started from
    /// @param updates    by member; every coordinate is finite
    /// @param randomness rounds, and makes masks; not used if exact
    /// @throws AggregateOutOfRange if the sum cannot be one of honest members
    Closed close(ModelVersion before, SortedMap<String, Contribution> updates, Randomness randomness)
            throws AggregateOutOfRange {
        return switch (encoding) {
            case Encoding.Exact() -> exact(before, updates);
            case Encoding.Fixed(int bits) -> fixed(before, updates, Ring.of(bits), randomness);
            case Encoding.Masked(int bits) -> masked(before, updates, bits, randomness);
        };
    }

    private Closed exact(ModelVersion before, SortedMap<String, Contribution> updates) {
        int size = before.adapter().length;
        double[] mean = new double[size];
        double[] control = new double[rule.optimizer().hasControl() ? size : 0];
        double total = 0;
        double loss = 0;
        for (Contribution update : updates.values()) {
            double weight = rule.weighted() ? update.examples() : 1;
            total += weight;
            loss += weight * update.meanLoss();
            add(mean, update.vector(LocalUpdate.ADAPTER), weight);
            if (rule.optimizer().hasControl()) {
                add(control, update.vector(NextLayout.CONTROL), 1);
            }
        }
        for (int i = 0; i < size; i++) {
            mean[i] /= total;
        }
        ModelHeader header = without(size, before.optimiser());
        long vectors = rule.optimizer().hasControl() ? 2 : 1;
        return new Closed(
                stepped(before, List.of(mean, control), header), loss / total, updates.size() * vectors * 4L * size);
    }

    private static void add(double[] sum, float[] vector, double weight) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += weight * vector[i];
        }
    }

    private Closed fixed(ModelVersion before, SortedMap<String, Contribution> updates, Ring ring, Randomness randomness)
            throws AggregateOutOfRange {
        List<VectorLayout> layout = layout(before.header());
        List<byte[][]> sums = new ArrayList<>();
        long weight = 0;
        long clipped = 0;
        double loss = 0;
        for (VectorLayout vector : layout) {
            FixedPoint codec = new FixedPoint(ring, vector, updates.size(), MaskedFederation.WEIGHT_CAP);
            byte[][] sum = new byte[ring.chunks(vector.size())][];
            for (int index = 0; index < sum.length; index++) {
                sum[index] = new byte[ring.chunkSize(vector.size(), index) * ring.wordBytes()];
            }
            for (Contribution update : updates.values()) {
                clipped += add(sum, update, vector, codec, ring, randomness);
            }
            sums.add(sum);
        }
        for (Contribution update : updates.values()) {
            int own = weight(update);
            weight += own;
            loss += own * update.meanLoss();
        }
        Totals totals = new Totals(updates.size(), weight, loss, clipped, 0, 0);
        List<double[]> decoded = new ArrayList<>();
        List<ModelHeader.Tensor> tensors = new ArrayList<>();
        for (int v = 0; v < layout.size(); v++) {
            VectorLayout vector = layout.get(v);
            FixedPoint codec = new FixedPoint(ring, vector, updates.size(), MaskedFederation.WEIGHT_CAP);
            decoded.add(decoded(sums.get(v), vector, codec, totals));
            tensors.addAll(squares(sums.get(v), vector, codec));
        }
        ModelHeader.Made made = new ModelHeader.Made(
                before.version(),
                ring.bits(),
                FixedPoint.quotient(ring, updates.size()),
                MaskedFederation.WEIGHT_CAP,
                totals,
                tensors);
        ModelHeader header = new ModelHeader(Optional.of(made), before.header().coordinates());
        long words = layout.stream().mapToLong(VectorLayout::size).sum();
        return new Closed(
                stepped(before, decoded, header), totals.meanLoss(), updates.size() * words * ring.wordBytes());
    }

    private static int weight(Contribution update) {
        return Weighting.CLASSES.weight(update.examples(), MaskedFederation.WEIGHT_CAP);
    }

    /// Every vector but the scalars.
    private List<VectorLayout> layout(ModelHeader header) {
        List<VectorLayout> all = NextLayout.of(
                new VectorLayout(adapter.name(), rule.weighted(), adapter.tensors()),
                rule.optimizer().hasControl(),
                header,
                plan.steps(),
                plan.learningRate(),
                Weighting.CLASSES,
                0);
        return all.subList(0, all.size() - 1);
    }

    /// Adds a member's vector to the chunks of the sum.
    ///
    /// @return how many of its coordinates were clipped
    private static long add(
            byte[][] sum,
            Contribution update,
            VectorLayout vector,
            FixedPoint codec,
            Ring ring,
            Randomness randomness) {
        long clipped = 0;
        try (Secret key = randomness.secret(Rounding.KEY);
                Rounding rounding = new Rounding(key, 0)) {
            for (int index = 0; index < sum.length; index++) {
                byte[] packed = new byte[sum[index].length];
                clipped += codec.encode(update.vector(vector.name()), index, weight(update), rounding, packed);
                ring.add(sum[index], packed, packed.length);
            }
        }
        return clipped;
    }

    private static double[] decoded(byte[][] sum, VectorLayout vector, FixedPoint codec, Totals totals)
            throws AggregateOutOfRange {
        double[] decoded = new double[Math.toIntExact(vector.size())];
        int at = 0;
        for (int index = 0; index < sum.length; index++) {
            double[] part = vector.name().equals(NextLayout.CONTROL)
                    ? codec.sum(sum[index], index, totals)
                    : codec.mean(sum[index], index, totals);
            System.arraycopy(part, 0, decoded, at, part.length);
            at += part.length;
        }
        return decoded;
    }

    private static List<ModelHeader.Tensor> squares(byte[][] sum, VectorLayout vector, FixedPoint codec) {
        List<BigInteger> squares =
                new ArrayList<>(Collections.nCopies(vector.tensors().size(), BigInteger.ZERO));
        for (int index = 0; index < sum.length; index++) {
            codec.addSquares(sum[index], index, squares);
        }
        List<ModelHeader.Tensor> tensors = new ArrayList<>();
        for (int i = 0; i < squares.size(); i++) {
            TensorLayout tensor = vector.tensors().get(i);
            tensors.add(new ModelHeader.Tensor(vector.name(), tensor.name(), tensor.rangeExponent(), squares.get(i)));
        }
        return tensors;
    }

    private Closed masked(
            ModelVersion before, SortedMap<String, Contribution> updates, int bits, Randomness randomness) {
        MaskedFederation federation = new MaskedFederation(
                List.copyOf(updates.keySet()),
                rule,
                adapter,
                before,
                before.version(),
                members,
                plan,
                bits,
                randomness);
        MaskedFederation.Round made = federation.round((member, version, round) -> {
            Contribution update = Objects.requireNonNull(updates.get(member));
            return new MaskedFederation.LocalTraining.Learned(update.vectors(), update.meanLoss(), update.examples());
        });
        return new Closed(made.version(), made.meanLoss(), made.bytesUp());
    }

    private ModelVersion stepped(ModelVersion before, List<double[]> decoded, ModelHeader header) {
        float[] adapterAfter = before.adapter().clone();
        List<float[]> state = before.optimiser().stream().map(float[]::clone).toList();
        rule.step(adapterAfter, decoded, state.toArray(new float[0][]), before.version(), members);
        return new ModelVersion(before.version() + 1, header, adapterAfter, state);
    }

    private static ModelHeader without(int size, List<float[]> optimiser) {
        return new ModelHeader(Optional.empty(), (long) size * (1 + optimiser.size()));
    }

    /// What the members of a cohort fetch for a round: adapter and optimiser, in binary32.
    static long bytesDown(ModelVersion version) {
        return version.chunks().stream().mapToLong(Bytes::size).sum();
    }
}

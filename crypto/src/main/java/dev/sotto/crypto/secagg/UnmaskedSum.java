package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.Digests;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelPart;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// The sum of the survivors' encoded updates, in plain: all that anyone learns of a round. Of a sample of its chunks
/// when a member recomputes only those.
public final class UnmaskedSum {
    /// The server's step: element-wise, in place, on the whole vectors or on the same slice of each.
    @FunctionalInterface
    public interface ServerStep {
        /// One step.
        ///
        /// @param adapter   w, changed
        /// @param decoded   each vector of the layout but `scalars`: the mean, of `control` the sum
        /// @param optimiser the server's own vectors, changed
        /// @param round     from 0
        void step(float[] adapter, List<double[]> decoded, float[][] optimiser, long round);
    }

    private final Survivors survivors;
    private final RoundOpened opened;
    private final Map<String, SortedMap<Integer, byte[]>> chunks;

    UnmaskedSum(Survivors survivors, Map<String, SortedMap<Integer, byte[]>> chunks) {
        this.survivors = survivors;
        this.opened = survivors.routed().roster().opened().message();
        this.chunks = chunks;
    }

    /// Its digest (protocol §10); of a whole sum only.
    public Bytes digest() {
        List<Bytes> hashes = new ArrayList<>();
        for (VectorLayout vector : opened.layout()) {
            chunks(vector).forEach((index, chunk) -> hashes.add(Enc.sha256(chunk, 0, chunk.length)));
        }
        return Digests.aggregate(survivors.t3(), hashes);
    }

    /// Weight, loss and counts.
    ///
    /// @throws AggregateOutOfRange if no honest members can have made it
    public Totals totals() throws AggregateOutOfRange {
        return totals(survivors, scalars().orElseThrow());
    }

    /// Weight, loss and counts of a sum whose scalars are not here.
    ///
    /// @param scalars as [#scalars] gives them
    /// @throws AggregateOutOfRange if no honest members can have made it
    public static Totals totals(Survivors survivors, Bytes scalars) throws AggregateOutOfRange {
        RoundOpened opened = survivors.routed().roster().opened().message();
        return Scalars.decode(
                scalars.toArray(),
                Weighting.of(opened.weighting()),
                survivors.ids().size(),
                opened.weightCap(),
                Rows.of(opened.plan()),
                opened.layout().getFirst().weighted());
    }

    /// The decoded mean of a vector, of `control` the sum; of a whole sum only.
    ///
    /// @throws AggregateOutOfRange if a coordinate is one that no honest members can have made
    public double[] decoded(VectorLayout vector) throws AggregateOutOfRange {
        Totals totals = totals();
        double[] decoded = new double[Math.toIntExact(vector.size())];
        int at = 0;
        for (int index : chunks(vector).keySet()) {
            double[] part = decoded(vector, index, totals);
            System.arraycopy(part, 0, decoded, at, part.length);
            at += part.length;
        }
        return decoded;
    }

    private double[] decoded(VectorLayout vector, int index, Totals totals) throws AggregateOutOfRange {
        byte[] packed = Objects.requireNonNull(chunks(vector).get(index));
        return vector.name().equals(NextLayout.CONTROL)
                ? codec(vector).sum(packed, index, totals)
                : codec(vector).mean(packed, index, totals);
    }

    /// The next version: the server's step on `before`, and the header that fixes the next ranges. Of a whole sum
    /// only.
    ///
    /// @throws AggregateOutOfRange if the sum cannot be one of honest members
    public ModelVersion next(ModelVersion before, ServerStep step) throws AggregateOutOfRange {
        float[] stepped = before.adapter().clone();
        List<float[]> optimiser =
                before.optimiser().stream().map(float[]::clone).toList();
        List<double[]> decoded = new ArrayList<>();
        for (VectorLayout vector : trained()) {
            decoded.add(decoded(vector));
        }
        step.step(stepped, decoded, optimiser.toArray(new float[0][]), opened.round());
        ModelHeader header =
                new ModelHeader(Optional.of(made(totals())), before.header().coordinates());
        return new ModelVersion(before.version() + 1, header, stepped, optimiser);
    }

    /// Whether `next` is what the server's step makes of `before`, as far as this sample of chunks shows: its
    /// coordinates bit for bit, the totals, and every S to which it can only add.
    ///
    /// @throws AggregateOutOfRange if the sum cannot be one of honest members
    public boolean agrees(ModelVersion before, ModelVersion next, ServerStep step) throws AggregateOutOfRange {
        ModelHeader.Made here = made(totals());
        if (next.header().made().isEmpty() || !isPart(here, next.header().made().get())) {
            return false;
        }
        VectorLayout adapter = opened.layout().getFirst();
        Ring ring = Parameters.ring(opened, adapter);
        for (int index : chunks(adapter).keySet()) {
            int from = index * ring.chunkCoordinates();
            int to = from + ring.chunkSize(adapter.size(), index);
            ModelPart made = next(part(before, from, to), index, here.totals(), step);
            ModelPart said = part(next, from, to);
            if (!Arrays.equals(made.adapter(), said.adapter())
                    || !Arrays.deepEquals(
                            made.optimiser().toArray(), said.optimiser().toArray())) {
                return false;
            }
        }
        return true;
    }

    private static ModelPart part(ModelVersion version, int from, int to) {
        return new ModelPart(
                from,
                Arrays.copyOfRange(version.adapter(), from, to),
                version.optimiser().stream()
                        .map(vector -> Arrays.copyOfRange(vector, from, to))
                        .toList());
    }

    /// The server's step on the coordinates of the adapter's chunk `index`: what [#next(ModelVersion, ServerStep)]
    /// makes of them, bit for bit. For that every vector's chunk of this index must be here.
    ///
    /// @param before these coordinates of the version that the round starts from; not changed
    /// @param totals of the whole sum
    /// @throws AggregateOutOfRange if a coordinate is one that no honest members can have made
    public ModelPart next(ModelPart before, int index, Totals totals, ServerStep step) throws AggregateOutOfRange {
        float[] stepped = before.adapter().clone();
        List<float[]> optimiser =
                before.optimiser().stream().map(float[]::clone).toList();
        List<double[]> decoded = new ArrayList<>();
        for (VectorLayout vector : trained()) {
            decoded.add(decoded(vector, index, totals));
        }
        step.step(stepped, decoded, optimiser.toArray(new float[0][]), opened.round());
        return new ModelPart(before.from(), stepped, optimiser);
    }

    /// What the chunks that are here add to the whole.
    ///
    /// @param model hashes of the next version's plain chunks that were made of them, by index
    public SumPart part(SortedMap<Integer, Bytes> model) {
        SortedMap<String, SortedMap<Integer, Bytes>> hashes = new TreeMap<>();
        chunks.forEach((vector, some) -> {
            SortedMap<Integer, Bytes> byIndex = new TreeMap<>();
            some.forEach((index, chunk) -> byIndex.put(index, Enc.sha256(chunk, 0, chunk.length)));
            hashes.put(vector, byIndex);
        });
        return new SumPart(hashes, squares(), model);
    }

    /// The sum of the scalars, packed, if it is here.
    public Optional<Bytes> scalars() {
        return Optional.ofNullable(chunks(opened.layout().getLast()).get(0)).map(Bytes::of);
    }

    private static boolean isPart(ModelHeader.Made part, ModelHeader.Made whole) {
        if (part.round() != whole.round()
                || part.ringBits() != whole.ringBits()
                || part.quotient() != whole.quotient()
                || part.weightCap() != whole.weightCap()
                || !part.totals().equals(whole.totals())
                || part.tensors().size() != whole.tensors().size()) {
            return false;
        }
        for (int i = 0; i < part.tensors().size(); i++) {
            ModelHeader.Tensor one = part.tensors().get(i);
            ModelHeader.Tensor other = whole.tensors().get(i);
            if (!one.vector().equals(other.vector())
                    || !one.name().equals(other.name())
                    || one.rangeExponent() != other.rangeExponent()
                    || one.squares().compareTo(other.squares()) > 0) {
                return false;
            }
        }
        return true;
    }

    /// What the chunks that are here say of the round.
    private ModelHeader.Made made(Totals totals) {
        return made(opened, totals, squares());
    }

    /// What a round's header says.
    ///
    /// @param squares S of every tensor of all vectors but the scalars, in layout order
    static ModelHeader.Made made(RoundOpened opened, Totals totals, List<BigInteger> squares) {
        List<ModelHeader.Tensor> tensors = new ArrayList<>();
        for (VectorLayout vector : trained(opened)) {
            for (TensorLayout tensor : vector.tensors()) {
                tensors.add(new ModelHeader.Tensor(
                        vector.name(), tensor.name(), tensor.rangeExponent(), squares.get(tensors.size())));
            }
        }
        return new ModelHeader.Made(
                opened.round(),
                opened.ringBits(),
                codec(opened, opened.layout().getFirst()).quotient(),
                opened.weightCap(),
                totals,
                tensors);
    }

    private List<BigInteger> squares() {
        List<BigInteger> all = new ArrayList<>();
        for (VectorLayout vector : trained()) {
            FixedPoint codec = codec(vector);
            List<BigInteger> squares =
                    new ArrayList<>(Collections.nCopies(vector.tensors().size(), BigInteger.ZERO));
            chunks(vector).forEach((index, packed) -> codec.addSquares(packed, index, squares));
            all.addAll(squares);
        }
        return all;
    }

    /// Every vector but the scalars.
    private List<VectorLayout> trained() {
        return trained(opened);
    }

    private static List<VectorLayout> trained(RoundOpened opened) {
        return opened.layout().subList(0, opened.layout().size() - 1);
    }

    private FixedPoint codec(VectorLayout vector) {
        return codec(opened, vector);
    }

    private static FixedPoint codec(RoundOpened opened, VectorLayout vector) {
        return new FixedPoint(
                Parameters.ring(opened, vector), vector, opened.cohort().size(), opened.weightCap());
    }

    private SortedMap<Integer, byte[]> chunks(VectorLayout vector) {
        return Objects.requireNonNull(chunks.get(vector.name()));
    }
}

package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.Digests;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/// The sum of the survivors' encoded updates, in plain: all that anyone learns of a round.
public final class UnmaskedSum {
    /// The server optimiser: element-wise on the adapter, in place.
    @FunctionalInterface
    public interface ServerStep {
        /// One step.
        ///
        /// @param adapter   w, changed
        /// @param mean      Δ
        /// @param optimiser the server's own vectors, changed
        /// @param round     from 0
        void step(float[] adapter, double[] mean, float[][] optimiser, long round);
    }

    private final Survivors survivors;
    private final RoundOpened opened;
    private final Map<String, List<byte[]>> chunks;

    UnmaskedSum(Survivors survivors, Map<String, List<byte[]>> chunks) {
        this.survivors = survivors;
        this.opened = survivors.routed().roster().opened().message();
        this.chunks = chunks;
    }

    /// Its digest (protocol §10).
    public Bytes digest() {
        List<Bytes> hashes = new ArrayList<>();
        for (VectorLayout vector : opened.layout()) {
            for (byte[] chunk : chunks(vector)) {
                hashes.add(Enc.sha256(chunk, 0, chunk.length));
            }
        }
        return Digests.aggregate(survivors.t3(), hashes);
    }

    /// Weight, loss and counts.
    ///
    /// @throws AggregateOutOfRange if no honest members can have made it
    public Totals totals() throws AggregateOutOfRange {
        byte[] scalars = Objects.requireNonNull(chunks.get(Scalars.NAME)).getFirst();
        return Scalars.decode(
                scalars, Weighting.of(opened.weighting()), survivors.ids().size(), opened.weightCap());
    }

    /// The decoded mean of a vector.
    ///
    /// @throws AggregateOutOfRange if a coordinate is one that no honest members can have made
    public double[] mean(VectorLayout vector) throws AggregateOutOfRange {
        FixedPoint codec = codec(vector);
        Totals totals = totals();
        double[] mean = new double[Math.toIntExact(vector.size())];
        int at = 0;
        for (int index = 0; index < chunks(vector).size(); index++) {
            double[] part = codec.mean(chunks(vector).get(index), index, totals);
            System.arraycopy(part, 0, mean, at, part.length);
            at += part.length;
        }
        return mean;
    }

    /// The next version: the server's step on `before`, and the header that fixes the next ranges.
    ///
    /// The vector `adapter` is stepped; SCAFFOLD's `control` is not supported yet.
    ///
    /// @throws AggregateOutOfRange if the sum cannot be one of honest members
    public ModelVersion next(ModelVersion before, ServerStep step) throws AggregateOutOfRange {
        Totals totals = totals();
        List<ModelHeader.Tensor> tensors = new ArrayList<>();
        for (VectorLayout vector : opened.layout()) {
            if (!vector.name().equals(Scalars.NAME)) {
                List<BigInteger> squares =
                        new ArrayList<>(Collections.nCopies(vector.tensors().size(), BigInteger.ZERO));
                for (int index = 0; index < chunks(vector).size(); index++) {
                    codec(vector).addSquares(chunks(vector).get(index), index, squares);
                }
                for (int i = 0; i < squares.size(); i++) {
                    TensorLayout tensor = vector.tensors().get(i);
                    tensors.add(new ModelHeader.Tensor(
                            vector.name(), tensor.name(), tensor.rangeExponent(), squares.get(i)));
                }
            }
        }
        VectorLayout adapter = opened.layout().getFirst();
        float[] stepped = before.adapter().clone();
        List<float[]> optimiser =
                before.optimiser().stream().map(float[]::clone).toList();
        step.step(stepped, mean(adapter), optimiser.toArray(new float[0][]), opened.round());
        ModelHeader header = new ModelHeader(
                Optional.of(new ModelHeader.Made(
                        opened.round(),
                        opened.ringBits(),
                        codec(adapter).quotient(),
                        opened.weightCap(),
                        totals,
                        tensors)),
                before.header().coordinates());
        return new ModelVersion(before.version() + 1, header, stepped, optimiser);
    }

    private FixedPoint codec(VectorLayout vector) {
        return new FixedPoint(
                Parameters.ring(opened, vector), vector, opened.cohort().size(), opened.weightCap());
    }

    private List<byte[]> chunks(VectorLayout vector) {
        return Objects.requireNonNull(chunks.get(vector.name()));
    }
}

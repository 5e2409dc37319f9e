package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelHeader.Made;
import dev.sotto.crypto.model.ModelHeader.Tensor;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// What a round makes of its sum, on two chunks and with a momentum: a sample sees exactly what lies in it, and
/// every number of the header (protocol §5, "Anyone in the federation may recompute").
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class UnmaskedSumTest {
    private static final int CHUNK = 262_144;
    private static final VectorLayout ADAPTER = new VectorLayout(
            "adapter",
            true,
            List.of(new TensorLayout("a", List.of(CHUNK - 5), -2), new TensorLayout("b", List.of(10), 1)));
    private static final int SIZE = CHUNK + 5;

    private static final UnmaskedSum.ServerStep MOMENTUM = (adapter, decoded, optimiser, round) -> {
        for (int i = 0; i < adapter.length; i++) {
            optimiser[0][i] = (float) (0.5 * optimiser[0][i] + decoded.getFirst()[i]);
            adapter[i] += optimiser[0][i];
        }
    };

    private final Federation federation = round();
    private final Unmasking unmasking = closed().unmasking().orElseThrow();
    private final UnmaskedSum first = sum(new Sample.Some(Set.of(0)));
    private final UnmaskedSum second = sum(new Sample.Some(Set.of(1)));

    private static Federation round() {
        Federation federation = new Federation(3, 8);
        federation.vectors = List.of(ADAPTER);
        float[] momentum = new float[SIZE];
        java.util.Arrays.fill(momentum, 0.25f);
        federation.version =
                new ModelVersion(0, new ModelHeader(Optional.empty(), 2L * SIZE), new float[SIZE], List.of(momentum));
        federation.step = MOMENTUM;
        federation.open(federation.next(0, Bytes.zeros(32)));
        federation.run();
        return federation;
    }

    private MemberOutput.Closed closed() {
        return federation.node(0).outputs.stream()
                .filter(MemberOutput.Closed.class::isInstance)
                .map(MemberOutput.Closed.class::cast)
                .findFirst()
                .orElseThrow();
    }

    private UnmaskedSum sum(Sample sample) {
        MaskedSum sum = new MaskedSum(unmasking.survivors().routed().roster().opened(), sample);
        for (Envelope envelope : federation.chunks()) {
            sum.add(envelope.sender(), (UpdateChunk) ClosedRound.parse(envelope));
        }
        java.util.TreeMap<String, dev.sotto.schemas.RevealedShares> revealed = new java.util.TreeMap<>();
        try {
            for (Envelope envelope : federation.inboxes) {
                if (envelope.type() == MessageType.SHARES_REVEALED) {
                    revealed.put(
                            envelope.sender(),
                            Unmasker.open(
                                    Federation.PRIMITIVES,
                                    federation.directory,
                                    unmasking,
                                    closed().roundSeed().orElseThrow(),
                                    envelope));
                }
            }
            try (Unmasker unmasker = Unmasker.rebuild(Federation.PRIMITIVES, unmasking, revealed)) {
                return sum.unmask(unmasking.survivors(), unmasker);
            }
        } catch (PeerMisbehaved e) {
            throw new AssertionError(e);
        }
    }

    private boolean agrees(UnmaskedSum sum, ModelVersion next) throws Exception {
        return sum.agrees(federation.before, next, MOMENTUM);
    }

    private ModelVersion flipped(boolean optimiser, int coordinate) {
        ModelVersion real = federation.version;
        float[] adapter = real.adapter().clone();
        float[] momentum = real.optimiser().getFirst().clone();
        float[] one = optimiser ? momentum : adapter;
        one[coordinate] = Math.nextUp(one[coordinate]);
        return new ModelVersion(1, real.header(), adapter, List.of(momentum));
    }

    @Test
    void next_wholeSum_isTheVersionThatWasClosed() throws Exception {
        UnmaskedSum sum = sum(new Sample.All());
        ModelVersion next = sum.next(federation.before, MOMENTUM);
        assertThat(next.version()).isOne();
        assertThat(next.header().coordinates()).isEqualTo(2L * SIZE);
        assertThat(next.digest(Federation.NAME)).isEqualTo(closed().message().modelDigest());
        assertThat(sum.digest()).isEqualTo(closed().message().aggregateDigest());
        Made made = next.header().made().orElseThrow();
        assertThat(made.round()).isZero();
        assertThat(made.ringBits()).isEqualTo(24);
        assertThat(made.quotient()).isEqualTo(((1 << 22) - 1) / 3);
        assertThat(made.weightCap()).isEqualTo(Federation.CAP);
        assertThat(made.totals()).isEqualTo(sum.totals());
        assertThat(made.tensors()).extracting(Tensor::name).containsExactly("a", "b");
        assertThat(made.tensors()).extracting(Tensor::rangeExponent).containsExactly(-2, 1);
        // The step did not touch what it started from.
        assertThat(federation.before.adapter()).containsOnly(0);
        assertThat(federation.before.optimiser().getFirst()).containsOnly(0.25f);
    }

    @Test
    void agrees_coordinateInTheSample_isSeenAndOthersAreNot() throws Exception {
        assertThat(agrees(first, federation.version)).isTrue();
        assertThat(agrees(second, federation.version)).isTrue();
        for (boolean optimiser : new boolean[] {false, true}) {
            for (int coordinate : new int[] {0, CHUNK - 1}) {
                assertThat(agrees(first, flipped(optimiser, coordinate))).isFalse();
                assertThat(agrees(second, flipped(optimiser, coordinate))).isTrue();
            }
            for (int coordinate : new int[] {CHUNK, SIZE - 1}) {
                assertThat(agrees(first, flipped(optimiser, coordinate))).isTrue();
                assertThat(agrees(second, flipped(optimiser, coordinate))).isFalse();
            }
        }
    }

    private boolean agrees(UnaryOperator<Made> lie) throws Exception {
        ModelVersion real = federation.version;
        Made said = lie.apply(real.header().made().orElseThrow());
        return agrees(
                second,
                new ModelVersion(1, new ModelHeader(Optional.of(said), 2L * SIZE), real.adapter(), real.optimiser()));
    }

    private boolean agreesOnTensors(UnaryOperator<List<Tensor>> lie) throws Exception {
        return agrees(m -> new Made(
                m.round(),
                m.ringBits(),
                m.quotient(),
                m.weightCap(),
                m.totals(),
                lie.apply(new ArrayList<>(m.tensors()))));
    }

    private boolean agreesOnTensor(int at, UnaryOperator<Tensor> lie) throws Exception {
        return agreesOnTensors(tensors -> {
            tensors.set(at, lie.apply(tensors.get(at)));
            return tensors;
        });
    }

    @Test
    void agrees_headerThatSaysAnythingElse_isSeen() throws Exception {
        assertThat(agrees(UnaryOperator.identity())).isTrue();
        assertThat(agrees(m -> new Made(1, m.ringBits(), m.quotient(), m.weightCap(), m.totals(), m.tensors())))
                .isFalse();
        assertThat(agrees(m -> new Made(0, 32, m.quotient(), m.weightCap(), m.totals(), m.tensors())))
                .isFalse();
        assertThat(agrees(m -> new Made(0, 24, m.quotient() + 1, m.weightCap(), m.totals(), m.tensors())))
                .isFalse();
        assertThat(agrees(m -> new Made(0, 24, m.quotient(), m.weightCap() - 1, m.totals(), m.tensors())))
                .isFalse();
        assertThat(agrees(m -> {
                    Totals t = m.totals();
                    Totals other = new Totals(t.survivors(), t.weight(), t.lossSum(), t.clipped() + 1, 0, 0);
                    return new Made(0, 24, m.quotient(), m.weightCap(), other, m.tensors());
                }))
                .isFalse();
        assertThat(agreesOnTensors(tensors -> tensors.subList(0, 1))).isFalse();
        ModelVersion real = federation.version;
        ModelVersion silent =
                new ModelVersion(1, new ModelHeader(Optional.empty(), 2L * SIZE), real.adapter(), real.optimiser());
        assertThat(agrees(second, silent)).isFalse();
    }

    /// A sample's sum of squares is a part of the whole one: the whole can be larger, never smaller.
    @Test
    void agrees_tensorThatSaysAnythingElse_isSeen() throws Exception {
        for (int at = 0; at < 2; at++) {
            assertThat(agreesOnTensor(at, t -> new Tensor("control", t.name(), t.rangeExponent(), t.squares())))
                    .isFalse();
            assertThat(agreesOnTensor(at, t -> new Tensor(t.vector(), "c", t.rangeExponent(), t.squares())))
                    .isFalse();
            assertThat(agreesOnTensor(at, t -> new Tensor(t.vector(), t.name(), 7, t.squares())))
                    .isFalse();
            assertThat(agreesOnTensor(
                            at,
                            t -> new Tensor(
                                    t.vector(),
                                    t.name(),
                                    t.rangeExponent(),
                                    t.squares().add(BigInteger.ONE))))
                    .isTrue();
        }
        // Of tensor a the second chunk holds nothing, of b the last five coordinates.
        assertThat(agreesOnTensor(0, t -> new Tensor(t.vector(), t.name(), t.rangeExponent(), BigInteger.ZERO)))
                .isTrue();
        assertThat(agreesOnTensor(1, t -> new Tensor(t.vector(), t.name(), t.rangeExponent(), BigInteger.ZERO)))
                .isFalse();
    }

    /// All of b lies in one sample of both chunks: its S is the whole one.
    @Test
    void agrees_squaresExactlyOrOneLess_isTheEdge() throws Exception {
        UnmaskedSum all = sum(new Sample.Some(Set.of(0, 1)));
        ModelVersion real = federation.version;
        Made made = real.header().made().orElseThrow();
        Tensor b = made.tensors().get(1);
        Made less = new Made(
                0,
                24,
                made.quotient(),
                made.weightCap(),
                made.totals(),
                List.of(
                        made.tensors().get(0),
                        new Tensor(
                                b.vector(),
                                b.name(),
                                b.rangeExponent(),
                                b.squares().subtract(BigInteger.ONE))));
        assertThat(agrees(all, real)).isTrue();
        assertThat(agrees(
                        all,
                        new ModelVersion(
                                1, new ModelHeader(Optional.of(less), 2L * SIZE), real.adapter(), real.optimiser())))
                .isFalse();
    }
}

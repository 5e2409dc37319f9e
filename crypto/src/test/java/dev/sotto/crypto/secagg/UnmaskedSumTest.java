package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelHeader.Made;
import dev.sotto.crypto.model.ModelHeader.Tensor;
import dev.sotto.crypto.model.ModelPart;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
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
    private static final int WEIGHT = 512;

    private static final UnmaskedSum.ServerStep MOMENTUM = (adapter, decoded, optimiser, round) -> {
        for (int i = 0; i < adapter.length; i++) {
            optimiser[0][i] = (float) (0.5 * optimiser[0][i] + decoded.getFirst()[i]);
            adapter[i] += optimiser[0][i];
        }
    };

    private final RoundOpened opened = opened();
    private final Survivors survivors = survivors(opened);
    private final float[] update = update();
    private final ModelVersion before = before();
    private final UnmaskedSum first = sum(new Sample.Some(Set.of(0)));
    private final UnmaskedSum second = sum(new Sample.Some(Set.of(1)));
    private final ModelVersion made = made();

    private static RoundOpened opened() {
        Federation federation = new Federation(3, 8);
        federation.vectors = List.of(ADAPTER);
        return federation.next(0, Bytes.zeros(32));
    }

    private static Survivors survivors(RoundOpened opened) {
        Roster roster = new Roster(new Opened(Federation.NAME, opened, Enc.hash("T0")), Enc.hash("T1"), List.of());
        return new Survivors(
                new Routed(roster, Enc.hash("T2"), new TreeMap<>(), new TreeMap<>()),
                Enc.hash("T3"),
                opened.cohort().stream()
                        .map(id -> new NamedHash(id, Bytes.zeros(32)))
                        .toList());
    }

    private static float[] update() {
        float[] update = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            update[i] = (i % 31 - 15) / 64f;
        }
        return update;
    }

    private static ModelVersion before() {
        float[] momentum = new float[SIZE];
        Arrays.fill(momentum, 0.25f);
        return new ModelVersion(0, new ModelHeader(Optional.empty(), 2L * SIZE), new float[SIZE], List.of(momentum));
    }

    /// Of three members with the same update and weight.
    private UnmaskedSum sum(Sample sample) {
        SortedMap<Integer, byte[]> adapter = new TreeMap<>();
        FixedPoint codec = new FixedPoint(Ring.K24, ADAPTER, 3, Federation.CAP);
        byte[] scalars = new byte[64];
        for (int member = 0; member < 3; member++) {
            byte[] key = new byte[Rounding.KEY];
            new SplittableRandom(member).nextBytes(key);
            Rounding rounding = new Rounding(Secret.take(key), 0);
            for (int index = 0; index < 2; index++) {
                byte[] packed = new byte[(index == 0 ? CHUNK : 5) * 3];
                codec.encode(update, index, WEIGHT, rounding, packed);
                if (sample.holds("adapter", index)) {
                    Ring.K24.add(adapter.computeIfAbsent(index, any -> new byte[packed.length]), packed, packed.length);
                }
            }
            Ring.K32.add(scalars, Scalars.encode(Weighting.CLASSES, WEIGHT, 2.5, 4, 0, 0), 64);
        }
        SortedMap<Integer, byte[]> totals = new TreeMap<>();
        if (sample.holds(Scalars.NAME, 0)) {
            totals.put(0, scalars);
        }
        return new UnmaskedSum(survivors, Map.of("adapter", adapter, "scalars", totals));
    }

    private ModelVersion made() {
        try {
            return sum(new Sample.All()).next(before, MOMENTUM);
        } catch (AggregateOutOfRange e) {
            throw new AssertionError(e);
        }
    }

    private boolean agrees(UnmaskedSum sum, ModelVersion next) throws Exception {
        return sum.agrees(before, next, MOMENTUM);
    }

    private ModelVersion flipped(boolean optimiser, int coordinate) {
        ModelVersion real = made;
        float[] adapter = real.adapter().clone();
        float[] momentum = real.optimiser().getFirst().clone();
        float[] one = optimiser ? momentum : adapter;
        one[coordinate] = Math.nextUp(one[coordinate]);
        return new ModelVersion(1, real.header(), adapter, List.of(momentum));
    }

    @Test
    void next_wholeSum_isTheStepOnTheMeanAndSaysWhatItSummed() throws Exception {
        UnmaskedSum sum = sum(new Sample.All());
        assertThat(sum.totals()).isEqualTo(new Totals(3, 3 * WEIGHT, 3 * WEIGHT * 2.5, 12, 0, 0));
        assertThat(made.version()).isOne();
        assertThat(made.header().coordinates()).isEqualTo(2L * SIZE);
        double[] mean = sum.decoded(ADAPTER);
        assertThat(mean).hasSize(SIZE);
        for (int i = 0; i < SIZE; i++) {
            double clipped = i < CHUNK - 5 ? Math.clamp(update[i], -0.25, 0.25) : update[i];
            assertThat(Math.abs(mean[i] - clipped)).isLessThan(1e-4);
            assertThat(made.optimiser().getFirst()[i]).isEqualTo((float) (0.5 * 0.25f + mean[i]));
            assertThat(made.adapter()[i]).isEqualTo(made.optimiser().getFirst()[i]);
        }
        Made said = made.header().made().orElseThrow();
        assertThat(said.round()).isZero();
        assertThat(said.ringBits()).isEqualTo(24);
        assertThat(said.quotient()).isEqualTo(((1 << 22) - 1) / 3);
        assertThat(said.weightCap()).isEqualTo(Federation.CAP);
        assertThat(said.totals()).isEqualTo(sum.totals());
        assertThat(said.tensors()).extracting(Tensor::name).containsExactly("a", "b");
        assertThat(said.tensors()).extracting(Tensor::rangeExponent).containsExactly(-2, 1);
        // The step did not touch what it started from.
        assertThat(before.adapter()).containsOnly(0);
        assertThat(before.optimiser().getFirst()).containsOnly(0.25f);
    }

    /// However many slots share the chunks, they make the same version and the same digests, bit for bit.
    @Test
    void slots_ofAnyNumber_makeTheWholeSumsVersion() throws Exception {
        UnmaskedSum whole = sum(new Sample.All());
        for (int slots = 1; slots <= 3; slots++) {
            List<SumPart> parts = new ArrayList<>();
            SortedMap<Integer, Bytes> plain = new TreeMap<>();
            Bytes scalars = sum(new Sample.Slot(0, slots)).scalars().orElseThrow();
            Totals totals = UnmaskedSum.totals(survivors, scalars);
            assertThat(totals).isEqualTo(whole.totals());
            for (int slot = 0; slot < slots; slot++) {
                UnmaskedSum sum = sum(new Sample.Slot(slot, slots));
                SortedMap<Integer, Bytes> model = new TreeMap<>();
                for (int index = slot; index < 2; index += slots) {
                    int from = index * CHUNK;
                    int to = Math.min(SIZE, from + CHUNK);
                    ModelPart start = ModelPart.of(SIZE, 2, from, to, chunks(before));
                    assertThat(ModelPart.indices(SIZE, 2, from, to))
                            .containsExactlyElementsOf(start.chunks(SIZE).keySet());
                    sum.next(start, index, totals, MOMENTUM).chunks(SIZE).forEach((at, chunk) -> {
                        plain.put(at, chunk);
                        model.put(at, Enc.sha256(chunk));
                    });
                    assertThat(start.adapter()).containsOnly(0);
                }
                SumPart part = sum.part(model);
                Bytes encoded = part.encode();
                assertThat(SumPart.parse(encoded)).isEqualTo(part);
                Bytes cut = encoded.slice(0, encoded.size() - 1);
                assertThatThrownBy(() -> SumPart.parse(cut)).isInstanceOf(MalformedMessage.class);
                parts.add(part);
            }
            SumPart.Whole all = SumPart.whole(survivors, totals, parts.reversed(), 1, 2);
            plain.put(0, all.header().encode());
            assertThat(all.header()).isEqualTo(made.header());
            assertThat(all.modelDigest()).isEqualTo(made.digest(Federation.NAME));
            assertThat(all.aggregateDigest()).isEqualTo(whole.digest());
            assertThat(plain).isEqualTo(chunks(made));
            List<SumPart> twice = new ArrayList<>(parts);
            twice.add(parts.getFirst());
            assertThatThrownBy(() -> SumPart.whole(survivors, totals, twice, 1, 2))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("twice");
            assertThatThrownBy(() -> SumPart.whole(survivors, totals, parts.subList(1, parts.size()), 1, 2))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("must have 0 to");
        }
    }

    private static SortedMap<Integer, Bytes> chunks(ModelVersion version) {
        SortedMap<Integer, Bytes> chunks = new TreeMap<>();
        version.chunks().forEach(chunk -> chunks.put(chunks.size(), chunk));
        return chunks;
    }

    /// H(enc("sotto/1/aggregate", T3, H(chunk), …)), in layout order.
    @Test
    void digest_ofTheWholeSum_isOverItsChunksInOrder() {
        UnmaskedSum other = sum(new Sample.Some(Set.of(0, 1)));
        assertThat(sum(new Sample.All()).digest()).isEqualTo(other.digest());
        assertThat(first.digest()).isNotEqualTo(second.digest()).isNotEqualTo(other.digest());
    }

    @Test
    void agrees_coordinateInTheSample_isSeenAndOthersAreNot() throws Exception {
        assertThat(agrees(first, made)).isTrue();
        assertThat(agrees(second, made)).isTrue();
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
        ModelVersion real = made;
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
        ModelVersion real = made;
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
        ModelVersion real = made;
        Made said = real.header().made().orElseThrow();
        Tensor b = said.tensors().get(1);
        Made less = new Made(
                0,
                24,
                said.quotient(),
                said.weightCap(),
                said.totals(),
                List.of(
                        said.tensors().get(0),
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

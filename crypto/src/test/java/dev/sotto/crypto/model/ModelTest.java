package dev.sotto.crypto.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelTest {
    private static final ModelHeader HEADER = new ModelHeader(
            Optional.of(new ModelHeader.Made(
                    4,
                    24,
                    99,
                    1024,
                    new Totals(3, 700, 12.5, 6, 0, 0),
                    List.of(new ModelHeader.Tensor("adapter", "a", -4, BigInteger.TEN.pow(30))))),
            140_000);

    private static ModelVersion version() {
        float[] adapter = new float[70_000];
        float[] momentum = new float[70_000];
        for (int i = 0; i < adapter.length; i++) {
            adapter[i] = i * 0.5f;
            momentum[i] = -i;
        }
        return new ModelVersion(5, HEADER, adapter, List.of(momentum));
    }

    @Test
    void version_throughItsChunks_isTheSame() throws Exception {
        List<Bytes> chunks = version().chunks();
        assertThat(chunks).hasSize(5);
        ModelVersion back = ModelVersion.of(5, chunks, 70_000);
        assertThat(back.header()).isEqualTo(HEADER);
        assertThat(back.adapter()).isEqualTo(version().adapter());
        assertThat(back.optimiser().getFirst()).isEqualTo(version().optimiser().getFirst());
        assertThat(back.digest("north")).isEqualTo(version().digest("north"));
        assertThat(back.digest("south")).isNotEqualTo(version().digest("north"));
    }

    @Test
    void header_withSumsOfRows_isReadBack_andOnlyInItsCanonicalForm() throws Exception {
        ModelHeader.Made made = HEADER.made().orElseThrow();
        ModelHeader rows = new ModelHeader(
                Optional.of(new ModelHeader.Made(
                        4, 24, 99, 1024, new Totals(3, 700, 12.5, 6, 0, 0, List.of(700L, 9L, 0L)), made.tensors())),
                140_000);
        assertThat(ModelHeader.parse(rows.encode())).isEqualTo(rows);
        // Q = 99, a mean weight of 700/3 of 1024.
        assertThat(made.steps())
                .isCloseTo(99 * 700 / (3 * 1024.0), within(1e-12))
                .isLessThan(ModelHeader.FEW_STEPS);
        byte[] other = HEADER.encode().toArray();
        other[3] = 0x32;
        assertThatThrownBy(() -> ModelHeader.parse(Bytes.of(other))).isInstanceOf(MalformedMessage.class);
        assertThatThrownBy(() -> new ModelHeader.Made(
                        4, 24, 99, 1024, new Totals(3, 700, 12.5, 6, 0, 0, List.of(701L)), made.tensors()))
                .hasMessage("row is 701, must be 0 to 700");
    }

    @Test
    void version_chunksMissingOrChanged_isRefused() {
        List<Bytes> chunks = version().chunks();
        assertThatThrownBy(() -> ModelVersion.of(5, chunks.subList(0, 4), 70_000))
                .isInstanceOf(MalformedMessage.class);
        assertThatThrownBy(() -> ModelVersion.of(5, List.of(), 70_000)).isInstanceOf(MalformedMessage.class);
        assertThatThrownBy(() -> ModelVersion.of(5, chunks, 69_999)).hasMessageContaining("no multiple");
        for (int length = 0; length < HEADER.encode().size(); length++) {
            Bytes cut = HEADER.encode().slice(0, length);
            assertThatThrownBy(() -> ModelHeader.parse(cut)).isInstanceOf(MalformedMessage.class);
        }
        byte[] longer = java.util.Arrays.copyOf(
                HEADER.encode().toArray(), HEADER.encode().size() + 1);
        assertThatThrownBy(() -> ModelHeader.parse(Bytes.of(longer))).hasMessageContaining("canonical");
    }

    @Test
    void version_ofWholeChunks_hasNoEmptyOne() throws Exception {
        ModelVersion whole =
                new ModelVersion(1, new ModelHeader(Optional.empty(), 131_072), new float[131_072], List.of());
        List<Bytes> chunks = whole.chunks();
        assertThat(chunks).hasSize(3);
        assertThat(ModelVersion.of(1, chunks, 131_072).adapter()).hasSize(131_072);
    }

    @Test
    void version_chunkTooShortTooLongOrTooMany_isRefusedByItsNumber() {
        List<Bytes> chunks = version().chunks();
        Bytes last = chunks.getLast();
        for (Bytes wrong : List.of(last.slice(0, last.size() - 4), last.slice(0, last.size() - 1))) {
            List<Bytes> cut = new ArrayList<>(chunks);
            cut.set(4, wrong);
            assertThatThrownBy(() -> ModelVersion.of(5, cut, 70_000))
                    .isInstanceOf(MalformedMessage.class)
                    .hasMessageContaining("chunk 4 of model version 5 must have 17856 bytes");
        }
        List<Bytes> more = new ArrayList<>(chunks);
        more.add(last);
        assertThatThrownBy(() -> ModelVersion.of(5, more, 70_000)).hasMessageContaining("has 6 chunks, expected 5");
        assertThatThrownBy(() -> ModelVersion.of(5, chunks, 150_000)).hasMessageContaining("no multiple");
    }

    @Test
    void header_ofVersionZero_throughItsBytes_isTheSame() throws Exception {
        ModelHeader first = new ModelHeader(Optional.empty(), 7);
        assertThat(ModelHeader.parse(first.encode())).isEqualTo(first);
        byte[] other = first.encode().toArray();
        other[0] ^= 1;
        assertThatThrownBy(() -> ModelHeader.parse(Bytes.of(other))).hasMessageContaining("is no header");
    }

    @Test
    void header_numberOfTensors_hasItsLimits() throws Exception {
        int most = Limits.TENSORS * Limits.VECTORS;
        for (int count : new int[] {0, most}) {
            ModelHeader header = of(count);
            assertThat(ModelHeader.parse(header.encode())).isEqualTo(header);
        }
        assertThatThrownBy(() -> ModelHeader.parse(of(most + 1).encode()))
                .isInstanceOf(MalformedMessage.class)
                .hasMessageContaining("names " + (most + 1) + " tensors");
        byte[] negative = of(0).encode().toArray();
        java.util.Arrays.fill(negative, negative.length - 4, negative.length, (byte) 0xff);
        assertThatThrownBy(() -> ModelHeader.parse(Bytes.of(negative))).hasMessageContaining("names -1 tensors");
    }

    private static ModelHeader of(int tensors) {
        ModelHeader.Made made = HEADER.made().orElseThrow();
        return new ModelHeader(
                Optional.of(new ModelHeader.Made(
                        made.round(),
                        made.ringBits(),
                        made.quotient(),
                        made.weightCap(),
                        made.totals(),
                        Collections.nCopies(tensors, made.tensors().getFirst()))),
                1);
    }

    @Test
    void cipher_otherPlaceKeyOrBytes_doesNotDecrypt() throws Exception {
        Randomness randomness = Randomness.secure();
        Secret key = randomness.secret(32);
        Bytes plain = Bytes.utf8("weights");
        ModelChunk chunk = ModelCipher.seal(key, "north", 5, 2, 9, plain);
        assertThat(ModelCipher.open(key, "north", chunk)).isEqualTo(plain);
        for (ModelChunk other : List.of(
                new ModelChunk(6, 2, 9, chunk.sealed()),
                new ModelChunk(5, 3, 9, chunk.sealed()),
                new ModelChunk(5, 2, 10, chunk.sealed()))) {
            assertThatThrownBy(() -> ModelCipher.open(key, "north", other)).isInstanceOf(BoxRefused.class);
        }
        assertThatThrownBy(() -> ModelCipher.open(key, "south", chunk)).isInstanceOf(BoxRefused.class);
        assertThatThrownBy(() -> ModelCipher.open(randomness.secret(32), "north", chunk))
                .isInstanceOf(BoxRefused.class);
    }

    /// Computed with Python's hmac and `openssl enc -aes-256-ctr` from protocol §10.
    @Test
    void publicSeed_knownAnswer_isMetWhereverTheTensorStands() {
        byte[] seed = new byte[32];
        for (int i = 0; i < seed.length; i++) {
            seed[i] = (byte) i;
        }
        VectorLayout layout = new VectorLayout(
                "adapter",
                true,
                List.of(
                        new TensorLayout("q.lora_B.weight", List.of(3, 2), 0),
                        new TensorLayout("q.lora_A.weight", List.of(2, 3), 0)));
        assertThat(PublicSeed.adapter(Bytes.of(seed), layout))
                .containsExactly(
                        0,
                        0,
                        0,
                        0,
                        0,
                        0,
                        -0.49197876f,
                        0.04882668f,
                        0.51270497f,
                        -0.5633428f,
                        -0.17210309f,
                        -0.5178493f);
    }

    @Test
    void publicSeed_sameSeed_sameAdapterWithinOneOverRootIn() {
        VectorLayout layout = new VectorLayout(
                "adapter",
                true,
                List.of(
                        new TensorLayout("q.lora_A.weight", List.of(8, 64), 0),
                        new TensorLayout("q.lora_B.weight", List.of(64, 8), 0)));
        float[] adapter = PublicSeed.adapter(Bytes.zeros(32), layout);
        assertThat(PublicSeed.adapter(Bytes.zeros(32), layout)).isEqualTo(adapter);
        double most = 0;
        for (int i = 0; i < 512; i++) {
            most = Math.max(most, Math.abs(adapter[i]));
            assertThat(adapter[512 + i]).isZero();
        }
        assertThat(most).isBetween(0.1, 0.125);
        VectorLayout other = new VectorLayout("x", true, List.of(new TensorLayout("bias", List.of(3), 0)));
        assertThatThrownBy(() -> PublicSeed.adapter(Bytes.zeros(32), other)).hasMessageContaining("bias");
    }

    /// A coordinator that signs such a header must not make every member fail, or shift a number by 2^29 bits.
    @Test
    void header_outsideItsLimits_isRefused() throws Exception {
        Bytes good = header(new byte[] {'a'}, -4, BigInteger.TEN.pow(30).toByteArray());
        assertThat(ModelHeader.parse(good)).isEqualTo(HEADER);
        for (Bytes bad : List.of(
                header(new byte[] {'a'}, 0x1cfffffc, new byte[] {1}),
                header(new byte[] {'a'}, Integer.MIN_VALUE, new byte[] {1}),
                header(new byte[] {'a'}, -4, new byte[] {-1}),
                header(new byte[] {'a'}, -4, new byte[60_000]),
                // Written by the letter, each of these zeros would take two bytes.
                header(new byte[65_535], -4, new byte[] {1}))) {
            assertThatThrownBy(() -> ModelHeader.parse(bad)).isInstanceOf(MalformedMessage.class);
        }
    }

    /// [#HEADER] with another tensor.
    private static Bytes header(byte[] name, int exponent, byte[] squares) {
        byte[] good = HEADER.encode().toArray();
        int tensor = good.length
                - HEADER.made().orElseThrow().tensors().getFirst().squares().toByteArray().length
                - 9;
        ByteBuffer bytes = ByteBuffer.allocate(tensor + 2 + name.length + 4 + 2 + squares.length);
        bytes.put(good, 0, tensor).putShort((short) name.length).put(name);
        bytes.putInt(exponent).putShort((short) squares.length).put(squares);
        return Bytes.of(bytes.array());
    }
}

package dev.sotto.crypto.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.math.BigInteger;
import java.nio.ByteBuffer;
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

package dev.sotto.crypto.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelAssemblyTest {
    private static final int SIZE = 70_000;

    private final Secret key = Secret.take(new byte[32]);
    private final ModelVersion version = version();

    @Test
    void chunks_inAnyOrderTwiceAndAmongOthers_makeTheVersion() throws MalformedMessage {
        List<ModelChunk> chunks = sealed(key, 3);
        Collections.reverse(chunks);
        List<ModelChunk> all = new ArrayList<>(sealed(otherKey(), 3));
        all.addAll(sealed(key, 4));
        all.add(chunks.getFirst());
        all.addAll(chunks);
        ModelAssembly assembly = new ModelAssembly(key, "north", 3, version.digest("north"), SIZE);
        Optional<ModelVersion> made = Optional.empty();
        for (ModelChunk chunk : all) {
            Optional<ModelVersion> now = assembly.add(chunk);
            made = now.isPresent() ? now : made;
        }
        assertThat(made.orElseThrow().digest("north")).isEqualTo(version.digest("north"));
    }

    /// A topic that is read again after the last chunk makes no second version.
    @Test
    void chunks_afterTheLast_makeNothingMore() throws MalformedMessage {
        ModelAssembly assembly = new ModelAssembly(key, "north", 3, version.digest("north"), SIZE);
        List<ModelChunk> twice = new ArrayList<>(sealed(key, 3));
        twice.addAll(sealed(key, 3));
        int made = 0;
        for (ModelChunk chunk : twice) {
            made += assembly.add(chunk).isPresent() ? 1 : 0;
        }
        assertThat(made).isOne();
        ModelChunk ofMore = ModelCipher.seal(key, "north", 3, 8, 9, Bytes.utf8("a chunk of nine"));
        assertThat(assembly.add(ofMore)).isEmpty();
    }

    @Test
    void chunks_ofAnotherNumberOfThem_arePassedOver() throws MalformedMessage {
        ModelAssembly assembly = new ModelAssembly(key, "north", 3, version.digest("north"), SIZE);
        List<ModelChunk> chunks = sealed(key, 3);
        assertThat(assembly.add(chunks.getFirst())).isEmpty();
        assertThat(assembly.add(ModelCipher.seal(key, "north", 3, 8, 9, Bytes.utf8("a chunk of nine"))))
                .isEmpty();
        assertThat(assembly.add(chunks.get(1))).isEmpty();
        assertThat(assembly.add(chunks.get(2))).isPresent();
    }

    @Test
    void chunks_ofAnotherDigest_blameTheCoordinator() {
        ModelAssembly assembly = new ModelAssembly(key, "north", 3, Enc.hash("another"), SIZE);
        assertThatThrownBy(() -> {
                    for (ModelChunk chunk : sealed(key, 3)) {
                        var _ = assembly.add(chunk);
                    }
                })
                .isInstanceOf(MalformedMessage.class)
                .hasMessageContaining("digest");
    }

    /// The coordinator, who has the key, decides what a chunk says of their number.
    @Test
    void chunk_ofTwoThousandMillion_takesNoMemoryForThem() throws Exception {
        ModelAssembly assembly = new ModelAssembly(key, "north", 3, version.digest("north"), SIZE);
        ModelChunk chunk = ModelCipher.seal(key, "north", 3, 0, Integer.MAX_VALUE, Bytes.EMPTY);
        assertThat(assembly.add(chunk)).isEmpty();
    }

    private static Secret otherKey() {
        byte[] bytes = new byte[32];
        bytes[0] = 1;
        return Secret.take(bytes);
    }

    private static ModelVersion version() {
        float[] adapter = new float[SIZE];
        for (int i = 0; i < SIZE; i++) {
            adapter[i] = i;
        }
        return new ModelVersion(3, new ModelHeader(Optional.empty(), SIZE), adapter, List.of());
    }

    private List<ModelChunk> sealed(Secret with, long number) {
        List<Bytes> plain = version.chunks();
        List<ModelChunk> chunks = new ArrayList<>();
        for (int i = 0; i < plain.size(); i++) {
            chunks.add(ModelCipher.seal(with, "north", number, i, plain.size(), plain.get(i)));
        }
        return chunks;
    }
}

package dev.sotto.crypto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Ranges;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.model.Digests;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.shamir.Shamir;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// Our formulas against `vectors.json`, which a script in another language makes from the protocol's text
/// alone.
class VectorsTest {
    private static final RoundContext CONTEXT = new RoundContext("north", 3, 2);

    private final JsonNode vectors = read();

    private static JsonNode read() {
        try (InputStream in = Objects.requireNonNull(VectorsTest.class.getResourceAsStream("/vectors.json"))) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Bytes h(String text) {
        return Enc.sha256(Bytes.utf8(text));
    }

    private static Secret secret(String text) {
        return Secret.take(h(text).toArray());
    }

    private void check(String name, Bytes value) {
        assertThat(value.hex())
                .as(name)
                .isEqualTo(vectors.get("derivations").get(name).asText());
    }

    private void check(String name, Secret value) {
        check(name, Bytes.of(value.expose(InsecureSecretAccess.get())));
    }

    @Test
    void derivations_everyFormula_matches() {
        check("draw", CONTEXT.draw(secret("salt"), secret("fresh"), h("T0"), "bank", "m"));
        check("maskSeed", CONTEXT.maskSeed(secret("secret"), h("T0"), "bank"));
        check("coins", CONTEXT.coins(secret("secret"), h("T1"), "bank", "clinic", Bytes.utf8("key")));
        check("pairSeed", CONTEXT.pairSeed(secret("secret"), h("T2"), "bank", "clinic", Bytes.utf8("ciphertext")));
        check("pairStreamKey", CONTEXT.pairStreamKey(secret("secret"), h("T2"), "bank", "clinic", "adapter"));
        check("selfStreamKey", CONTEXT.selfStreamKey(secret("secret"), h("T2"), "bank", "adapter"));
        check("commitment", CONTEXT.commitment(h("T1"), "bank", Kind.MASK, secret("secret")));
        check(
                "shareCommitment",
                CONTEXT.shareCommitment(h("T1"), "bank", "clinic", Kind.SELF, secret("salt"), secret("share")));
        check("shareInfo", CONTEXT.shareInfo(h("T1"), "bank", "clinic"));
        check("revealInfo", CONTEXT.revealInfo(h("T4"), "bank"));
        check("closedInfo", CONTEXT.closedInfo(h("T4"), "bank"));
        check("modelInfo", RoundContext.modelInfo("north", h("digest"), 7, "bank"));
        check("roundKeySeed", CONTEXT.roundKeySeed(secret("secret"), h("fresh")));
        check("modelKey", CONTEXT.modelKey(secret("secret"), h("T4")));
        check("transcript", RoundContext.transcript("RosterSealed", h("T0"), Bytes.utf8("payload")));
        check("version", Digests.version("north", 7, List.of(h("0"), h("1"))));
        check("aggregate", Digests.aggregate(h("T3"), List.of(h("0"), h("1"))));
        check(
                "baseModel",
                Digests.baseModel(new TreeMap<>(java.util.Map.of("config.json", h("0"), "model.safetensors", h("1")))));
    }

    @Test
    void shamir_sharesMadeElsewhere_rebuild() throws Exception {
        JsonNode given = vectors.get("shamir");
        TreeMap<Integer, Secret> shares = new TreeMap<>();
        for (JsonNode share : given.get("shares")) {
            shares.put(
                    shares.size() + 1, Secret.take(Bytes.fromHex(share.asText()).toArray()));
        }
        Secret rebuilt = Shamir.combine(given.get("threshold").asInt(), shares);
        assertThat(Bytes.of(rebuilt.expose(InsecureSecretAccess.get())).hex())
                .isEqualTo(given.get("secret").asText());
    }

    @Test
    void quotientsWeightsAndRanges_match() {
        for (JsonNode v : vectors.get("quotients")) {
            assertThat(FixedPoint.quotient(
                            Ring.of(v.get("bits").asInt()), v.get("members").asInt()))
                    .isEqualTo(v.get("quotient").asLong());
        }
        for (JsonNode v : vectors.get("weights")) {
            assertThat(Weighting.CLASSES.weight(
                            v.get("examples").asLong(), v.get("cap").asInt()))
                    .as("%s", v)
                    .isEqualTo(v.get("weight").asInt());
        }
        for (JsonNode v : vectors.get("initial")) {
            assertThat(Ranges.initial(v.get("steps").asInt(), v.get("rate").asDouble()))
                    .as("%s", v)
                    .isEqualTo(v.get("exponent").asInt());
        }
        for (JsonNode v : vectors.get("ranges")) {
            Totals totals =
                    new Totals(v.get("survivors").asLong(), v.get("weight").asLong(), 0, 0, 0, 0);
            for (boolean tight : new boolean[] {false, true}) {
                assertThat(Ranges.next(
                                v.get("previous").asInt(),
                                new BigInteger(v.get("squares").asText()),
                                v.get("dimension").asLong(),
                                v.get("quotient").asLong(),
                                v.get("weighted").asBoolean(),
                                v.get("cap").asInt(),
                                totals,
                                tight,
                                0))
                        .as("%s", v)
                        .isEqualTo(v.get("exponent").asInt() + (tight ? 1 : 0));
            }
        }
    }

    @Test
    void publicSeed_everyBitOfVersion0_matches() {
        JsonNode given = vectors.get("publicSeed");
        List<TensorLayout> tensors = new ArrayList<>();
        for (JsonNode tensor : given.get("tensors")) {
            List<Integer> shape = new ArrayList<>();
            tensor.get("shape").forEach(dimension -> shape.add(dimension.asInt()));
            tensors.add(new TensorLayout(tensor.get("name").asText(), shape, 0));
        }
        Bytes seed = Bytes.fromHex(given.get("seed").asText());
        float[] adapter = PublicSeed.adapter(seed, new VectorLayout("adapter", true, tensors));
        List<String> bits = new ArrayList<>();
        for (float value : adapter) {
            bits.add(HexFormat.of().toHexDigits(Float.floatToRawIntBits(value)));
        }
        assertThat(bits).isEqualTo(texts(given.get("bits")));
        for (TensorLayout bad : List.of(
                new TensorLayout("lora_C.weight", List.of(2, 2), 0),
                new TensorLayout("x.lora_A.weight", List.of(4), 0))) {
            assertThatThrownBy(() -> PublicSeed.adapter(seed, new VectorLayout("adapter", true, List.of(bad))))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining(bad.name());
        }
    }

    @Test
    void modelChunks_sealedElsewhere_openAndAreSealedTheSameHere() throws Exception {
        long version = vectors.get("model").get("version").asLong();
        for (JsonNode given : vectors.get("model").get("chunks")) {
            Bytes plain = Bytes.fromHex(given.get("plain").asText());
            ModelChunk chunk = chunk(given, given.get("sealed"));
            assertThat(ModelCipher.seal(secret("secret"), "north", version, chunk.index(), chunk.count(), plain))
                    .isEqualTo(chunk);
            assertThat(ModelCipher.open(secret("secret"), "north", chunk)).isEqualTo(plain);
        }
        JsonNode bad = vectors.get("model").get("bad");
        bad.get("sealed")
                .properties()
                .forEach(one -> assertThatThrownBy(
                                () -> ModelCipher.open(secret("secret"), "north", chunk(bad, one.getValue())))
                        .as(one.getKey())
                        .isInstanceOf(BoxRefused.class));
    }

    private ModelChunk chunk(JsonNode place, JsonNode sealed) {
        return new ModelChunk(
                vectors.get("model").get("version").asLong(),
                place.get("index").asInt(),
                place.get("count").asInt(),
                Bytes.fromHex(sealed.asText()));
    }

    @Test
    void transcripts_ofClosedAndAbortedAttempts_continueIntoTheNext() {
        for (JsonNode chain : vectors.get("chains")) {
            Bytes t = Bytes.zeros(32);
            List<String> reached = new ArrayList<>();
            for (String type : texts(chain.get("messages"))) {
                t = RoundContext.transcript(type, t, Bytes.utf8(type + " payload"));
                reached.add(t.hex());
            }
            assertThat(reached).isEqualTo(texts(chain.get("transcripts")));
        }
    }

    private static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        array.forEach(text -> texts.add(text.asText()));
        return texts;
    }
}

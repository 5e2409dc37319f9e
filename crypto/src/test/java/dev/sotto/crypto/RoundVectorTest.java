package dev.sotto.crypto;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.shamir.InconsistentShares;
import dev.sotto.crypto.shamir.Shamir;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/// A whole round of four members, one of whom drops out after it has dealt its shares, against `round.json`:
/// a script in another language computes every byte of it from the standards and the protocol's text.
class RoundVectorTest {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    private static final RoundContext CONTEXT = new RoundContext("north", 4, 2);
    private static final List<String> IDS = List.of("org-a", "org-b", "org-c", "org-d");
    private static final List<String> SURVIVORS = List.of("org-a", "org-b", "org-d");
    private static final String DROPPED = "org-c";
    private static final int THRESHOLD = 3;
    private static final int CAP = 64;
    private static final VectorLayout ADAPTER = new VectorLayout(
            "adapter",
            true,
            List.of(new TensorLayout("first", List.of(3, 7), -3), new TensorLayout("second", List.of(12), 1)));

    private final JsonNode vectors = read();

    private static JsonNode read() {
        try (InputStream in = Objects.requireNonNull(RoundVectorTest.class.getResourceAsStream("/round.json"))) {
            return new ObjectMapper().readTree(in);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static Bytes t(int i) {
        return Enc.sha256(Bytes.utf8("round T" + i));
    }

    private JsonNode member(String id) {
        return vectors.get("members").get(id);
    }

    private static Secret secret(JsonNode hex) {
        return Secret.take(bytes(hex).toArray());
    }

    private static Bytes bytes(JsonNode hex) {
        return Bytes.fromHex(hex.asText());
    }

    private static Bytes open(Secret secret) {
        return Bytes.of(secret.expose(InsecureSecretAccess.get()));
    }

    /// Gives the bytes that the script chose.
    private static Randomness fixed(Bytes... given) {
        List<Bytes> left = new ArrayList<>(List.of(given));
        return target -> System.arraycopy(left.removeFirst().toArray(), 0, target, 0, target.length);
    }

    private Secret maskSeed(String id) {
        return CONTEXT.maskSeed(secret(member(id).get("master")), t(0), id);
    }

    private Bytes maskKey(String id) {
        return PRIMITIVES.kemKey(maskSeed(id));
    }

    @Test
    void keysAndCommitments_fromMasters_match() {
        for (String id : IDS) {
            JsonNode given = member(id);
            assertThat(Enc.sha256(maskKey(id))).isEqualTo(bytes(given.get("maskKey")));
            assertThat(Enc.sha256(PRIMITIVES.kemKey(secret(given.get("channel")))))
                    .isEqualTo(bytes(given.get("channelKey")));
            assertThat(CONTEXT.commitment(t(1), id, Kind.MASK, secret(given.get("master"))))
                    .isEqualTo(bytes(given.get("maskCommitment")));
            assertThat(CONTEXT.commitment(t(1), id, Kind.SELF, secret(given.get("self"))))
                    .isEqualTo(bytes(given.get("selfCommitment")));
        }
    }

    /// Both directions: the first member's coins give the ciphertext, the second opens it.
    private Secret pairSeed(String first, String second, boolean bySecond) throws InvalidKey {
        try (Encapsulation made = encapsulation(first, second)) {
            Secret kem = bySecond ? PRIMITIVES.decapsulate(maskSeed(second), made.ciphertext()) : made.secret();
            return CONTEXT.pairSeed(kem, t(2), first, second, made.ciphertext());
        }
    }

    private Encapsulation encapsulation(String first, String second) throws InvalidKey {
        Bytes key = maskKey(second);
        return PRIMITIVES.encapsulate(
                key, CONTEXT.coins(secret(member(first).get("master")), t(1), first, second, key));
    }

    @Test
    void pairSeeds_fromBothSides_match() throws Exception {
        int count = 0;
        for (JsonNode pair : vectors.get("pairs")) {
            String first = pair.get("first").asText();
            String second = pair.get("second").asText();
            assertThat(Enc.sha256(encapsulation(first, second).ciphertext())).isEqualTo(bytes(pair.get("ciphertext")));
            assertThat(open(pairSeed(first, second, false))).isEqualTo(bytes(pair.get("seed")));
            assertThat(open(pairSeed(first, second, true))).isEqualTo(bytes(pair.get("seed")));
            count++;
        }
        assertThat(count).isEqualTo(6);
    }

    @Test
    void shares_dealtElsewhere_rebuildTheSecretsFromAnyThree() throws Exception {
        for (String id : IDS) {
            for (Map.Entry<String, String> kind :
                    Map.of("maskShares", "master", "selfShares", "self").entrySet()) {
                JsonNode shares = member(id).get(kind.getKey());
                for (int missing = 0; missing < IDS.size(); missing++) {
                    TreeMap<Integer, Secret> some = new TreeMap<>();
                    for (int i = 0; i < IDS.size(); i++) {
                        if (i != missing) {
                            some.put(i + 1, secret(shares.get(i)));
                        }
                    }
                    assertThat(open(Shamir.combine(THRESHOLD, some)))
                            .isEqualTo(bytes(member(id).get(kind.getValue())));
                }
                TreeMap<Integer, Secret> wrong = new TreeMap<>();
                for (int i = 0; i < IDS.size(); i++) {
                    wrong.put(i + 1, secret(shares.get(i)));
                }
                Objects.requireNonNull(wrong.get(4)).expose(InsecureSecretAccess.get())[31] ^= 1;
                assertThatThrownBy(() -> Shamir.combine(THRESHOLD, wrong)).isInstanceOf(InconsistentShares.class);
            }
        }
    }

    private void mix(Ring ring, byte[] target, String vector, String id, boolean away) throws InvalidKey {
        MaskStream masks = new MaskStream();
        apply(masks, ring, target, CONTEXT.selfStreamKey(secret(member(id).get("self")), t(2), id, vector), away);
        for (String other : IDS) {
            if (!other.equals(id)) {
                mixPair(masks, ring, target, vector, id, other, away);
            }
        }
    }

    /// What `id` adds for the pair, or its opposite.
    private void mixPair(
            MaskStream masks, Ring ring, byte[] target, String vector, String id, String other, boolean away)
            throws InvalidKey {
        boolean first = id.compareTo(other) < 0;
        String u = first ? id : other;
        String v = first ? other : id;
        Secret key = CONTEXT.pairStreamKey(pairSeed(u, v, !first), t(2), u, v, vector);
        apply(masks, ring, target, key, first == away);
    }

    private static void apply(MaskStream masks, Ring ring, byte[] target, Secret key, boolean away) {
        if (away) {
            masks.subtractFrom(ring, target, target.length, 0, key);
        } else {
            masks.addTo(ring, target, target.length, 0, key);
        }
    }

    @Test
    void round_everyRing_masksSumsAndUnmasksByteForByte() throws Exception {
        for (Ring ring : Ring.values()) {
            JsonNode expected = vectors.get("encodings").get(String.valueOf(ring.bits()));
            FixedPoint codec = new FixedPoint(ring, ADAPTER, IDS.size(), CAP);
            assertThat(codec.quotient()).isEqualTo(expected.get("quotient").asLong());
            byte[] sum = new byte[33 * ring.wordBytes()];
            byte[] scalarSum = new byte[64];
            for (String id : IDS) {
                JsonNode of = expected.get("members").get(id);
                JsonNode given = member(id);
                float[] update = new float[33];
                for (int i = 0; i < update.length; i++) {
                    update[i] = (float) given.get("update").get(i).asDouble();
                }
                byte[] packed = new byte[sum.length];
                int clipped = codec.encode(
                        update,
                        0,
                        given.get("weight").asInt(),
                        new Rounding(Secret.take(bytes(given.get("rounding")).toArray()), 0),
                        packed);
                assertThat(Bytes.of(packed)).as("%s %s", ring, id).isEqualTo(bytes(of.get("packed")));
                assertThat(clipped).isEqualTo(of.get("clipped").asInt());
                byte[] scalars = Scalars.encode(
                        Weighting.CLASSES,
                        given.get("weight").asInt(),
                        given.get("loss").asDouble(),
                        clipped,
                        0,
                        0);
                assertThat(Bytes.of(scalars)).isEqualTo(bytes(of.get("scalars")));
                mix(ring, packed, "adapter", id, false);
                mix(Ring.K32, scalars, "scalars", id, false);
                assertThat(Bytes.of(packed)).isEqualTo(bytes(of.get("masked")));
                assertThat(Bytes.of(scalars)).isEqualTo(bytes(of.get("maskedScalars")));
                if (SURVIVORS.contains(id)) {
                    ring.add(sum, packed, packed.length);
                    Ring.K32.add(scalarSum, scalars, scalars.length);
                }
            }
            MaskStream masks = new MaskStream();
            for (String id : SURVIVORS) {
                Secret self = secret(member(id).get("self"));
                apply(masks, ring, sum, CONTEXT.selfStreamKey(self, t(2), id, "adapter"), true);
                apply(masks, Ring.K32, scalarSum, CONTEXT.selfStreamKey(self, t(2), id, "scalars"), true);
                // The masks with the dropped member do not cancel.
                mixPair(masks, ring, sum, "adapter", id, DROPPED, true);
                mixPair(masks, Ring.K32, scalarSum, "scalars", id, DROPPED, true);
            }
            assertThat(Bytes.of(sum)).isEqualTo(bytes(expected.get("sum")));
            assertThat(Bytes.of(scalarSum)).isEqualTo(bytes(expected.get("scalarSum")));
            Totals totals = Scalars.decode(scalarSum, Weighting.CLASSES, SURVIVORS.size(), CAP);
            assertThat(totals.weight()).isEqualTo(81);
            assertThat(totals.clipped()).isEqualTo(expected.get("clipped").asLong());
            assertThat(totals.lossSum()).isEqualTo(expected.get("lossSum").asDouble());
            double[] mean = codec.mean(sum, 0, totals);
            for (int i = 0; i < mean.length; i++) {
                assertThat(mean[i]).isEqualTo(expected.get("mean").get(i).asDouble());
            }
        }
    }

    @Test
    void boxes_sealedElsewhere_openAndAreSealedTheSameHere() throws Exception {
        for (JsonNode box : vectors.get("boxes")) {
            String dealer = box.get("dealer").asText();
            String receiver = box.get("receiver").asText();
            Secret channel = secret(member(receiver).get("channel"));
            Bytes info = CONTEXT.shareInfo(t(1), dealer, receiver);
            assertThat(open(PRIMITIVES.open(channel, info, bytes(box.get("box")))))
                    .isEqualTo(bytes(box.get("plain")));
            assertThat(PRIMITIVES.seal(
                            PRIMITIVES.kemKey(channel), info, secret(box.get("plain")), fixed(bytes(box.get("coins")))))
                    .isEqualTo(bytes(box.get("box")));
            Bytes plain = bytes(box.get("plain"));
            assertThat(commitment(dealer, receiver, Kind.MASK, plain.slice(0, 64)))
                    .isEqualTo(bytes(box.get("maskCommitment")));
            assertThat(commitment(dealer, receiver, Kind.SELF, plain.slice(64, 128)))
                    .isEqualTo(bytes(box.get("selfCommitment")));
        }
    }

    private static Bytes commitment(String dealer, String receiver, Kind kind, Bytes shareAndSalt) {
        return CONTEXT.shareCommitment(
                t(1),
                dealer,
                receiver,
                kind,
                Secret.take(shareAndSalt.slice(32, 64).toArray()),
                Secret.take(shareAndSalt.slice(0, 32).toArray()));
    }

    @Test
    void maskStream_atSeveralOffsets_matches() {
        vectors.get("stream").get("at").properties().forEach(at -> {
            byte[] target = new byte[48];
            new MaskStream()
                    .addTo(
                            Ring.K24,
                            target,
                            target.length,
                            Long.parseLong(at.getKey()),
                            secret(vectors.get("stream").get("key")));
            assertThat(Bytes.of(target)).as(at.getKey()).isEqualTo(bytes(at.getValue()));
        });
    }

    @Test
    void xwing_fromTheDraftsStream_matchesAndRejectsImplicitly() throws Exception {
        for (JsonNode vector : vectors.get("xwing")) {
            Secret seed = secret(vector.get("seed"));
            assertThat(PRIMITIVES.kemKey(seed)).isEqualTo(bytes(vector.get("key")));
            Encapsulation made = PRIMITIVES.encapsulate(bytes(vector.get("key")), secret(vector.get("coins")));
            assertThat(made.ciphertext()).isEqualTo(bytes(vector.get("ciphertext")));
            assertThat(open(made.secret())).isEqualTo(bytes(vector.get("secret")));
            byte[] altered = made.ciphertext().toArray();
            altered[0] ^= 1;
            assertThat(open(PRIMITIVES.decapsulate(seed, Bytes.of(altered))))
                    .isEqualTo(bytes(vector.get("implicitlyRejected")));
        }
    }

    @Test
    void badKeysCiphertextsAndBoxes_areRefusedEach() throws Exception {
        JsonNode bad = vectors.get("bad");
        bad.get("key")
                .properties()
                .forEach(key -> assertThatThrownBy(() -> PRIMITIVES.checkKemKey(bytes(key.getValue())))
                        .as(key.getKey())
                        .isInstanceOf(InvalidKey.class));
        bad.get("ciphertext")
                .properties()
                .forEach(ct -> assertThatThrownBy(() -> PRIMITIVES.decapsulate(maskSeed("org-b"), bytes(ct.getValue())))
                        .as(ct.getKey())
                        .isInstanceOf(InvalidKey.class));
        Secret channel = secret(member("org-b").get("channel"));
        Bytes info = CONTEXT.shareInfo(t(1), "org-a", "org-b");
        bad.get("box")
                .properties()
                .forEach(box -> assertThatThrownBy(() -> PRIMITIVES.open(channel, info, bytes(box.getValue())))
                        .as(box.getKey())
                        .isInstanceOf(BoxRefused.class));
    }

    /// Members that were told another T2 share no pair seed: their masks do not cancel.
    @Test
    void pairSeed_overAnotherTranscript_isAnother() throws Exception {
        try (Encapsulation made = encapsulation("org-a", "org-b")) {
            Secret other = CONTEXT.pairSeed(made.secret(), t(3), "org-a", "org-b", made.ciphertext());
            assertThat(open(other))
                    .isNotEqualTo(bytes(vectors.get("pairs").get(0).get("seed")));
        }
    }
}

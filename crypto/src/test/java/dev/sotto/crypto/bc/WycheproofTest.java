package dev.sotto.crypto.bc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.Hkdf;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ModelChunk;
import java.io.InputStream;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.crypto.params.MLKEMParameters;
import org.bouncycastle.crypto.params.MLKEMPrivateKeyParameters;
import org.bouncycastle.crypto.params.X25519PrivateKeyParameters;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.bouncycastle.pqc.crypto.xwing.XWingKEMExtractor;
import org.bouncycastle.pqc.crypto.xwing.XWingPrivateKeyParameters;
import org.junit.jupiter.api.Test;

/// Every case of Project Wycheproof's files for what this module computes with; each test ends with the
/// number of cases that its file says it has.
///
/// ChaCha20-Poly1305 does not apply: nothing here uses it. ML-KEM is used inside X-Wing only, so its cases run
/// there: in every case a fixed X25519 half stands beside the file's, and the expected secret is the draft's
/// combiner over the file's.
class WycheproofTest {
    private static final BigInteger P = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));

    /// The X25519 half that stands beside every ML-KEM half of a file.
    private static final byte[] X_SEED = new BigInteger("77".repeat(32), 16).toByteArray();

    private static final byte[] X_COINS = new BigInteger("55".repeat(32), 16).toByteArray();
    private static final Bytes X_HALF = Bytes.of(
            new X25519PrivateKeyParameters(X_SEED, 0).generatePublicKey().getEncoded());

    private final BouncyCastlePrimitives primitives = new BouncyCastlePrimitives();

    private interface Case {
        void run(JsonNode group, JsonNode test, String name) throws Exception;
    }

    private static void every(String file, int expected, Case each) throws Exception {
        JsonNode all;
        try (InputStream in =
                Objects.requireNonNull(WycheproofTest.class.getResourceAsStream("/wycheproof/" + file + ".json"))) {
            all = new ObjectMapper().readTree(in);
        }
        int run = 0;
        for (JsonNode group : all.get("testGroups")) {
            for (JsonNode test : group.get("tests")) {
                each.run(group, test, file + " " + test.get("tcId") + " " + test.get("comment"));
                run++;
            }
        }
        assertThat(run).isEqualTo(all.get("numberOfTests").asInt()).isEqualTo(expected);
    }

    private static byte[] bytes(JsonNode hex) {
        return HexFormat.of().parseHex(hex.asText());
    }

    private static boolean isValid(JsonNode test) {
        return test.get("result").asText().equals("valid");
    }

    private static List<String> flags(JsonNode test) {
        List<String> flags = new ArrayList<>();
        test.get("flags").forEach(flag -> flags.add(flag.asText()));
        return flags;
    }

    @Test
    void ed25519_every145Cases() throws Exception {
        every("eddsa_test", 145, (group, test, name) -> {
            JsonNode key = group.get("key");
            Bytes message = Bytes.of(bytes(test.get("msg")));
            Bytes signature = Bytes.of(bytes(test.get("sig")));
            assertThat(primitives.verify(Bytes.of(bytes(key.get("pk"))), message, signature))
                    .as(name)
                    .isEqualTo(isValid(test));
            if (isValid(test)) {
                assertThat(primitives.sign(Secret.take(bytes(key.get("sk"))), message))
                        .as(name)
                        .isEqualTo(signature);
            }
        });
    }

    /// The file's "acceptable" cases are the weak inputs of protocol §3: our wrapper refuses every public
    /// value that is not canonical or of low order, also as half of a key or a ciphertext. Small and twisted
    /// points that are neither stay allowed; the shared value is RFC 7748's in each case.
    @Test
    void x25519_every518Cases() throws Exception {
        Bytes key = primitives.kemKey(Secret.take(new byte[32]));
        List<String> refused = new ArrayList<>();
        every("x25519_test", 518, (group, test, name) -> {
            byte[] point = bytes(test.get("public"));
            byte[] shared = new byte[32];
            boolean nonZero = X25519.calculateAgreement(bytes(test.get("private")), 0, point, 0, shared, 0);
            assertThat(shared).as(name).isEqualTo(bytes(test.get("shared")));
            assertThat(nonZero).as(name).isEqualTo(!flags(test).contains("ZeroSharedSecret"));
            boolean bad = !isCanonical(point) || flags(test).contains("LowOrderPublic");
            Bytes half = Bytes.of(join(key.slice(0, key.size() - 32).toArray(), point));
            Bytes ciphertext = Bytes.of(join(new byte[1088], point));
            if (bad) {
                refused.add(name);
                assertThatThrownBy(() -> primitives.checkKemKey(half)).as(name).isInstanceOf(InvalidKey.class);
                assertThatThrownBy(() -> primitives.checkCiphertext(ciphertext))
                        .as(name)
                        .isInstanceOf(InvalidKey.class);
                assertThat(test.get("result").asText()).as(name).isEqualTo("acceptable");
            } else {
                primitives.checkKemKey(half);
                primitives.checkCiphertext(ciphertext);
            }
        });
        assertThat(refused).as("stricter than RFC 7748, which takes them").hasSize(44);
    }

    private static boolean isCanonical(byte[] point) {
        List<Byte> bigEndian = new ArrayList<>();
        for (byte b : point) {
            bigEndian.add(b);
        }
        Collections.reverse(bigEndian);
        byte[] reversed = new byte[32];
        for (int i = 0; i < 32; i++) {
            reversed[i] = bigEndian.get(i);
        }
        return new BigInteger(1, reversed).compareTo(P) < 0;
    }

    private static byte[] join(byte[] one, byte[] other) {
        byte[] joined = new byte[one.length + other.length];
        System.arraycopy(one, 0, joined, 0, one.length);
        System.arraycopy(other, 0, joined, one.length, other.length);
        return joined;
    }

    /// The cases go through the cipher that `ModelCipher` takes from the JDK, because that class fixes key size,
    /// nonce and aad. Of the 66 with a 256-bit key, a 96-bit nonce and a 128-bit tag one has a nonce that it can
    /// use, chunk 0's, and none its aad, on which the tag hangs but not the text: that one's text goes through
    /// it. What our aad gives is in `VectorsTest`.
    @Test
    void aesGcm_every316Cases() throws Exception {
        int[] oursButNonce = {0};
        int[] ours = {0};
        every("aes_gcm_test", 316, (group, test, name) -> {
            boolean layout = group.get("keySize").asInt() == 256
                    && group.get("ivSize").asInt() == 96
                    && group.get("tagSize").asInt() == 128;
            oursButNonce[0] += layout ? 1 : 0;
            if (layout && isValid(test) && test.get("iv").asText().startsWith("0".repeat(16))) {
                int index = Integer.parseInt(test.get("iv").asText(), 16);
                Bytes plain = Bytes.of(bytes(test.get("msg")));
                ModelChunk chunk =
                        ModelCipher.seal(Secret.take(bytes(test.get("key"))), "north", 1, index, index + 1, plain);
                assertThat(chunk.sealed().slice(0, plain.size())).as(name).isEqualTo(Bytes.of(bytes(test.get("ct"))));
                ours[0]++;
            }
            byte[] sealed = join(bytes(test.get("ct")), bytes(test.get("tag")));
            byte[] opened;
            try {
                Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
                cipher.init(
                        Cipher.DECRYPT_MODE,
                        new SecretKeySpec(bytes(test.get("key")), "AES"),
                        new GCMParameterSpec(group.get("tagSize").asInt(), bytes(test.get("iv"))));
                cipher.updateAAD(bytes(test.get("aad")));
                opened = cipher.doFinal(sealed);
            } catch (GeneralSecurityException | IllegalArgumentException e) {
                assertThat(isValid(test)).as(name).isFalse();
                return;
            }
            assertThat(test.get("result").asText()).as(name).isNotEqualTo("invalid");
            assertThat(opened).as(name).isEqualTo(bytes(test.get("msg")));
        });
        assertThat(oursButNonce[0]).isEqualTo(66);
        assertThat(ours[0]).isOne();
    }

    /// Every encapsulation key as the ML-KEM half of an X-Wing key: our wrapper refuses exactly the invalid ones,
    /// and makes the file's ciphertext and secret from its coins.
    @Test
    void mlKem768_every265Encapsulations() throws Exception {
        int[] refused = {0};
        every("mlkem_768_encaps_test", 265, (group, test, name) -> {
            Bytes key = Bytes.of(join(bytes(test.get("ek")), X_HALF.toArray()));
            Secret coins = Secret.take(join(bytes(test.get("m")), X_COINS));
            if (!isValid(test)) {
                assertThatThrownBy(() -> primitives.checkKemKey(key)).as(name).isInstanceOf(InvalidKey.class);
                assertThatThrownBy(() -> primitives.encapsulate(key, coins))
                        .as(name)
                        .isInstanceOf(InvalidKey.class);
                refused[0]++;
                return;
            }
            assertEncapsulates(
                    bytes(test.get("ek")), bytes(test.get("m")), bytes(test.get("c")), bytes(test.get("K")), name);
        });
        assertThat(refused[0]).isEqualTo(132);
    }

    /// An X-Wing seed is hashed to ML-KEM's, so the file's seeds do not go through our wrapper: the key is the
    /// library's from the file's seed, in the class that our wrapper decapsulates with. Ciphertexts of a wrong
    /// length go through our wrapper, private keys of a wrong length to the library.
    @Test
    void mlKem768_every193Decapsulations() throws Exception {
        int[] refused = {0};
        every("mlkem_768_test", 193, (group, test, name) -> {
            byte[] seed = bytes(test.get("seed"));
            byte[] ciphertext = bytes(test.get("c"));
            if (!isValid(test)) {
                refused[0]++;
                Bytes given = Bytes.of(join(ciphertext, X_HALF.toArray()));
                if (seed.length == 64) {
                    assertThatThrownBy(() -> primitives.checkCiphertext(given))
                            .as(name)
                            .isInstanceOf(InvalidKey.class);
                    assertThatThrownBy(() -> primitives.decapsulate(Secret.take(new byte[32]), given))
                            .as(name)
                            .isInstanceOf(InvalidKey.class);
                } else {
                    assertThatThrownBy(() -> mlKem(seed)).as(name).isInstanceOf(IllegalArgumentException.class);
                }
                return;
            }
            MLKEMPrivateKeyParameters key = mlKem(seed);
            assertThat(key.getPublicKey()).as(name).isEqualTo(bytes(test.get("ek")));
            assertDecapsulates(key, ciphertext, bytes(test.get("K")), name);
        });
        assertThat(refused[0]).isEqualTo(40);
    }

    @Test
    void mlKem768_every100Keys() throws Exception {
        every("mlkem_768_keygen_seed_test", 100, (group, test, name) -> {
            MLKEMPrivateKeyParameters key = mlKem(bytes(test.get("seed")));
            assertThat(key.getPublicKey()).as(name).isEqualTo(bytes(test.get("ek")));
            assertThat(expanded(key)).as(name).isEqualTo(bytes(test.get("dk")));
        });
    }

    /// Nothing here takes an expanded key; the library's own checks of one, and what it makes of ciphertexts
    /// whose re-encryption differs in the last byte.
    @Test
    void mlKem768_every9ExpandedKeys() throws Exception {
        every("mlkem_768_semi_expanded_decaps_test", 9, (group, test, name) -> {
            byte[] ciphertext = bytes(test.get("c"));
            if (isValid(test)) {
                assertDecapsulates(mlKem(bytes(test.get("dk"))), ciphertext, bytes(test.get("K")), name);
            } else if (flags(test).contains("IncorrectCiphertextLength")) {
                Bytes given = Bytes.of(join(ciphertext, X_HALF.toArray()));
                assertThatThrownBy(() -> primitives.checkCiphertext(given))
                        .as(name)
                        .isInstanceOf(InvalidKey.class);
            } else {
                assertThatThrownBy(() -> mlKem(bytes(test.get("dk"))))
                        .as(name)
                        .isInstanceOf(IllegalArgumentException.class);
            }
        });
    }

    /// Through our wrapper.
    static void assertEncapsulates(byte[] mlKemKey, byte[] coins, byte[] ciphertext, byte[] secret, String name)
            throws Exception {
        Bytes key = Bytes.of(join(mlKemKey, X_HALF.toArray()));
        Encapsulation made = new BouncyCastlePrimitives().encapsulate(key, Secret.take(join(coins, X_COINS)));
        Bytes point = made.ciphertext().slice(1088, 1120);
        assertThat(made.ciphertext().slice(0, 1088)).as(name).isEqualTo(Bytes.of(ciphertext));
        assertThat(raw(made.secret())).as(name).isEqualTo(xWing(secret, agree(X_COINS, X_HALF), point, X_HALF));
    }

    private static MLKEMPrivateKeyParameters mlKem(byte[] seedOrExpanded) {
        return new MLKEMPrivateKeyParameters(MLKEMParameters.ml_kem_768, seedOrExpanded);
    }

    static byte[] expanded(MLKEMPrivateKeyParameters key) {
        return key.withPreferredFormat(MLKEMPrivateKeyParameters.EXPANDED_KEY).getEncoded();
    }

    /// Decapsulates inside X-Wing, by the class that our wrapper calls.
    static void assertDecapsulates(MLKEMPrivateKeyParameters key, byte[] ciphertext, byte[] expected, String name)
            throws GeneralSecurityException {
        X25519PrivateKeyParameters x = new X25519PrivateKeyParameters(X_SEED, 0);
        XWingPrivateKeyParameters both = new XWingPrivateKeyParameters(
                new byte[32], key, x, key.getPublicKeyParameters(), x.generatePublicKey());
        Bytes point = Bytes.of(
                new X25519PrivateKeyParameters(X_COINS, 0).generatePublicKey().getEncoded());
        byte[] secret = new XWingKEMExtractor(both).extractSecret(join(ciphertext, point.toArray()));
        assertThat(Bytes.of(secret)).as(name).isEqualTo(xWing(expected, agree(X_SEED, point), point, X_HALF));
    }

    private static byte[] agree(byte[] scalar, Bytes point) {
        byte[] shared = new byte[32];
        assertThat(X25519.calculateAgreement(scalar, 0, point.toArray(), 0, shared, 0))
                .isTrue();
        return shared;
    }

    /// The combiner of the draft, §5.3, with the JDK's hash.
    private static Bytes xWing(byte[] mlKem, byte[] x, Bytes ciphertext, Bytes key) throws GeneralSecurityException {
        MessageDigest digest = MessageDigest.getInstance("SHA3-256");
        digest.update(mlKem);
        digest.update(x);
        digest.update(ciphertext.toArray());
        digest.update(key.toArray());
        return Bytes.of(digest.digest("\\.//^\\".getBytes(StandardCharsets.US_ASCII)));
    }

    @Test
    void hkdf_every105Cases() throws Exception {
        every("hkdf_sha256_test", 105, (group, test, name) -> {
            Secret salt = Secret.take(bytes(test.get("salt")));
            Secret input = Secret.take(bytes(test.get("ikm")));
            Bytes info = Bytes.of(bytes(test.get("info")));
            int size = test.get("size").asInt();
            if (!isValid(test)) {
                assertThat(flags(test)).as(name).containsExactly("SizeTooLarge");
                assertThatThrownBy(() -> Hkdf.derive(salt, input, info, size))
                        .as(name)
                        .isInstanceOf(IllegalArgumentException.class);
                return;
            }
            Bytes expected = Bytes.of(bytes(test.get("okm")));
            assertThat(raw(Hkdf.derive(salt, input, info, size))).as(name).isEqualTo(expected);
            Bytes publicSalt = Bytes.of(bytes(test.get("salt")));
            assertThat(raw(Hkdf.expand(Hkdf.extract(publicSalt, input), info, size)))
                    .as(name)
                    .isEqualTo(expected);
        });
    }

    private static Bytes raw(Secret secret) {
        return Bytes.of(secret.expose(InsecureSecretAccess.get()));
    }
}

package dev.sotto.crypto.bc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.primitive.Hkdf;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.io.InputStream;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.junit.jupiter.api.Test;

/// Every case of Project Wycheproof's files for what this module computes with; each test ends with the
/// number of cases that its file says it has.
///
/// ChaCha20-Poly1305 does not apply: nothing here uses it.
class WycheproofTest {
    private static final BigInteger P = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));

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

    /// `ModelCipher` fixes key size, nonce and aad, so the cases go through the cipher that it takes from
    /// the JDK.
    @Test
    void aesGcm_every256Cases() throws Exception {
        every("aes_gcm_test", 256, (group, test, name) -> {
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

package dev.sotto.crypto.bc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import java.math.BigInteger;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.EdECPrivateKeySpec;
import java.security.spec.NamedParameterSpec;
import java.util.ArrayList;
import java.util.List;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.junit.jupiter.api.Test;

class BouncyCastlePrimitivesTest {
    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Randomness randomness = Randomness.secure();

    private static Bytes bytes(Secret secret) {
        return Bytes.of(secret.expose(InsecureSecretAccess.get()));
    }

    private static Bytes with(Bytes bytes, int at, int value) {
        byte[] changed = bytes.toArray();
        changed[at] = (byte) value;
        return Bytes.of(changed);
    }

    private static Bytes withPoint(Bytes bytes, Bytes point) {
        byte[] changed = bytes.toArray();
        point.copyTo(changed, changed.length - 32);
        return Bytes.of(changed);
    }

    private static Bytes littleEndian(BigInteger value) {
        byte[] bytes = new byte[32];
        for (int i = 0; i < 32; i++) {
            bytes[i] = value.shiftRight(8 * i).byteValue();
        }
        return Bytes.of(bytes);
    }

    /// RFC 8032, §7.1, TEST 1.
    @Test
    void ed25519_rfc8032Test1_matches() {
        Secret seed = Secret.take(Bytes.fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
                .toArray());
        assertThat(primitives.identityKey(seed).hex())
                .isEqualTo("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assertThat(primitives.sign(seed, Bytes.EMPTY).hex())
                .isEqualTo(
                        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
                                + "d25bf5f0595bbe24655141438e7a100b");
    }

    @Test
    void ed25519_jdkAsIndependentImplementation_signsTheSame() throws Exception {
        for (int i = 0; i < 20; i++) {
            Secret seed = randomness.secret(32);
            Bytes message = randomness.bytes(i * 7);
            PrivateKey key = KeyFactory.getInstance("Ed25519")
                    .generatePrivate(new EdECPrivateKeySpec(
                            NamedParameterSpec.ED25519, bytes(seed).toArray()));
            Signature jdk = Signature.getInstance("Ed25519");
            jdk.initSign(key);
            jdk.update(message.toArray());
            assertThat(primitives.sign(seed, message)).isEqualTo(Bytes.of(jdk.sign()));
        }
    }

    @Test
    void verify_alteredSignatureMessageOrKey_isFalse() {
        Secret seed = randomness.secret(32);
        Bytes key = primitives.identityKey(seed);
        Bytes message = Bytes.utf8("roster");
        Bytes signature = primitives.sign(seed, message);
        assertThat(primitives.verify(key, message, signature)).isTrue();
        for (int i = 0; i < signature.size(); i++) {
            assertThat(primitives.verify(key, message, with(signature, i, signature.at(i) ^ 1)))
                    .isFalse();
        }
        assertThat(primitives.verify(key, Bytes.utf8("rosteR"), signature)).isFalse();
        assertThat(primitives.verify(Bytes.zeros(32), message, signature)).isFalse();
        assertThat(primitives.verify(Bytes.zeros(31), message, signature)).isFalse();
        assertThat(primitives.verify(key, message, Bytes.zeros(63))).isFalse();
    }

    @Test
    void decapsulate_ownCiphertext_givesTheSameSecret() throws Exception {
        Secret seed = randomness.secret(32);
        var made = primitives.encapsulate(primitives.kemKey(seed), randomness.secret(64));
        assertThat(primitives.decapsulate(seed, made.ciphertext()).sameAs(made.secret()))
                .isTrue();
        Bytes altered = with(made.ciphertext(), 5, made.ciphertext().at(5) ^ 1);
        assertThat(primitives.decapsulate(seed, altered).sameAs(made.secret())).isFalse();
    }

    @Test
    void encapsulate_sameCoins_givesTheSameCiphertext() throws Exception {
        Bytes key = primitives.kemKey(randomness.secret(32));
        Secret coins = randomness.secret(64);
        assertThat(primitives.encapsulate(key, coins).ciphertext())
                .isEqualTo(primitives.encapsulate(key, coins).ciphertext());
    }

    @Test
    void checkKemKey_wrongLength_isRefused() {
        Bytes key = primitives.kemKey(randomness.secret(32));
        for (Bytes wrong :
                List.of(Bytes.EMPTY, key.slice(0, 1215), Bytes.of(java.util.Arrays.copyOf(key.toArray(), 1217)))) {
            assertThatThrownBy(() -> primitives.checkKemKey(wrong))
                    .isInstanceOf(InvalidKey.class)
                    .hasMessageContaining("must have 1216");
        }
    }

    @Test
    void checkKemKey_coefficientAtTheModulus_isRefused() {
        Bytes key = primitives.kemKey(randomness.secret(32));
        // 3329 = 0xd01 as the first 12-bit coefficient.
        Bytes wrong = with(with(key, 0, 0x01), 1, key.at(1) & 0xf0 | 0x0d);
        assertThatThrownBy(() -> primitives.checkKemKey(wrong)).hasMessageContaining("modulus check");
    }

    /// FIPS 203, §7.2: both coefficients of the first three bytes, just below the modulus and at it.
    @Test
    void checkKemKey_eitherCoefficient_mustBeBelowTheModulus() throws Exception {
        Bytes key = primitives.kemKey(randomness.secret(32));
        for (int at : new int[] {0, 1149}) {
            primitives.checkKemKey(withCoefficients(key, at, 3328, 3328));
            for (int wrong : new int[] {3329, 3330, 4095}) {
                assertThatThrownBy(() -> primitives.checkKemKey(withCoefficients(key, at, wrong, 0)))
                        .hasMessageContaining("modulus check");
                assertThatThrownBy(() -> primitives.checkKemKey(withCoefficients(key, at, 0, wrong)))
                        .hasMessageContaining("modulus check");
            }
        }
    }

    private static Bytes withCoefficients(Bytes key, int at, int low, int high) {
        return with(with(with(key, at, low & 0xff), at + 1, low >> 8 | (high & 0x0f) << 4), at + 2, high >> 4);
    }

    /// Whatever a peer calls its key or its box: a typed refusal, before the library sees it.
    @Test
    void sealEncapsulateAndOpen_ofWhatIsNoKey_areRefused() throws Exception {
        Secret seed = randomness.secret(32);
        Bytes key = primitives.kemKey(seed);
        Bytes lowOrder = withPoint(key, Bytes.zeros(32));
        Bytes longer = Bytes.of(java.util.Arrays.copyOf(key.toArray(), 1217));
        for (Bytes wrong : List.of(lowOrder, longer, withCoefficients(key, 6, 3329, 0))) {
            assertThatThrownBy(() -> primitives.encapsulate(wrong, randomness.secret(64)))
                    .isInstanceOf(InvalidKey.class);
            assertThatThrownBy(() -> primitives.seal(wrong, Bytes.EMPTY, seed, randomness))
                    .isInstanceOf(InvalidKey.class);
        }
        Bytes box = primitives.seal(key, Bytes.EMPTY, seed, randomness);
        byte[] pointless = box.toArray();
        java.util.Arrays.fill(pointless, 1088, 1120, (byte) 0);
        assertThatThrownBy(() -> primitives.open(seed, Bytes.EMPTY, Bytes.of(pointless)))
                .isInstanceOf(BoxRefused.class);
        for (int size : new int[] {63, 65}) {
            assertThatThrownBy(() -> primitives.encapsulate(key, randomness.secret(size)))
                    .hasMessageContaining("coins have " + size);
        }
    }

    /// Who has the coins of a box can open it.
    @Test
    void seal_done_hasWipedItsCoins() throws Exception {
        List<byte[]> drawn = new ArrayList<>();
        Bytes key = primitives.kemKey(randomness.secret(32));
        Bytes box = primitives.seal(key, Bytes.EMPTY, randomness.secret(32), target -> {
            randomness.fill(target);
            drawn.add(target);
        });
        assertThat(box.size()).isEqualTo(1120 + 32 + 16);
        assertThat(drawn).hasSize(1).allSatisfy(bytes -> assertThat(bytes).containsOnly(0));
    }

    @Test
    void open_ofTheShortestBox_isNothing() throws Exception {
        Secret seed = randomness.secret(32);
        Bytes box = primitives.seal(primitives.kemKey(seed), Bytes.EMPTY, Secret.take(new byte[0]), randomness);
        assertThat(primitives.open(seed, Bytes.EMPTY, box).size()).isZero();
        assertThatThrownBy(() -> primitives.open(seed, Bytes.EMPTY, box.slice(0, box.size() - 1)))
                .hasMessageContaining("which is too few");
    }

    @Test
    void x25519Half_lowOrderOrNotCanonical_isRefused() throws Exception {
        BigInteger p = BigInteger.TWO.pow(255).subtract(BigInteger.valueOf(19));
        Secret seed = randomness.secret(32);
        Bytes key = primitives.kemKey(seed);
        Bytes ciphertext = primitives.encapsulate(key, randomness.secret(64)).ciphertext();
        List<BigInteger> lowOrder = List.of(
                BigInteger.ZERO,
                BigInteger.ONE,
                p.subtract(BigInteger.ONE),
                new BigInteger("325606250916557431795983626356110631294008115727848805560023387167927233504"),
                new BigInteger("39382357235489614581723060781553021112529911719440698176882885853963445705823"));
        for (BigInteger point : lowOrder) {
            byte[] scalar = new byte[32];
            randomness.fill(scalar);
            assertThat(X25519.calculateAgreement(scalar, 0, littleEndian(point).toArray(), 0, new byte[32], 0))
                    .as("the library's own opinion")
                    .isFalse();
            assertThatThrownBy(() -> primitives.checkKemKey(withPoint(key, littleEndian(point))))
                    .hasMessageContaining("low order");
            assertThatThrownBy(() -> primitives.decapsulate(seed, withPoint(ciphertext, littleEndian(point))))
                    .hasMessageContaining("low order");
        }
        for (BigInteger point :
                List.of(p, p.add(BigInteger.TEN), BigInteger.TWO.pow(255).add(BigInteger.valueOf(9)))) {
            assertThatThrownBy(() -> primitives.checkKemKey(withPoint(key, littleEndian(point))))
                    .hasMessageContaining("not canonical");
        }
        Bytes overlong = Bytes.of(java.util.Arrays.copyOf(ciphertext.toArray(), 1121));
        assertThatThrownBy(() -> primitives.decapsulate(seed, overlong)).isInstanceOf(InvalidKey.class);
    }

    @Test
    void open_otherReceiverContextOrBytes_isRefused() throws Exception {
        Secret seed = randomness.secret(32);
        Bytes info = Bytes.utf8("share");
        Secret plain = randomness.secret(128);
        Bytes box = primitives.seal(primitives.kemKey(seed), info, plain, randomness);
        assertThat(box.size()).isEqualTo(1120 + 128 + 16);
        assertThat(primitives.open(seed, info, box).sameAs(plain)).isTrue();
        assertThatThrownBy(() -> primitives.open(randomness.secret(32), info, box))
                .isInstanceOf(BoxRefused.class);
        assertThatThrownBy(() -> primitives.open(seed, Bytes.utf8("reveal"), box))
                .isInstanceOf(BoxRefused.class);
        for (int at : new int[] {0, 600, 1087, 1088, 1119, 1120, 1200, box.size() - 1}) {
            assertThatThrownBy(() -> primitives.open(seed, info, with(box, at, box.at(at) ^ 1)))
                    .isInstanceOf(BoxRefused.class);
        }
        assertThatThrownBy(() -> primitives.open(seed, info, box.slice(0, 1000)))
                .isInstanceOf(BoxRefused.class);
    }

    @Test
    void secret_closed_isWipedAndDoesNotPrint() {
        byte[] raw = {1, 2, 3};
        Secret secret = Secret.take(raw);
        assertThat(secret.toString()).isEqualTo("Secret[3 bytes]");
        secret.close();
        assertThat(raw).containsOnly(0);
        assertThatThrownBy(secret::copy).isInstanceOf(IllegalStateException.class);
    }
}

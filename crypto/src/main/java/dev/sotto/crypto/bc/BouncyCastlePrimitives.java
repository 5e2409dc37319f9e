package dev.sotto.crypto.bc;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.Set;
import javax.security.auth.DestroyFailedException;
import javax.security.auth.Destroyable;
import org.bouncycastle.crypto.InvalidCipherTextException;
import org.bouncycastle.crypto.SecretWithEncapsulation;
import org.bouncycastle.crypto.hpke.HPKE;
import org.bouncycastle.math.ec.rfc8032.Ed25519;
import org.bouncycastle.pqc.crypto.xwing.XWingKEMExtractor;
import org.bouncycastle.pqc.crypto.xwing.XWingKEMGenerator;
import org.bouncycastle.pqc.crypto.xwing.XWingPrivateKeyParameters;
import org.bouncycastle.pqc.crypto.xwing.XWingPublicKeyParameters;

/// [Primitives] by Bouncy Castle 1.87's lightweight API; registers no provider.
///
/// Bouncy Castle throws unchecked exceptions on some malformed bytes and accepts others, so every byte
/// string of a peer is checked here before the library sees it.
public final class BouncyCastlePrimitives implements Primitives {
    private static final int MLKEM_KEY = 1184;
    private static final int MLKEM_VECTOR = 1152;
    private static final int MLKEM_MODULUS = 3329;
    private static final int MLKEM_CIPHERTEXT = 1088;
    private static final int POINT = 32;
    private static final int COINS = 64;

    /// The u that X25519 takes to zero whatever the clamped scalar, a multiple of 8. There are no more:
    /// of the curve's eight points whose order divides 8 one is neutral, one has u = 0, two u = 1, four
    /// the last two u; of the twist's four whose order divides 4 one is neutral, one has 0, two −1.
    private static final Set<Bytes> LOW_ORDER = Set.of(
            Bytes.zeros(POINT),
            Bytes.fromHex("0100000000000000000000000000000000000000000000000000000000000000"),
            Bytes.fromHex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
            Bytes.fromHex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
            Bytes.fromHex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"));

    /// The first vector of draft-connolly-cfrg-xwing-kem, appendix C: its seed and coins are the first 96
    /// bytes of SHAKE-128("").
    private static final Bytes VECTOR_SEED =
            Bytes.fromHex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26");

    private static final Bytes VECTOR_COINS =
            Bytes.fromHex("3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2"
                    + "35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2");
    private static final Bytes VECTOR_SECRET =
            Bytes.fromHex("d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384");

    /// Runs the draft's first vector: a library that fails it must not be used.
    ///
    /// @throws IllegalStateException if it fails
    public BouncyCastlePrimitives() {
        try (Secret seed = Secret.take(VECTOR_SEED.toArray());
                Secret coins = Secret.take(VECTOR_COINS.toArray());
                Encapsulation made = encapsulate(kemKey(seed), coins);
                Secret got = decapsulate(seed, made.ciphertext());
                Secret expected = Secret.take(VECTOR_SECRET.toArray())) {
            if (!made.secret().sameAs(expected) || !got.sameAs(expected)) {
                throw new IllegalStateException(
                        "X-Wing self-test failed: the Bouncy Castle on the class path is not 1.87");
            }
        } catch (InvalidKey e) {
            throw new IllegalStateException("X-Wing self-test failed", e);
        }
    }

    @Override
    public Bytes identityKey(Secret seed) {
        byte[] key = new byte[Ed25519.PUBLIC_KEY_SIZE];
        Ed25519.generatePublicKey(raw(seed), 0, key, 0);
        return Bytes.of(key);
    }

    @Override
    public Bytes sign(Secret seed, Bytes message) {
        byte[] signature = new byte[Ed25519.SIGNATURE_SIZE];
        byte[] text = message.toArray();
        Ed25519.sign(raw(seed), 0, text, 0, text.length, signature, 0);
        return Bytes.of(signature);
    }

    @Override
    public boolean verify(Bytes identityKey, Bytes message, Bytes signature) {
        if (identityKey.size() != Ed25519.PUBLIC_KEY_SIZE || signature.size() != Ed25519.SIGNATURE_SIZE) {
            return false;
        }
        byte[] text = message.toArray();
        return Ed25519.verify(signature.toArray(), 0, identityKey.toArray(), 0, text, 0, text.length);
    }

    @Override
    public Bytes kemKey(Secret seed) {
        return Bytes.of(new XWingPrivateKeyParameters(raw(seed))
                .getPublicKeyParameters()
                .getEncoded());
    }

    @Override
    public void checkKemKey(Bytes key) throws InvalidKey {
        if (key.size() != Limits.XWING_PUBLIC_KEY) {
            throw new InvalidKey(
                    "X-Wing public key has " + key.size() + " bytes, must have " + Limits.XWING_PUBLIC_KEY);
        }
        for (int i = 0; i < MLKEM_VECTOR; i += 3) {
            int low = (key.at(i) & 0xff) | ((key.at(i + 1) & 0x0f) << 8);
            int high = ((key.at(i + 1) & 0xff) >> 4) | ((key.at(i + 2) & 0xff) << 4);
            if (low >= MLKEM_MODULUS || high >= MLKEM_MODULUS) {
                throw new InvalidKey("X-Wing public key: its ML-KEM half fails the modulus check of FIPS 203 §7.2");
            }
        }
        checkPoint(key.slice(MLKEM_KEY, MLKEM_KEY + POINT), "X-Wing public key");
    }

    @Override
    public void checkCiphertext(Bytes ciphertext) throws InvalidKey {
        if (ciphertext.size() != Limits.XWING_CIPHERTEXT) {
            throw new InvalidKey(
                    "X-Wing ciphertext has " + ciphertext.size() + " bytes, must have " + Limits.XWING_CIPHERTEXT);
        }
        checkPoint(ciphertext.slice(MLKEM_CIPHERTEXT, MLKEM_CIPHERTEXT + POINT), "X-Wing ciphertext");
    }

    /// Canonical: below 2^255 − 19. Low order by a list, not by a multiplication: a member checks the
    /// n²/2 ciphertexts of all dealers.
    private static void checkPoint(Bytes point, String what) throws InvalidKey {
        int top = point.at(POINT - 1) & 0xff;
        boolean allOnes = top == 0x7f;
        for (int i = 1; i < POINT - 1 && allOnes; i++) {
            allOnes = (point.at(i) & 0xff) == 0xff;
        }
        if (top > 0x7f || (allOnes && (point.at(0) & 0xff) >= 0xed)) {
            throw new InvalidKey(what + ": its X25519 half is not canonical");
        }
        if (LOW_ORDER.contains(point)) {
            throw new InvalidKey(what + ": its X25519 half is of low order");
        }
    }

    @Override
    public Encapsulation encapsulate(Bytes key, Secret coins) throws InvalidKey {
        checkKemKey(key);
        if (coins.size() != COINS) {
            throw new IllegalArgumentException("coins have " + coins.size() + " bytes, must have " + COINS);
        }
        Coins source = new Coins(raw(coins));
        SecretWithEncapsulation made =
                new XWingKEMGenerator(source).generateEncapsulated(new XWingPublicKeyParameters(key.toArray()));
        source.requireSpent();
        try {
            return new Encapsulation(Bytes.of(made.getEncapsulation()), Secret.take(made.getSecret()));
        } finally {
            wipe(made);
        }
    }

    private static void wipe(Destroyable copy) {
        try {
            copy.destroy();
        } catch (DestroyFailedException e) {
            throw new IllegalStateException("Bouncy Castle's secrets can be destroyed", e);
        }
    }

    @Override
    public Secret decapsulate(Secret seed, Bytes ciphertext) throws InvalidKey {
        checkCiphertext(ciphertext);
        return Secret.take(
                new XWingKEMExtractor(new XWingPrivateKeyParameters(raw(seed))).extractSecret(ciphertext.toArray()));
    }

    @Override
    public Bytes seal(Bytes key, Bytes info, Secret plain, Randomness randomness) throws InvalidKey {
        checkKemKey(key);
        HPKE hpke = hpke();
        byte[] coins = new byte[COINS];
        randomness.fill(coins);
        try {
            byte[][] parts = sealParts(hpke, key, info, plain, coins);
            byte[] box = Arrays.copyOf(parts[0], parts[0].length + parts[1].length);
            System.arraycopy(parts[1], 0, box, parts[0].length, parts[1].length);
            return Bytes.of(box);
        } catch (InvalidCipherTextException e) {
            throw new IllegalStateException("sealing cannot fail", e);
        } finally {
            Arrays.fill(coins, (byte) 0);
        }
    }

    private static byte[][] sealParts(HPKE hpke, Bytes key, Bytes info, Secret plain, byte[] coins)
            throws InvalidCipherTextException {
        var context = hpke.setupBaseS(hpke.deserializePublicKey(key.toArray()), info.toArray(), coins);
        return new byte[][] {context.getEncapsulation(), context.seal(new byte[0], raw(plain))};
    }

    @Override
    public Secret open(Secret seed, Bytes info, Bytes box) throws BoxRefused {
        if (box.size() < Limits.XWING_CIPHERTEXT + Limits.TAG) {
            throw new BoxRefused("sealed box has " + box.size() + " bytes, which is too few");
        }
        Bytes encapsulated = box.slice(0, Limits.XWING_CIPHERTEXT);
        try {
            checkCiphertext(encapsulated);
            HPKE hpke = hpke();
            var context = hpke.setupBaseR(
                    encapsulated.toArray(),
                    hpke.deserializePrivateKey(raw(seed), kemKey(seed).toArray()),
                    info.toArray());
            return Secret.take(context.open(
                    new byte[0], box.slice(Limits.XWING_CIPHERTEXT, box.size()).toArray()));
        } catch (InvalidKey | InvalidCipherTextException e) {
            throw new BoxRefused("sealed box does not open: " + Enc.sha256(box));
        }
    }

    private static HPKE hpke() {
        return new HPKE(HPKE.mode_base, HPKE.kem_X_WING, HPKE.kdf_HKDF_SHA256, HPKE.aead_AES_GCM256);
    }

    private static byte[] raw(Secret secret) {
        return secret.expose(InsecureSecretAccess.get());
    }

    /// Gives 32 bytes for ML-KEM, then 32 for X25519, and nothing else to anyone.
    private static final class Coins extends SecureRandom {
        private static final long serialVersionUID = 1L;

        private final transient byte[] coins;
        private int used;

        Coins(byte[] coins) {
            super(null, null);
            this.coins = coins;
        }

        @Override
        public void nextBytes(byte[] target) {
            if (target.length != COINS / 2 || used == COINS) {
                throw new IllegalStateException("X-Wing asked for other coins than 32 and 32 bytes");
            }
            System.arraycopy(coins, used, target, 0, target.length);
            used += target.length;
        }

        void requireSpent() {
            if (used != COINS) {
                throw new IllegalStateException("X-Wing used " + used + " of " + COINS + " bytes of coins");
            }
        }
    }
}

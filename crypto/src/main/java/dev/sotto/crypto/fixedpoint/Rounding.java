package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// Random uint32 for stochastic rounding: AES-256-CTR under a key of its own, never one that masks. Not
/// thread-safe.
public final class Rounding {
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int SIZE = 64 * 1024;
    private static final byte[] ZEROS = new byte[SIZE];

    private final Cipher cipher;
    private final byte[] words = new byte[SIZE];
    private int at = SIZE;

    /// Draws a fresh key from `randomness`.
    public Rounding(Randomness randomness) {
        try (Secret key = randomness.secret(32)) {
            cipher = Cipher.getInstance("AES/CTR/NoPadding");
            cipher.init(
                    Cipher.ENCRYPT_MODE,
                    new SecretKeySpec(key.expose(InsecureSecretAccess.get()), "AES"),
                    new IvParameterSpec(new byte[16]));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        }
    }

    /// The next uint32, as a long from 0 to 2^32 − 1.
    long next() {
        if (at == SIZE) {
            try {
                cipher.update(ZEROS, 0, SIZE, words, 0);
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("a stream cipher fills any buffer", e);
            }
            at = 0;
        }
        int word = (int) INT.get(words, at);
        at += 4;
        return word & 0xffffffffL;
    }
}

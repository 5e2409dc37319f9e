package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// Random uint32 for stochastic rounding: AES-256-CTR under a key of its own, never one that masks. Not
/// thread-safe.
public final class Rounding {
    /// The size of a key.
    public static final int KEY = 32;

    private static final int BLOCK = 16;

    private final Cipher cipher;
    private byte[] zeros = {};
    private byte[] bytes = {};
    private int[] words = {};

    /// Of `key`'s uint32, those from place `first` on: so each chunk of a vector can be rounded by itself.
    ///
    /// @param key   a fresh one for each vector; the caller closes it
    /// @param first a multiple of 4
    public Rounding(Secret key, long first) {
        if (first < 0 || first % (BLOCK / Integer.BYTES) != 0) {
            throw new IllegalArgumentException("first " + first + " is not a multiple of 4");
        }
        byte[] counter = ByteBuffer.allocate(BLOCK)
                .putLong(8, first / (BLOCK / Integer.BYTES))
                .array();
        try {
            cipher = Cipher.getInstance("AES/CTR/NoPadding");
            cipher.init(
                    Cipher.ENCRYPT_MODE,
                    new SecretKeySpec(key.expose(InsecureSecretAccess.get()), "AES"),
                    new IvParameterSpec(counter));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        }
    }

    /// The next `count` uint32, at the beginning of an array that the next call overwrites.
    int[] next(int count) {
        if (words.length < count) {
            words = new int[count];
            bytes = new byte[count * Integer.BYTES];
            zeros = new byte[count * Integer.BYTES];
        }
        try {
            cipher.update(zeros, 0, count * Integer.BYTES, bytes, 0);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("a stream cipher fills any buffer", e);
        }
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(words, 0, count);
        return words;
    }
}

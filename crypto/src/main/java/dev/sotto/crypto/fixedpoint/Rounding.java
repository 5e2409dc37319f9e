package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.primitive.AesCtr;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Random uint32 for stochastic rounding: AES-256-CTR under a key of its own, never one that masks. Not
/// thread-safe. Closing it wipes its key and words.
public final class Rounding implements AutoCloseable {
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int SIZE = 64 * 1024;

    private final AesCtr stream;
    private final byte[] words = new byte[SIZE];
    private int at = SIZE;

    /// Draws a fresh key from `randomness`.
    public Rounding(Randomness randomness) {
        try (Secret key = randomness.secret(32)) {
            stream = new AesCtr(key, 0);
        }
    }

    /// The next uint32, as a long from 0 to 2^32 − 1.
    long next() {
        if (at == SIZE) {
            stream.next(words, SIZE);
            at = 0;
        }
        int word = (int) INT.get(words, at);
        at += 4;
        return word & 0xffffffffL;
    }

    /// Nothing may be drawn afterwards.
    @Override
    public void close() {
        stream.close();
        Arrays.fill(words, (byte) 0);
    }
}

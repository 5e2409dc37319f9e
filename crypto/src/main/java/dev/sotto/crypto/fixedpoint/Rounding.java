package dev.sotto.crypto.fixedpoint;

import dev.sotto.crypto.primitive.AesCtr;
import dev.sotto.crypto.primitive.Secret;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Random uint32 for stochastic rounding: AES-256-CTR under a key of its own, never one that masks. Not
/// thread-safe. Closing it wipes its key and words.
public final class Rounding implements AutoCloseable {
    /// The size of a key.
    public static final int KEY = 32;

    private static final int WORDS_PER_BLOCK = 4;

    private final AesCtr stream;
    private byte[] bytes = {};
    private int[] words = {};

    /// Of `key`'s uint32, those from place `first` on: so each chunk of a vector can be rounded by itself.
    ///
    /// @param key   a fresh one for each vector; the caller closes it
    /// @param first a multiple of 4
    public Rounding(Secret key, long first) {
        if (first < 0 || first % WORDS_PER_BLOCK != 0) {
            throw new IllegalArgumentException("first " + first + " is not a multiple of 4");
        }
        stream = new AesCtr(key, first / WORDS_PER_BLOCK);
    }

    /// The next `count` uint32, at the beginning of an array that the next call overwrites.
    int[] next(int count) {
        if (words.length < count) {
            wipe();
            words = new int[count];
            bytes = new byte[count * Integer.BYTES];
        }
        stream.next(bytes, count * Integer.BYTES);
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(words, 0, count);
        return words;
    }

    /// Nothing may be drawn afterwards.
    @Override
    public void close() {
        stream.close();
        wipe();
    }

    private void wipe() {
        Arrays.fill(words, 0);
        Arrays.fill(bytes, (byte) 0);
    }
}

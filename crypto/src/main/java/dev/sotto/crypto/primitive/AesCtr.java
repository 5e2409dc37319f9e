package dev.sotto.crypto.primitive;

import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;

/// The key stream of AES-256-CTR (SP 800-38A) from a counter of 128 bits, big-endian, by the JDK. Closing it makes
/// the cipher forget its key. Not thread-safe.
public final class AesCtr implements AutoCloseable {
    /// Bytes of a block.
    public static final int BLOCK = 16;

    private static final byte[] ZEROS = new byte[64 * 1024];
    private static final LiveKey NO_KEY = new LiveKey(Secret.take(new byte[32]), "AES");

    private final Cipher cipher;

    /// The stream under `key` from a block on.
    ///
    /// @param key   32 bytes; the caller's to close
    /// @param block from 0
    public AesCtr(Secret key, long block) {
        try {
            cipher = Cipher.getInstance("AES/CTR/NoPadding");
            init(new LiveKey(key, "AES"), block);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        }
    }

    private void init(LiveKey key, long block) throws GeneralSecurityException {
        byte[] counter = ByteBuffer.allocate(BLOCK).putLong(8, block).array();
        cipher.init(Cipher.ENCRYPT_MODE, key, new IvParameterSpec(counter));
    }

    /// Overwrites the first `length` bytes of `target` with the next of the stream.
    public void next(byte[] target, int length) {
        try {
            for (int at = 0; at < length; at += ZEROS.length) {
                int _ = cipher.update(ZEROS, 0, Math.min(ZEROS.length, length - at), target, at);
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("a stream cipher fills any buffer", e);
        }
    }

    /// With another key the JDK's cipher overwrites what it has made of the last one; it has no other way to be told.
    @Override
    public void close() {
        try {
            init(NO_KEY, 0);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        }
    }
}

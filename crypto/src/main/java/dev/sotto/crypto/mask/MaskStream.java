package dev.sotto.crypto.mask;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// PRG(key): AES-256-CTR from a zero counter, read as k-bit little-endian words (protocol §3, "Mask
/// stream").
///
/// Any chunk can be made alone: the counter is the byte offset in the vector / 16. Not thread-safe; one
/// per thread.
public final class MaskStream {
    private static final int BLOCK = 16;
    private static final int SLICE = 48 * 1024;
    private static final byte[] ZEROS = new byte[SLICE];

    private final byte[] stream = new byte[SLICE];

    /// Adds the keystream of `key` to `length` packed bytes of `target`, which stand at byte `offset` of
    /// their vector.
    ///
    /// @param offset a multiple of 48 (a chunk boundary is one)
    public void addTo(Ring ring, byte[] target, int length, long offset, Secret key) {
        apply(ring, target, length, offset, key, false);
    }

    /// Subtracts what [#addTo] adds.
    public void subtractFrom(Ring ring, byte[] target, int length, long offset, Secret key) {
        apply(ring, target, length, offset, key, true);
    }

    private void apply(Ring ring, byte[] target, int length, long offset, Secret key, boolean subtract) {
        if (offset < 0 || offset % (3 * BLOCK) != 0) {
            throw new IllegalArgumentException("offset " + offset + " is not a multiple of " + 3 * BLOCK);
        }
        try {
            Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
            byte[] counter =
                    ByteBuffer.allocate(BLOCK).putLong(8, offset / BLOCK).array();
            cipher.init(
                    Cipher.ENCRYPT_MODE,
                    new SecretKeySpec(key.expose(InsecureSecretAccess.get()), "AES"),
                    new IvParameterSpec(counter));
            for (int at = 0; at < length; at += SLICE) {
                int size = Math.min(SLICE, length - at);
                cipher.update(ZEROS, 0, size, stream, 0);
                if (subtract) {
                    ring.subtract(target, at, stream, size);
                } else {
                    ring.add(target, at, stream, size);
                }
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        } finally {
            Arrays.fill(stream, (byte) 0);
        }
    }
}

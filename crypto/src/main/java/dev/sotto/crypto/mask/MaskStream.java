package dev.sotto.crypto.mask;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.CarrySave;
import dev.sotto.crypto.ring.Ring;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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

    /// Small enough that a slice of the target, of a stream and of the lanes stay in a core's cache; a
    /// multiple of 48.
    private static final int SLICE = 6 * 1024;

    private static final byte[] ZEROS = new byte[SLICE];

    private final byte[] slice = new byte[SLICE];
    private final byte[] stream = new byte[SLICE];
    private final CarrySave lanes = new CarrySave(SLICE);

    /// One stream of a sum.
    ///
    /// @param key   the caller's to close
    /// @param added or subtracted
    public record Term(Secret key, boolean added) {}

    /// Adds the keystream of `key` to `length` packed bytes of `target`, which stand at byte `offset` of
    /// their vector.
    ///
    /// @param offset a multiple of 48 (a chunk boundary is one)
    public void addTo(Ring ring, byte[] target, int length, long offset, Secret key) {
        apply(ring, target, length, offset, List.of(new Term(key, true)));
    }

    /// Subtracts what [#addTo] adds.
    public void subtractFrom(Ring ring, byte[] target, int length, long offset, Secret key) {
        apply(ring, target, length, offset, List.of(new Term(key, false)));
    }

    /// Adds and subtracts several streams, a slice of the target after the other.
    ///
    /// @param length whole words
    /// @param offset a multiple of 48 (a chunk boundary is one)
    public void apply(Ring ring, byte[] target, int length, long offset, List<Term> terms) {
        if (offset < 0 || offset % (3 * BLOCK) != 0) {
            throw new IllegalArgumentException("offset " + offset + " is not a multiple of " + 3 * BLOCK);
        }
        try {
            List<Cipher> ciphers = new ArrayList<>(terms.size());
            for (Term term : terms) {
                ciphers.add(cipher(term.key(), offset / BLOCK));
            }
            for (int at = 0; at < length; at += SLICE) {
                int size = Math.min(SLICE, length - at);
                System.arraycopy(target, at, slice, 0, size);
                // Beyond a short last slice lies what nobody reads.
                int whole = Math.ceilDiv(size, CarrySave.GROUP) * CarrySave.GROUP;
                if (ring == Ring.K24) {
                    mix24(whole, terms, ciphers);
                } else {
                    mix(ring, whole, terms, ciphers);
                }
                System.arraycopy(slice, 0, target, at, size);
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES/CTR/NoPadding with 256-bit keys", e);
        } finally {
            Arrays.fill(slice, (byte) 0);
            Arrays.fill(stream, (byte) 0);
            lanes.clear();
        }
    }

    private static Cipher cipher(Secret key, long block) throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
        byte[] counter = ByteBuffer.allocate(BLOCK).putLong(8, block).array();
        cipher.init(
                Cipher.ENCRYPT_MODE,
                new SecretKeySpec(key.expose(InsecureSecretAccess.get()), "AES"),
                new IvParameterSpec(counter));
        return cipher;
    }

    private void mix(Ring ring, int size, List<Term> terms, List<Cipher> ciphers) throws GeneralSecurityException {
        for (int i = 0; i < terms.size(); i++) {
            int _ = ciphers.get(i).update(ZEROS, 0, size, stream, 0);
            if (terms.get(i).added()) {
                ring.add(slice, stream, size);
            } else {
                ring.subtract(slice, stream, size);
            }
        }
    }

    private void mix24(int size, List<Term> terms, List<Cipher> ciphers) throws GeneralSecurityException {
        for (int i = 0; i < terms.size(); i++) {
            int _ = ciphers.get(i).update(ZEROS, 0, size, stream, 0);
            if (lanes.isFull()) {
                lanes.foldInto(slice, size);
            }
            if (terms.get(i).added()) {
                lanes.add(stream, size);
            } else {
                lanes.subtract(stream, size);
            }
        }
        lanes.foldInto(slice, size);
    }
}

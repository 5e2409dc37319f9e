package dev.sotto.crypto.mask;

import dev.sotto.crypto.primitive.AesCtr;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.CarrySave;
import dev.sotto.crypto.ring.Ring;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// PRG(key): AES-256-CTR from a zero counter, read as k-bit little-endian words (protocol §3, "Mask
/// stream").
///
/// Any chunk can be made alone: the counter is the byte offset in the vector / 16. Not thread-safe; one
/// per thread.
public final class MaskStream {
    /// Small enough that a slice of the target, of a stream and of the lanes stay in a core's cache; a
    /// multiple of 48.
    private static final int SLICE = 6 * 1024;

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
        if (offset < 0 || offset % (3 * AesCtr.BLOCK) != 0) {
            throw new IllegalArgumentException("offset " + offset + " is not a multiple of " + 3 * AesCtr.BLOCK);
        }
        List<AesCtr> streams = new ArrayList<>(terms.size());
        try {
            for (Term term : terms) {
                streams.add(new AesCtr(term.key(), offset / AesCtr.BLOCK));
            }
            for (int at = 0; at < length; at += SLICE) {
                int size = Math.min(SLICE, length - at);
                System.arraycopy(target, at, slice, 0, size);
                // Beyond a short last slice lies what nobody reads.
                int whole = Math.ceilDiv(size, CarrySave.GROUP) * CarrySave.GROUP;
                if (ring == Ring.K24) {
                    mix24(whole, terms, streams);
                } else {
                    mix(ring, whole, terms, streams);
                }
                System.arraycopy(slice, 0, target, at, size);
            }
        } finally {
            streams.forEach(AesCtr::close);
            Arrays.fill(slice, (byte) 0);
            Arrays.fill(stream, (byte) 0);
            lanes.clear();
        }
    }

    private void mix(Ring ring, int size, List<Term> terms, List<AesCtr> streams) {
        for (int i = 0; i < terms.size(); i++) {
            streams.get(i).next(stream, size);
            if (terms.get(i).added()) {
                ring.add(slice, stream, size);
            } else {
                ring.subtract(slice, stream, size);
            }
        }
    }

    private void mix24(int size, List<Term> terms, List<AesCtr> streams) {
        for (int i = 0; i < terms.size(); i++) {
            streams.get(i).next(stream, size);
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

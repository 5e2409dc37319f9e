package dev.sotto.crypto.ring;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/// Adds many packed vectors over Z_{2^24} with their carries left for the end.
///
/// Not thread-safe.
public final class CarrySave {
    /*
     * A sum of 24-bit words is slow because words and registers do not meet; bytes and registers do. So each byte has a 16-bit
     * lane of its own, bytes at even places in `even`, those at odd places in `odd`, and one addend costs an AND, a shift and
     * an addition per 4 bytes. Every loop is of that kind and uses one index for all its arrays: then the compiler makes vector
     * instructions of it.
     *
     * A lane holds 255 addends, the target and a carry-in of 255: 255·255 + 255 + 255 = 2^16 − 1.
     *
     * Folding carries from a word's first byte to its second, then from that to its third; what leaves the third is lost, as
     * modulo 2^24 it must be. The lane before an even one is odd and one to the left, hence `shifted`.
     *
     * −s = ~s + 1 modulo 2^24, so a subtrahend is added inverted, and how many there were is added to each word's first byte.
     */
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final int LANES = 0x00ff00ff;
    private static final int MOST = 255;

    /// The vectors' lengths are multiples of this: four words in three ints.
    public static final int GROUP = 12;

    private final byte[] even;
    private final byte[] odd;
    private final byte[] shifted;

    /// By place in its word, 0xff at the lanes of such bytes.
    private final byte[][] evenLanes;

    private final byte[][] oddLanes;
    private int addends;
    private int subtrahends;

    /// For vectors of up to `size` bytes, a multiple of 12.
    public CarrySave(int size) {
        if (size < GROUP || size % GROUP != 0) {
            throw new IllegalArgumentException("size " + size + " is not a multiple of " + GROUP);
        }
        this.even = new byte[size];
        this.odd = new byte[size];
        this.shifted = new byte[size];
        this.evenLanes = new byte[3][size];
        this.oddLanes = new byte[3][size];
        for (int p = 0; p < size; p += 2) {
            evenLanes[p % 3][p] = (byte) 0xff;
            oddLanes[(p + 1) % 3][p] = (byte) 0xff;
        }
    }

    /// Whether the lanes must be folded before anything more is added.
    public boolean isFull() {
        return addends == MOST;
    }

    /// Adds the first `length` bytes, a multiple of 12.
    public void add(byte[] addend, int length) {
        count(addend, length);
        spread(addend, length);
    }

    /// Subtracts the first `length` bytes, a multiple of 12.
    public void subtract(byte[] subtrahend, int length) {
        count(subtrahend, length);
        subtrahends++;
        for (int i = 0; i < length; i += 4) {
            INT.set(even, i, (int) INT.get(even, i) + (~(int) INT.get(subtrahend, i) & LANES));
        }
        for (int i = 0; i < length; i += 4) {
            INT.set(odd, i, (int) INT.get(odd, i) + (~(int) INT.get(subtrahend, i) >>> 8 & LANES));
        }
    }

    private void spread(byte[] addend, int length) {
        for (int i = 0; i < length; i += 4) {
            INT.set(even, i, (int) INT.get(even, i) + ((int) INT.get(addend, i) & LANES));
        }
        for (int i = 0; i < length; i += 4) {
            INT.set(odd, i, (int) INT.get(odd, i) + ((int) INT.get(addend, i) >>> 8 & LANES));
        }
    }

    private void count(byte[] vector, int length) {
        if (length > even.length || length > vector.length || length % GROUP != 0) {
            throw new IllegalArgumentException("length " + length + " must be a multiple of " + GROUP + " up to "
                    + Math.min(even.length, vector.length));
        }
        if (isFull()) {
            throw new IllegalStateException("a lane holds " + MOST + " addends");
        }
        addends++;
    }

    /// Adds what was collected to the first `length` bytes of `target`, a multiple of 12, and begins anew.
    /// The lanes are wiped.
    public void foldInto(byte[] target, int length) {
        spread(target, length);
        addToLanes(even, evenLanes[0], length);
        addToLanes(odd, oddLanes[0], length);
        for (int place = 1; place < 3; place++) {
            // Into odd lanes of this place from the even ones before them; into even lanes from the odd ones before.
            // Those that are read stand at the place before and are not changed.
            System.arraycopy(odd, 0, shifted, 2, length - 2);
            carry(odd, even, oddLanes[place], length);
            carry(even, shifted, evenLanes[place], length);
        }
        for (int i = 0; i < length; i += 4) {
            INT.set(target, i, (int) INT.get(even, i) & LANES | ((int) INT.get(odd, i) & LANES) << 8);
        }
        clear();
    }

    /// The number of subtrahends, at some lanes.
    private void addToLanes(byte[] lanes, byte[] mask, int length) {
        int both = subtrahends * 0x0001_0001;
        for (int i = 0; i < length; i += 4) {
            INT.set(lanes, i, (int) INT.get(lanes, i) + (both & (int) INT.get(mask, i)));
        }
    }

    private static void carry(byte[] into, byte[] from, byte[] mask, int length) {
        for (int i = 0; i < length; i += 4) {
            INT.set(into, i, (int) INT.get(into, i) + ((int) INT.get(from, i) >>> 8 & (int) INT.get(mask, i)));
        }
    }

    /// Wipes the lanes.
    public void clear() {
        Arrays.fill(even, (byte) 0);
        Arrays.fill(odd, (byte) 0);
        Arrays.fill(shifted, (byte) 0);
        addends = 0;
        subtrahends = 0;
    }
}

package dev.sotto.crypto.ring;

import dev.sotto.schemas.Limits;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/// Z_{2^k}, two's complement, packed little-endian without gaps; addition wraps. A chunk is 786,432
/// bytes, the last one of a vector may be shorter, and no chunk spans two vectors (protocol §4).
public enum Ring {
    /// k = 16: 393,216 coordinates per chunk.
    K16(16),
    /// k = 24: 262,144 coordinates per chunk.
    K24(24),
    /// k = 32: 196,608 coordinates per chunk.
    K32(32);

    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    /// The top bits of two 16-bit words: without them a sum of words cannot carry into the next.
    private static final int TOP = 0x8000_8000;

    /// Likewise of eight 24-bit words in three longs.
    private static final long TOP_0 = 0x0000_8000_0080_0000L;

    private static final long TOP_1 = 0x0080_0000_8000_0080L;
    private static final long TOP_2 = 0x8000_0080_0000_8000L;
    private static final int GROUP_24 = 24;

    private final int bits;

    Ring(int bits) {
        this.bits = bits;
    }

    /// The ring of `bits` bits.
    ///
    /// @throws IllegalArgumentException unless 16, 24 or 32
    public static Ring of(int bits) {
        for (Ring ring : values()) {
            if (ring.bits == bits) {
                return ring;
            }
        }
        throw new IllegalArgumentException("ring bits are " + bits + ", must be 16, 24 or 32");
    }

    /// k.
    public int bits() {
        return bits;
    }

    /// Bytes per coordinate.
    public int wordBytes() {
        return bits / 8;
    }

    /// Coordinates in a full chunk.
    public int chunkCoordinates() {
        return Limits.CHUNK / wordBytes();
    }

    /// The number of chunks of a vector.
    public int chunks(long coordinates) {
        return Math.toIntExact((coordinates + chunkCoordinates() - 1) / chunkCoordinates());
    }

    /// The number of coordinates of chunk `index` of a vector.
    public int chunkSize(long coordinates, int index) {
        return (int) Math.min(chunkCoordinates(), coordinates - (long) index * chunkCoordinates());
    }

    /// target += addend in their first `length` bytes: whole words only.
    public void add(byte[] target, byte[] addend, int length) {
        switch (this) {
            case K16 -> {
                int pairs = length & -4;
                for (int i = 0; i < pairs; i += 4) {
                    int a = (int) INT.get(target, i);
                    int b = (int) INT.get(addend, i);
                    INT.set(target, i, (a & ~TOP) + (b & ~TOP) ^ (a ^ b) & TOP);
                }
                if (pairs < length) {
                    SHORT.set(target, pairs, (short)
                            ((short) SHORT.get(target, pairs) + (short) SHORT.get(addend, pairs)));
                }
            }
            case K24 -> {
                int groups = length - length % GROUP_24;
                for (int i = 0; i < groups; i += GROUP_24) {
                    addGroup(target, addend, i);
                }
                for (int i = groups; i < length; i += 3) {
                    put24(target, i, get24(target, i) + get24(addend, i));
                }
            }
            case K32 -> {
                for (int i = 0; i < length; i += 4) {
                    INT.set(target, i, (int) INT.get(target, i) + (int) INT.get(addend, i));
                }
            }
        }
    }

    /// target −= subtrahend in their first `length` bytes: whole words only.
    public void subtract(byte[] target, byte[] subtrahend, int length) {
        switch (this) {
            case K16 -> {
                int pairs = length & -4;
                for (int i = 0; i < pairs; i += 4) {
                    int a = (int) INT.get(target, i);
                    int b = (int) INT.get(subtrahend, i);
                    INT.set(target, i, (a | TOP) - (b & ~TOP) ^ (a ^ ~b) & TOP);
                }
                if (pairs < length) {
                    SHORT.set(target, pairs, (short)
                            ((short) SHORT.get(target, pairs) - (short) SHORT.get(subtrahend, pairs)));
                }
            }
            case K24 -> {
                for (int i = 0; i < length; i += 3) {
                    put24(target, i, get24(target, i) - get24(subtrahend, i));
                }
            }
            case K32 -> {
                for (int i = 0; i < length; i += 4) {
                    INT.set(target, i, (int) INT.get(target, i) - (int) INT.get(subtrahend, i));
                }
            }
        }
    }

    /// The signed value of the word at coordinate `index`.
    public int get(byte[] packed, int index) {
        int at = index * wordBytes();
        return switch (this) {
            case K16 -> (short) SHORT.get(packed, at);
            case K24 -> get24(packed, at) << 8 >> 8;
            case K32 -> (int) INT.get(packed, at);
        };
    }

    /// Stores `value` modulo 2^k at coordinate `index`.
    public void put(byte[] packed, int index, int value) {
        int at = index * wordBytes();
        switch (this) {
            case K16 -> SHORT.set(packed, at, (short) value);
            case K24 -> put24(packed, at, value);
            case K32 -> INT.set(packed, at, value);
        }
    }

    /// Stores the first `count` values modulo 2^k from coordinate `index` on.
    public void put(byte[] packed, int index, int[] values, int count) {
        int at = index * wordBytes();
        switch (this) {
            case K16 -> {
                for (int i = 0; i < count; i++) {
                    SHORT.set(packed, at + 2 * i, (short) values[i]);
                }
            }
            case K24 -> {
                int i = 0;
                for (; i + 4 <= count; i += 4, at += 12) {
                    int a = values[i] & 0xffffff;
                    int b = values[i + 1] & 0xffffff;
                    int c = values[i + 2] & 0xffffff;
                    INT.set(packed, at, a | b << 24);
                    INT.set(packed, at + 4, b >>> 8 | c << 16);
                    INT.set(packed, at + 8, c >>> 16 | values[i + 3] << 8);
                }
                for (; i < count; i++, at += 3) {
                    put24(packed, at, values[i]);
                }
            }
            case K32 -> {
                for (int i = 0; i < count; i++) {
                    INT.set(packed, at + 4 * i, values[i]);
                }
            }
        }
    }

    /// Eight 24-bit words in three longs, without a carry from word to word: the words' top bits are added
    /// apart, and what leaves a long goes into the same word's part in the next.
    private static void addGroup(byte[] target, byte[] addend, int i) {
        long a0 = (long) LONG.get(target, i);
        long a1 = (long) LONG.get(target, i + 8);
        long a2 = (long) LONG.get(target, i + 16);
        long b0 = (long) LONG.get(addend, i);
        long b1 = (long) LONG.get(addend, i + 8);
        long b2 = (long) LONG.get(addend, i + 16);
        long x0 = a0 & ~TOP_0;
        long y0 = b0 & ~TOP_0;
        long s0 = x0 + y0;
        long x1 = a1 & ~TOP_1;
        long y1 = b1 & ~TOP_1;
        long s1 = x1 + y1 + ((x0 & y0 | (x0 | y0) & ~s0) >>> 63);
        long s2 = (a2 & ~TOP_2) + (b2 & ~TOP_2) + ((x1 & y1 | (x1 | y1) & ~s1) >>> 63);
        LONG.set(target, i, s0 ^ (a0 ^ b0) & TOP_0);
        LONG.set(target, i + 8, s1 ^ (a1 ^ b1) & TOP_1);
        LONG.set(target, i + 16, s2 ^ (a2 ^ b2) & TOP_2);
    }

    private static int get24(byte[] packed, int at) {
        return packed[at] & 0xff | (packed[at + 1] & 0xff) << 8 | (packed[at + 2] & 0xff) << 16;
    }

    private static void put24(byte[] packed, int at, int value) {
        packed[at] = (byte) value;
        packed[at + 1] = (byte) (value >> 8);
        packed[at + 2] = (byte) (value >> 16);
    }
}

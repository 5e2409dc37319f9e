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
    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

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

    /// target[at …] += addend[0 …], `length` bytes: whole words only.
    public void add(byte[] target, int at, byte[] addend, int length) {
        switch (this) {
            case K16 -> {
                for (int i = 0; i < length; i += 2) {
                    SHORT.set(
                            target, at + i, (short) ((short) SHORT.get(target, at + i) + (short) SHORT.get(addend, i)));
                }
            }
            case K24 -> {
                for (int i = 0; i < length; i += 3) {
                    put24(target, at + i, get24(target, at + i) + get24(addend, i));
                }
            }
            case K32 -> {
                for (int i = 0; i < length; i += 4) {
                    INT.set(target, at + i, (int) INT.get(target, at + i) + (int) INT.get(addend, i));
                }
            }
        }
    }

    /// target[at …] −= subtrahend[0 …], `length` bytes: whole words only.
    public void subtract(byte[] target, int at, byte[] subtrahend, int length) {
        switch (this) {
            case K16 -> {
                for (int i = 0; i < length; i += 2) {
                    SHORT.set(target, at + i, (short)
                            ((short) SHORT.get(target, at + i) - (short) SHORT.get(subtrahend, i)));
                }
            }
            case K24 -> {
                for (int i = 0; i < length; i += 3) {
                    put24(target, at + i, get24(target, at + i) - get24(subtrahend, i));
                }
            }
            case K32 -> {
                for (int i = 0; i < length; i += 4) {
                    INT.set(target, at + i, (int) INT.get(target, at + i) - (int) INT.get(subtrahend, i));
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

    private static int get24(byte[] packed, int at) {
        return packed[at] & 0xff | (packed[at + 1] & 0xff) << 8 | (packed[at + 2] & 0xff) << 16;
    }

    private static void put24(byte[] packed, int at, int value) {
        packed[at] = (byte) value;
        packed[at + 1] = (byte) (value >> 8);
        packed[at + 2] = (byte) (value >> 16);
    }
}

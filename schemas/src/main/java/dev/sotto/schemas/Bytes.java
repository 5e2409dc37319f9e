package dev.sotto.schemas;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;

/// An immutable byte string with value equality and unsigned lexicographic order.
///
/// Not for secrets: it prints itself and cannot be wiped. Thread-safe.
public final class Bytes implements Comparable<Bytes> {
    /// The byte string of length zero.
    public static final Bytes EMPTY = new Bytes(new byte[0]);

    private final byte[] value;

    private Bytes(byte[] value) {
        this.value = value;
    }

    /// A copy of `value`.
    public static Bytes of(byte[] value) {
        return value.length == 0 ? EMPTY : new Bytes(value.clone());
    }

    /// A copy of `length` bytes of `value` from `offset`.
    public static Bytes of(byte[] value, int offset, int length) {
        return new Bytes(Arrays.copyOfRange(value, offset, offset + length));
    }

    /// The remaining bytes of `buffer`, copied; the buffer's position does not move.
    public static Bytes of(ByteBuffer buffer) {
        byte[] copy = new byte[buffer.remaining()];
        buffer.duplicate().get(copy);
        return new Bytes(copy);
    }

    /// The UTF-8 bytes of `text`.
    public static Bytes utf8(String text) {
        return new Bytes(text.getBytes(StandardCharsets.UTF_8));
    }

    /// The bytes written as hexadecimal digits in `hex`.
    ///
    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if `hex` is not an even number of hexadecimal digits
    public static Bytes fromHex(String hex) {
        return new Bytes(HexFormat.of().parseHex(hex));
    }

    /// `size` zero bytes.
    public static Bytes zeros(int size) {
        return new Bytes(new byte[size]);
    }

    /// The number of bytes.
    public int size() {
        return value.length;
    }

    /// Whether there are no bytes.
    public boolean isEmpty() {
        return value.length == 0;
    }

    /// The byte at `index`, from 0.
    public byte at(int index) {
        return value[index];
    }

    /// The bytes from `start` (inclusive) to `end` (exclusive).
    public Bytes slice(int start, int end) {
        return new Bytes(Arrays.copyOfRange(value, start, end));
    }

    /// A fresh copy of the bytes.
    public byte[] toArray() {
        return value.clone();
    }

    /// A read-only view, from position 0, without copying.
    public ByteBuffer view() {
        return ByteBuffer.wrap(value).asReadOnlyBuffer();
    }

    /// Copies all bytes into `target` at `offset`.
    public void copyTo(byte[] target, int offset) {
        System.arraycopy(value, 0, target, offset, value.length);
    }

    /// The bytes as lower-case hexadecimal digits.
    public String hex() {
        return HexFormat.of().formatHex(value);
    }

    @Override
    public int compareTo(Bytes other) {
        return Arrays.compareUnsigned(value, other.value);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Bytes bytes && Arrays.equals(value, bytes.value);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(value);
    }

    /// The size and the first bytes, for people.
    @Override
    public String toString() {
        return value.length <= 32 ? hex() : slice(0, 8).hex() + "… (" + value.length + " bytes)";
    }
}

package dev.sotto.schemas;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Objects;

/// An immutable byte string with value equality and unsigned lexicographic order.
///
/// Not for secrets: it prints itself and cannot be wiped. Thread-safe.
public final class Bytes implements Comparable<Bytes> {
    /// The byte string of length zero.
    public static final Bytes EMPTY = new Bytes(new byte[0]);

    private final byte[] array;
    private final int offset;
    private final int size;

    private Bytes(byte[] array) {
        this(array, 0, array.length);
    }

    private Bytes(byte[] array, int offset, int size) {
        this.array = array;
        this.offset = offset;
        this.size = size;
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

    /// `value` itself, not a copy: whoever calls this gives it away, and never writes into it again.
    public static Bytes given(byte[] value) {
        return value.length == 0 ? EMPTY : new Bytes(value);
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

    /// A part of an array that nobody writes into. One that is most of it shares it; a smaller one is copied, so
    /// that it does not hold the rest.
    static Bytes part(byte[] array, int offset, int size) {
        return size > array.length / 2 ? new Bytes(array, offset, size) : of(array, offset, size);
    }

    /// The number of bytes.
    public int size() {
        return size;
    }

    /// Whether there are no bytes.
    public boolean isEmpty() {
        return size == 0;
    }

    /// The byte at `index`, from 0.
    public byte at(int index) {
        return array[offset + Objects.checkIndex(index, size)];
    }

    /// The bytes from `start` (inclusive) to `end` (exclusive).
    public Bytes slice(int start, int end) {
        int from = Objects.checkFromToIndex(start, end, size);
        return new Bytes(Arrays.copyOfRange(array, offset + from, offset + end));
    }

    /// A fresh copy of the bytes.
    public byte[] toArray() {
        return Arrays.copyOfRange(array, offset, offset + size);
    }

    /// A read-only view, from position 0, without copying.
    public ByteBuffer view() {
        return ByteBuffer.wrap(array, offset, size).slice().asReadOnlyBuffer();
    }

    /// Copies all bytes into `target` at `offset`.
    public void copyTo(byte[] target, int offset) {
        System.arraycopy(array, this.offset, target, offset, size);
    }

    /// Feeds all bytes to `digest`, without copying.
    public void update(MessageDigest digest) {
        digest.update(array, offset, size);
    }

    /// Whether these are the bytes of `other` from `at` on.
    boolean matches(int at, byte[] other, int otherOffset, int length) {
        return at + length <= size
                && Arrays.equals(array, offset + at, offset + at + length, other, otherOffset, otherOffset + length);
    }

    /// The array, of which these bytes are a part: for what reads it, and never writes.
    byte[] array() {
        return array;
    }

    /// Where in the array they begin.
    int offset() {
        return offset;
    }

    /// The bytes as lower-case hexadecimal digits.
    public String hex() {
        return HexFormat.of().formatHex(array, offset, offset + size);
    }

    @Override
    public int compareTo(Bytes other) {
        return Arrays.compareUnsigned(
                array, offset, offset + size, other.array, other.offset, other.offset + other.size);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Bytes bytes
                && Arrays.equals(array, offset, offset + size, bytes.array, bytes.offset, bytes.offset + bytes.size);
    }

    @Override
    public int hashCode() {
        int hash = 1;
        for (int i = offset; i < offset + size; i++) {
            hash = 31 * hash + array[i];
        }
        return hash;
    }

    /// The size and the first bytes, for people.
    @Override
    public String toString() {
        return size <= 32 ? hex() : slice(0, 8).hex() + "… (" + size + " bytes)";
    }
}

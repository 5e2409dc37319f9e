package dev.sotto.schemas.fuzz;

import java.util.Arrays;
import java.util.List;

/// An input read as a list of choices. After its last byte every choice is the first one, so that a program that
/// ends leaves the rest as it would have been.
public final class Program {
    private final byte[] bytes;
    private int at;

    /// Of these bytes.
    public Program(byte[] bytes) {
        this.bytes = bytes.clone();
    }

    /// Whether every choice was read.
    public boolean isOver() {
        return at >= bytes.length;
    }

    /// One byte, from 0 to 255.
    public int next() {
        return isOver() ? 0 : bytes[at++] & 0xff;
    }

    /// A number from 0 to `count` − 1, 65,536 at most.
    public int below(int count) {
        int number = count > 256 ? next() << 8 | next() : next();
        return number % count;
    }

    /// Four bytes, big-endian.
    public int integer() {
        return next() << 24 | next() << 16 | next() << 8 | next();
    }

    /// One of a list that is not empty.
    public <T> T of(List<T> choices) {
        return choices.get(below(choices.size()));
    }

    /// The next `length` bytes, or as many as are left.
    public byte[] bytes(int length) {
        int end = Math.min(bytes.length, at + length);
        byte[] part = Arrays.copyOfRange(bytes, Math.min(at, end), end);
        at = end;
        return part;
    }

    /// All that is left.
    public byte[] rest() {
        return bytes(bytes.length - Math.min(at, bytes.length));
    }
}

package dev.sotto.crypto.primitive;

import java.security.MessageDigest;
import java.util.Arrays;

/// Secret bytes with one owner, who closes it to wipe them. Does not print.
///
/// Not thread-safe. Any use after [#close()] throws [IllegalStateException]: the caller's bug.
public final class Secret implements AutoCloseable {
    private final byte[] value;
    private boolean wiped;

    private Secret(byte[] value) {
        this.value = value;
    }

    /// Takes ownership of `value`: the caller must not use the array again.
    public static Secret take(byte[] value) {
        return new Secret(value);
    }

    /// A copy of `length` bytes of `value` from `offset`.
    public static Secret copyOf(byte[] value, int offset, int length) {
        return new Secret(Arrays.copyOfRange(value, offset, offset + length));
    }

    /// A second secret with the same bytes and its own life.
    public Secret copy() {
        return new Secret(live().clone());
    }

    /// The number of bytes.
    public int size() {
        return value.length;
    }

    /// The live bytes, not a copy. The token makes every exposure easy to find.
    public byte[] expose(SecretAccess access) {
        if (!access.granted()) {
            throw new IllegalArgumentException("access was not granted");
        }
        return live();
    }

    /// Whether both hold the same bytes, in time that depends on the length only.
    public boolean sameAs(Secret other) {
        return MessageDigest.isEqual(live(), other.live());
    }

    /// Whether the bytes are gone.
    public boolean isWiped() {
        return wiped;
    }

    /// Overwrites the bytes with zeros. Closing twice is harmless.
    @Override
    public void close() {
        Arrays.fill(value, (byte) 0);
        wiped = true;
    }

    /// Never the bytes.
    @Override
    public String toString() {
        return wiped ? "Secret[wiped]" : "Secret[" + value.length + " bytes]";
    }

    private byte[] live() {
        if (wiped) {
            throw new IllegalStateException("secret used after it was wiped");
        }
        return value;
    }
}

package dev.sotto.crypto.primitive;

import dev.sotto.schemas.Bytes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// enc(a, b, …) of protocol §3: for each item its length as 4 bytes big-endian, then its bytes; a long is
/// 8 bytes big-endian. H is SHA-256.
///
/// An item is a [String] (UTF-8), a [Long] or [Integer], [Bytes], or, when hashed only, a [Secret].
public final class Enc {
    /// The size of a hash in bytes.
    public static final int HASH = 32;

    private Enc() {}

    /// enc(items…).
    ///
    /// @throws IllegalArgumentException if an item is of another type, or secret
    public static Bytes of(Object... items) {
        byte[][] parts = new byte[items.length][];
        int size = 0;
        for (int i = 0; i < items.length; i++) {
            if (items[i] instanceof Secret) {
                throw new IllegalArgumentException("a secret is hashed, never encoded");
            }
            parts[i] = bytes(items[i]);
            size += Integer.BYTES + parts[i].length;
        }
        ByteBuffer encoded = ByteBuffer.allocate(size);
        for (byte[] part : parts) {
            encoded.putInt(part.length).put(part);
        }
        return Bytes.of(encoded.array());
    }

    /// H(enc(items…)), without a copy of any secret among the items.
    ///
    /// @throws IllegalArgumentException if an item is of another type
    public static Bytes hash(Object... items) {
        MessageDigest digest = sha256();
        for (Object item : items) {
            byte[] bytes = bytes(item);
            digest.update(ByteBuffer.allocate(4).putInt(bytes.length).flip());
            digest.update(bytes);
        }
        return Bytes.of(digest.digest());
    }

    /// H(bytes).
    public static Bytes sha256(Bytes bytes) {
        MessageDigest digest = sha256();
        bytes.update(digest);
        return Bytes.of(digest.digest());
    }

    /// H of `length` bytes from `offset`.
    public static Bytes sha256(byte[] bytes, int offset, int length) {
        MessageDigest digest = sha256();
        digest.update(bytes, offset, length);
        return Bytes.of(digest.digest());
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static byte[] bytes(Object item) {
        return switch (item) {
            case String text -> text.getBytes(StandardCharsets.UTF_8);
            case Long number -> ByteBuffer.allocate(8).putLong(number).array();
            case Integer number -> ByteBuffer.allocate(8).putLong(number).array();
            case Bytes bytes -> bytes.toArray();
            case Secret secret -> secret.expose(InsecureSecretAccess.get());
            default ->
                throw new IllegalArgumentException(
                        "enc takes no " + item.getClass().getName());
        };
    }
}

package dev.sotto.crypto.primitive;

import dev.sotto.schemas.Bytes;

/// What a KEM gives its sender.
///
/// @param ciphertext for the receiver, 1120 bytes
/// @param secret     32 bytes, shared with the receiver; the caller closes it
public record Encapsulation(Bytes ciphertext, Secret secret) implements AutoCloseable {
    /// Wipes the secret.
    @Override
    public void close() {
        secret.close();
    }
}

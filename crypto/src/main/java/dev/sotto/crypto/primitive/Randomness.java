package dev.sotto.crypto.primitive;

import dev.sotto.schemas.Bytes;
import java.security.SecureRandom;

/// The only source of randomness; injected everywhere. Implementations are thread-safe.
@FunctionalInterface
public interface Randomness {
    /// Overwrites `target` with random bytes.
    void fill(byte[] target);

    /// A fresh secret of `size` bytes.
    default Secret secret(int size) {
        byte[] value = new byte[size];
        fill(value);
        return Secret.take(value);
    }

    /// Fresh public bytes, for nonces.
    default Bytes bytes(int size) {
        byte[] value = new byte[size];
        fill(value);
        return Bytes.of(value);
    }

    /// The operating system's generator.
    static Randomness secure() {
        SecureRandom random = new SecureRandom();
        return random::nextBytes;
    }
}

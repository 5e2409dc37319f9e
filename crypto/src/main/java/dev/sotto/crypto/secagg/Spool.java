package dev.sotto.crypto.secagg;

import dev.sotto.schemas.Envelope;

/// Where a member puts its masked, signed chunks before the first of them leaves. Used by one thread.
public interface Spool {
    /// Stores one chunk.
    void write(Envelope chunk);

    /// Returns when everything written is durable.
    void seal();
}

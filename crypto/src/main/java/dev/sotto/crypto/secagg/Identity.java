package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;

/// A party that signs. Closing it wipes the key.
public final class Identity implements AutoCloseable {
    private final Primitives primitives;
    private final String federation;
    private final String name;
    private final Secret seed;
    private final Bytes key;
    private final Bytes fingerprint;

    /// Takes ownership of `seed`.
    ///
    /// @param name an organisation's id, or `coordinator`
    public Identity(Primitives primitives, String federation, String name, Secret seed) {
        this.primitives = primitives;
        this.federation = federation;
        this.name = name;
        this.seed = seed;
        this.key = primitives.identityKey(seed);
        this.fingerprint = Enc.sha256(key);
    }

    /// Who signs.
    public String name() {
        return name;
    }

    /// The Ed25519 public key.
    public Bytes key() {
        return key;
    }

    /// Signs `message` over `transcript`; deterministic.
    public Envelope sign(Message message, Bytes transcript) {
        Bytes payload = message.encode();
        Bytes part = Directory.signedPart(message, payload);
        Bytes signature = primitives.sign(
                seed, Directory.signedBytes(message.type(), federation, name, fingerprint, transcript, part));
        return new Envelope(message.type(), federation, name, fingerprint, transcript, payload, signature);
    }

    @Override
    public void close() {
        seed.close();
    }
}

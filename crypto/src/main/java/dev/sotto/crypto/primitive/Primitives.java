package dev.sotto.crypto.primitive;

import dev.sotto.schemas.Bytes;

/// The primitives of protocol §3 that the JDK lacks. Implementations hold no state, are thread-safe, and
/// turn every fault in a peer's bytes into a checked exception.
public interface Primitives {
    /// The Ed25519 public key (32 bytes) of a 32-byte seed (RFC 8032).
    Bytes identityKey(Secret seed);

    /// The Ed25519 signature, 64 bytes; deterministic.
    Bytes sign(Secret seed, Bytes message);

    /// Whether `signature` is one of `message` under `identityKey`: cofactorless, canonical encodings
    /// only. False, never an exception, for bytes that are no key or no signature.
    boolean verify(Bytes identityKey, Bytes message, Bytes signature);

    /// The X-Wing public key (1216 bytes) of a 32-byte seed, which is the private key itself.
    Bytes kemKey(Secret seed);

    /// Refuses what is no X-Wing public key: FIPS 203 §7.2, and an X25519 half that is canonical and not
    /// of low order.
    ///
    /// @throws InvalidKey saying which rule it breaks
    void checkKemKey(Bytes key) throws InvalidKey;

    /// Refuses what is no X-Wing ciphertext: 1120 bytes, X25519 half canonical and not of low order.
    /// Stricter than the draft.
    ///
    /// @throws InvalidKey saying which rule it breaks
    void checkCiphertext(Bytes ciphertext) throws InvalidKey;

    /// EncapsulateDerand of X-Wing.
    ///
    /// @param coins 64 bytes: 32 for ML-KEM, 32 for X25519
    /// @throws InvalidKey if `key` is not valid
    Encapsulation encapsulate(Bytes key, Secret coins) throws InvalidKey;

    /// The shared secret, 32 bytes. An altered ML-KEM half gives another secret, not an error (implicit
    /// rejection).
    ///
    /// @throws InvalidKey if `ciphertext` is not valid
    Secret decapsulate(Secret seed, Bytes ciphertext) throws InvalidKey;

    /// HPKE single-shot seal (RFC 9180): base mode, X-Wing, HKDF-SHA256, AES-256-GCM, empty aad.
    /// Encapsulation, then ciphertext.
    ///
    /// @throws InvalidKey if `key` is not valid
    Bytes seal(Bytes key, Bytes info, Secret plain, Randomness randomness) throws InvalidKey;

    /// Opens what [#seal] made for the key of `seed` under the same `info`.
    ///
    /// @throws BoxRefused if it does not open
    Secret open(Secret seed, Bytes info, Bytes box) throws BoxRefused;
}

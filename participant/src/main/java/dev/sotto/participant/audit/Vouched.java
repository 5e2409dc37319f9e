package dev.sotto.participant.audit;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.Topics;

/// A member's word for where its log ended when it exported a bundle: chains show that nothing is missing in
/// between, and nothing but this that nothing is missing at the end. Who is shown it by one member can ask
/// another for its own.
///
/// Signed by the identity key over enc("sotto/1", "LogVouched", federation, organisation, key fingerprint, registry,
/// control), which no message of the protocol is.
///
/// @param organisation whose word it is
/// @param registry     the head of the registry that it read
/// @param control      the last T of `control` that it read
/// @param signature    Ed25519
public record Vouched(String organisation, Bytes registry, Bytes control, Bytes signature) {
    private static final String TYPE = "LogVouched";

    /// Checks the sizes.
    ///
    /// @throws IllegalArgumentException if a field is not as it must be
    public Vouched {
        if (!Topics.isOrganisation(organisation)) {
            throw new IllegalArgumentException("organisation is not an organisation's id");
        }
        if (registry.size() != Limits.HASH || control.size() != Limits.HASH || signature.size() != Limits.SIGNATURE) {
            throw new IllegalArgumentException("registry and control must have 32 bytes, signature 64");
        }
    }

    /// The word of the owner of an identity key.
    public static Vouched sign(
            Primitives primitives,
            Secret identity,
            String federation,
            String organisation,
            Bytes registry,
            Bytes control) {
        Bytes key = primitives.identityKey(identity);
        return new Vouched(
                organisation,
                registry,
                control,
                primitives.sign(identity, signed(federation, organisation, key, registry, control)));
    }

    /// Whether it is that key's owner's.
    boolean isOf(Primitives primitives, String federation, Bytes key) {
        return primitives.verify(key, signed(federation, organisation, key, registry, control), signature);
    }

    private static Bytes signed(String federation, String organisation, Bytes key, Bytes registry, Bytes control) {
        return Enc.of("sotto/1", TYPE, federation, organisation, Enc.sha256(key), registry, control);
    }
}

package dev.sotto.coordinator.director;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Hkdf;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.schemas.Bytes;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/// What the director must not lose and nobody else may have. Closing it wipes it.
///
/// @param identity    signs
/// @param roundSecret K of protocol §3
public record Secrets(Identity identity, Secret roundSecret) implements AutoCloseable {
    /// A name for K that tells nothing of it.
    Bytes keyId() {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update("sotto/1/key-id".getBytes(StandardCharsets.US_ASCII));
            return Bytes.of(digest.digest(roundSecret.expose(InsecureSecretAccess.get())));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /// By which a replica knows that an invite is a coordinator's and not the broker's operator's: HKDF-Expand is
    /// HMAC here.
    public Bytes inviteTag(String federation, Bytes invite) {
        return tag("invite", federation, invite);
    }

    /// Likewise of the audit log's acts.
    public Bytes actTag(String federation, Bytes act) {
        return tag("act", federation, act);
    }

    /// With which the replicas encrypt the session cookies of those who sign on: each can read the others'.
    public Secret cookieKey(String federation) {
        return Hkdf.expand(roundSecret, Enc.of("sotto/1", "cookie", federation), Enc.HASH);
    }

    private Bytes tag(String of, String federation, Bytes content) {
        try (Secret tag = Hkdf.expand(roundSecret, Enc.of("sotto/1", of, federation, content), Enc.HASH)) {
            return Bytes.of(tag.expose(InsecureSecretAccess.get()));
        }
    }

    @Override
    public void close() {
        identity.close();
        roundSecret.close();
    }
}

package dev.sotto.crypto.model;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ModelChunk;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;

/// Encrypts the chunks of one model version: AES-256-GCM, nonce = chunk index as 12 bytes big-endian, aad
/// = enc(federation, version, index, count) (protocol §5). A key encrypts one version only.
public final class ModelCipher {
    private ModelCipher() {}

    /// Encrypts `plain` as chunk `index` of `count`.
    public static ModelChunk seal(Secret key, String federation, long version, int index, int count, Bytes plain) {
        try {
            byte[] sealed = cipher(Cipher.ENCRYPT_MODE, key, federation, version, index, count)
                    .doFinal(plain.toArray());
            return new ModelChunk(version, index, count, Bytes.of(sealed));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK encrypts with AES-256-GCM", e);
        }
    }

    /// Decrypts `chunk`.
    ///
    /// @throws BoxRefused if it was not sealed under this key at this place; the coordinator or broker is
    ///   at fault
    public static Bytes open(Secret key, String federation, ModelChunk chunk) throws BoxRefused {
        try {
            byte[] sealed = chunk.sealed().toArray();
            return Bytes.of(cipher(Cipher.DECRYPT_MODE, key, federation, chunk.version(), chunk.index(), chunk.count())
                    .doFinal(sealed));
        } catch (AEADBadTagException e) {
            throw new BoxRefused(
                    "chunk " + chunk.index() + " of model version " + chunk.version() + " does not decrypt");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK decrypts with AES-256-GCM", e);
        }
    }

    private static Cipher cipher(int mode, Secret key, String federation, long version, int index, int count)
            throws GeneralSecurityException {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        byte[] nonce = ByteBuffer.allocate(12).putInt(8, index).array();
        cipher.init(
                mode,
                new SecretKeySpec(key.expose(InsecureSecretAccess.get()), "AES"),
                new GCMParameterSpec(128, nonce));
        cipher.updateAAD(Enc.of(federation, version, index, count).toArray());
        return cipher;
    }
}

package dev.sotto.secrets;

import dev.sotto.crypto.primitive.Randomness;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Base64;
import javax.crypto.AEADBadTagException;
import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

/// A secret under a passphrase: `sotto-sealed-1:` and base64 of salt, nonce and AES-256-GCM of the secret, the words
/// before as associated data; its key is PBKDF2 with HMAC-SHA256 of the passphrase and the salt (RFC 8018), 600,000
/// iterations as OWASP has it and as the CA's keys have. The JDK's implementations.
final class Seal {
    private static final byte[] MARK = "sotto-sealed-1:".getBytes(StandardCharsets.US_ASCII);
    private static final int ITERATIONS = 600_000;
    private static final int SALT = 16;
    private static final int NONCE = 12;
    private static final int TAG_BITS = 128;
    private static final int KEY_BITS = 256;

    private Seal() {}

    static boolean isClosed(byte[] text) {
        return text.length >= MARK.length && Arrays.equals(text, 0, MARK.length, MARK, 0, MARK.length);
    }

    static byte[] close(byte[] plain, Passphrase passphrase, Randomness randomness) {
        byte[] salt = randomness.bytes(SALT).toArray();
        byte[] nonce = randomness.bytes(NONCE).toArray();
        try {
            byte[] sealed = cipher(Cipher.ENCRYPT_MODE, passphrase, salt, nonce).doFinal(plain);
            byte[] base64 = Base64.getEncoder()
                    .encode(ByteBuffer.allocate(SALT + NONCE + sealed.length)
                            .put(salt)
                            .put(nonce)
                            .put(sealed)
                            .array());
            return ByteBuffer.allocate(MARK.length + base64.length)
                    .put(MARK)
                    .put(base64)
                    .array();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES-GCM and PBKDF2", e);
        }
    }

    /// @param file where it stands
    /// @throws IllegalArgumentException if it is no base64
    /// @throws InvalidSecret            if it does not open
    static byte[] open(byte[] text, Passphrase passphrase, Path file) throws InvalidSecret {
        if (!passphrase.isGiven()) {
            throw new InvalidSecret(
                    file,
                    "is sealed by a passphrase: give it in " + Passphrase.OWN
                            + ", or the name of the file that has it in " + Passphrase.OWN + "_FILE");
        }
        byte[] all = Base64.getDecoder().decode(Arrays.copyOfRange(text, MARK.length, text.length));
        if (all.length < SALT + NONCE + TAG_BITS / Byte.SIZE) {
            throw new InvalidSecret(file, "is damaged: it is too short");
        }
        byte[] salt = Arrays.copyOf(all, SALT);
        byte[] nonce = Arrays.copyOfRange(all, SALT, SALT + NONCE);
        try {
            return cipher(Cipher.DECRYPT_MODE, passphrase, salt, nonce)
                    .doFinal(all, SALT + NONCE, all.length - SALT - NONCE);
        } catch (AEADBadTagException e) {
            throw new InvalidSecret(file, "does not open with this passphrase, or is damaged");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has AES-GCM and PBKDF2", e);
        }
    }

    private static Cipher cipher(int mode, Passphrase passphrase, byte[] salt, byte[] nonce)
            throws GeneralSecurityException {
        PBEKeySpec spec = new PBEKeySpec(passphrase.expose(), salt, ITERATIONS, KEY_BITS);
        byte[] key = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
                .generateSecret(spec)
                .getEncoded();
        spec.clearPassword();
        try {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
            cipher.init(mode, new SecretKeySpec(key, "AES"), new GCMParameterSpec(TAG_BITS, nonce));
            cipher.updateAAD(MARK);
            return cipher;
        } finally {
            Arrays.fill(key, (byte) 0);
        }
    }
}

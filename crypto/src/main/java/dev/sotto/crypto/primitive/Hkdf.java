package dev.sotto.crypto.primitive;

import dev.sotto.schemas.Bytes;
import java.security.GeneralSecurityException;
import java.security.InvalidAlgorithmParameterException;
import java.security.spec.AlgorithmParameterSpec;
import javax.crypto.KDF;
import javax.crypto.spec.HKDFParameterSpec;

/// HKDF with SHA-256 (RFC 5869), by the JDK.
public final class Hkdf {
    private static final int MOST = 255 * 32;

    private Hkdf() {}

    /// HKDF-Extract: a pseudorandom key of 32 bytes.
    public static Secret extract(Bytes salt, Secret input) {
        return derive(HKDFParameterSpec.ofExtract()
                .addIKM(new LiveKey(input, "HKDF"))
                .addSalt(salt.toArray())
                .extractOnly());
    }

    /// HKDF-Expand.
    ///
    /// @param key  pseudorandom, at least 32 bytes
    /// @param size of the output, 1 to 8160 bytes
    /// @throws IllegalArgumentException if `size` is another one: the caller's bug
    public static Secret expand(Secret key, Bytes info, int size) {
        return derive(HKDFParameterSpec.expandOnly(new LiveKey(key, "HKDF"), info.toArray(), size));
    }

    /// HKDF: extract with a secret salt, then expand.
    public static Secret derive(Secret salt, Secret input, Bytes info, int size) {
        return derive(HKDFParameterSpec.ofExtract()
                .addIKM(new LiveKey(input, "HKDF"))
                .addSalt(new LiveKey(salt, "HKDF"))
                .thenExpand(info.toArray(), size));
    }

    private static Secret derive(AlgorithmParameterSpec parameters) {
        try {
            return Secret.take(KDF.getInstance("HKDF-SHA256").deriveData(parameters));
        } catch (InvalidAlgorithmParameterException e) {
            throw new IllegalArgumentException("HKDF-SHA256 gives 1 to " + MOST + " bytes: " + e.getMessage(), e);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("JDK 25 has HKDF-SHA256", e);
        }
    }
}

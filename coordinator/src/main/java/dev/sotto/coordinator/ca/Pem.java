package dev.sotto.coordinator.ca;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.spec.PKCS8EncodedKeySpec;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.PKCS8Generator;
import org.bouncycastle.openssl.jcajce.JceOpenSSLPKCS8DecryptorProviderBuilder;
import org.bouncycastle.openssl.jcajce.JceOpenSSLPKCS8EncryptorBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfo;
import org.bouncycastle.pkcs.PKCS8EncryptedPrivateKeyInfoBuilder;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/// Keys and certificates as PEM texts, in which several may stand.
final class Pem {
    private static final String CERTIFICATE = "CERTIFICATE";
    private static final String KEY = "PRIVATE KEY";
    private static final String ENCRYPTED = "ENCRYPTED PRIVATE KEY";
    /// As OWASP has it for PBKDF2 with HMAC-SHA256.
    private static final int ITERATIONS = 600_000;

    private Pem() {}

    static String of(String type, byte[] content) {
        StringWriter text = new StringWriter();
        try (PemWriter writer = new PemWriter(text)) {
            writer.writeObject(new PemObject(type, content));
        } catch (IOException e) {
            throw new IllegalStateException("a string can be written", e);
        }
        return text.toString();
    }

    static String of(X509CertificateHolder certificate) {
        return of(CERTIFICATE, encoded(certificate));
    }

    /// A key in PKCS#8: encrypted (PBES2: PBKDF2 with HMAC-SHA256, AES-256-CBC), unless the passphrase is empty.
    static String of(PrivateKey key, char[] passphrase, SecureRandom random) {
        if (passphrase.length == 0) {
            return of(KEY, key.getEncoded());
        }
        try {
            var encryptor = new JceOpenSSLPKCS8EncryptorBuilder(PKCS8Generator.AES_256_CBC)
                    .setProvider(new BouncyCastleProvider())
                    .setRandom(random)
                    .setPRF(PKCS8Generator.PRF_HMACSHA256)
                    .setIterationCount(ITERATIONS)
                    .setPassword(passphrase)
                    .build();
            return of(
                    ENCRYPTED,
                    new PKCS8EncryptedPrivateKeyInfoBuilder(key.getEncoded())
                            .build(encryptor)
                            .getEncoded());
        } catch (OperatorCreationException | IOException e) {
            throw new IllegalStateException("Bouncy Castle has PBES2 with AES", e);
        }
    }

    static byte[] encoded(X509CertificateHolder certificate) {
        try {
            return certificate.getEncoded();
        } catch (IOException e) {
            throw new IllegalStateException("a certificate that was made or parsed encodes", e);
        }
    }

    /// The first block of that type.
    ///
    /// @throws IOException if there is none
    static byte[] read(String text, String type) throws IOException {
        try (PEMParser parser = new PEMParser(new StringReader(text))) {
            for (PemObject object = parser.readPemObject(); object != null; object = parser.readPemObject()) {
                if (object.getType().equals(type)) {
                    return object.getContent();
                }
            }
            throw new IOException("expected a PEM block '" + type + "'");
        } catch (RuntimeException e) {
            throw new IOException("expected a PEM block '" + type + "': " + e.getMessage(), e);
        }
    }

    /// The first certificate.
    ///
    /// @throws IOException if there is none
    static X509CertificateHolder certificate(String text) throws IOException {
        try {
            return new X509CertificateHolder(read(text, CERTIFICATE));
        } catch (RuntimeException e) {
            throw new IOException("a certificate cannot be read: " + e.getMessage(), e);
        }
    }

    /// The EC key.
    ///
    /// @param passphrase empty if there is none
    /// @throws IOException if there is none, or the passphrase is missing, not needed, or another one
    static PrivateKey key(String text, char[] passphrase) throws IOException {
        boolean encrypted = text.contains("-----BEGIN " + ENCRYPTED);
        if (encrypted != (passphrase.length > 0)) {
            throw new IOException(
                    encrypted
                            ? "the CA's key is encrypted, and no passphrase is given"
                            : "a passphrase is given, and the CA's key is not encrypted");
        }
        try {
            byte[] pkcs8 = encrypted
                    ? new PKCS8EncryptedPrivateKeyInfo(read(text, ENCRYPTED))
                            .decryptPrivateKeyInfo(new JceOpenSSLPKCS8DecryptorProviderBuilder()
                                    .setProvider(new BouncyCastleProvider())
                                    .build(passphrase))
                            .getEncoded()
                    : read(text, KEY);
            return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        } catch (PKCSException e) {
            throw new IOException("the CA's key does not open with this passphrase", e);
        } catch (GeneralSecurityException | OperatorCreationException | RuntimeException e) {
            throw new IOException("the CA's key is not an EC key in PKCS#8: " + e.getMessage(), e);
        }
    }
}

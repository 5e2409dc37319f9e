package dev.sotto.coordinator.ca;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
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
    private static final String BEGIN = "-----BEGIN ";
    private static final int COLUMNS = 64;
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

    /// A key in PKCS#8: encrypted (PBES2: PBKDF2 with HMAC-SHA256, AES-256-CBC), unless the passphrase is empty. The
    /// caller wipes it.
    static byte[] of(PrivateKey key, char[] passphrase, SecureRandom random) {
        byte[] pkcs8 = key.getEncoded();
        try {
            if (passphrase.length == 0) {
                return secret(KEY, pkcs8);
            }
            var encryptor = new JceOpenSSLPKCS8EncryptorBuilder(PKCS8Generator.AES_256_CBC)
                    .setProvider(new BouncyCastleProvider())
                    .setRandom(random)
                    .setPRF(PKCS8Generator.PRF_HMACSHA256)
                    .setIterationCount(ITERATIONS)
                    .setPassword(passphrase)
                    .build();
            return secret(
                    ENCRYPTED,
                    new PKCS8EncryptedPrivateKeyInfoBuilder(pkcs8)
                            .build(encryptor)
                            .getEncoded());
        } catch (OperatorCreationException | IOException e) {
            throw new IllegalStateException("Bouncy Castle has PBES2 with AES", e);
        } finally {
            Arrays.fill(pkcs8, (byte) 0);
        }
    }

    /// A key and what is not secret in one text, which the caller wipes. Wipes `key`.
    static byte[] join(byte[] key, String certificates) {
        byte[] joined = concat(key, certificates.getBytes(StandardCharsets.US_ASCII));
        Arrays.fill(key, (byte) 0);
        return joined;
    }

    /// Bouncy Castle's writer makes texts, which nobody can wipe.
    private static byte[] secret(String type, byte[] content) {
        byte[] base64 = Base64.getMimeEncoder(COLUMNS, new byte[] {'\n'}).encode(content);
        try {
            return concat(ascii(BEGIN + type + "-----\n"), base64, ascii("\n-----END " + type + "-----\n"));
        } finally {
            Arrays.fill(base64, (byte) 0);
        }
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static byte[] concat(byte[]... parts) {
        ByteBuffer all = ByteBuffer.allocate(
                Arrays.stream(parts).mapToInt(part -> part.length).sum());
        for (byte[] part : parts) {
            all.put(part);
        }
        return all.array();
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

    /// The first certificate of a text that may have a key in it.
    ///
    /// @throws IOException if there is none
    static X509CertificateHolder certificate(byte[] text) throws IOException {
        int begin = find(text, ascii(BEGIN + CERTIFICATE), 0);
        return certificate(begin < 0 ? "" : new String(text, begin, text.length - begin, StandardCharsets.US_ASCII));
    }

    /// The EC key.
    ///
    /// @param passphrase empty if there is none
    /// @throws IOException if there is none, or the passphrase is missing, not needed, or another one
    static PrivateKey key(byte[] text, char[] passphrase) throws IOException {
        boolean encrypted = find(text, ascii(BEGIN + ENCRYPTED), 0) >= 0;
        if (encrypted != (passphrase.length > 0)) {
            throw new IOException(
                    encrypted
                            ? "the CA's key is encrypted, and no passphrase is given"
                            : "a passphrase is given, and the CA's key is not encrypted");
        }
        byte[] pkcs8 = block(text, encrypted ? ENCRYPTED : KEY);
        try {
            if (encrypted) {
                pkcs8 = new PKCS8EncryptedPrivateKeyInfo(pkcs8)
                        .decryptPrivateKeyInfo(new JceOpenSSLPKCS8DecryptorProviderBuilder()
                                .setProvider(new BouncyCastleProvider())
                                .build(passphrase))
                        .getEncoded();
            }
            return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
        } catch (PKCSException e) {
            throw new IOException("the CA's key does not open with this passphrase", e);
        } catch (GeneralSecurityException | IOException | OperatorCreationException | RuntimeException e) {
            throw new IOException("the CA's key is not an EC key in PKCS#8: " + e.getMessage(), e);
        } finally {
            Arrays.fill(pkcs8, (byte) 0);
        }
    }

    /// What the first block of that type holds. Bouncy Castle's parser makes texts, which nobody can wipe.
    private static byte[] block(byte[] text, String type) throws IOException {
        byte[] begin = ascii(BEGIN + type + "-----");
        int from = find(text, begin, 0);
        int to = from < 0 ? -1 : find(text, ascii("-----END " + type + "-----"), from);
        if (to < 0) {
            throw new IOException("expected a PEM block '" + type + "'");
        }
        byte[] base64 = Arrays.copyOfRange(text, from + begin.length, to);
        try {
            return Base64.getMimeDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw new IOException("expected a PEM block '" + type + "': " + e.getMessage(), e);
        } finally {
            Arrays.fill(base64, (byte) 0);
        }
    }

    /// Where `wanted` begins, or −1.
    private static int find(byte[] text, byte[] wanted, int from) {
        for (int at = from; at + wanted.length <= text.length; at++) {
            if (Arrays.equals(text, at, at + wanted.length, wanted, 0, wanted.length)) {
                return at;
            }
        }
        return -1;
    }
}

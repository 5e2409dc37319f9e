package dev.sotto.participant.enrolment;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Base64;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/// A new TLS key, ECDSA P-256, and the PKCS#10 request for its certificate. Closing it wipes its copy of the key; the
/// JDK's own is left to the garbage collector.
///
/// @param key    PKCS#8
/// @param csr    DER
/// @param csrPem the same as PEM
record CertificateRequest(Secret key, Bytes csr, String csrPem) implements AutoCloseable {
    private static final int COLUMNS = 64;

    static CertificateRequest create(String organisation, SecureRandom random) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"), random);
            KeyPair pair = generator.generateKeyPair();
            byte[] csr = new JcaPKCS10CertificationRequestBuilder(new X500Name("CN=" + organisation), pair.getPublic())
                    .build(new JcaContentSignerBuilder("SHA256withECDSA")
                            .setSecureRandom(random)
                            .build(pair.getPrivate()))
                    .getEncoded();
            return new CertificateRequest(
                    Secret.take(pair.getPrivate().getEncoded()), Bytes.of(csr), pem("CERTIFICATE REQUEST", csr));
        } catch (GeneralSecurityException | OperatorCreationException | IOException e) {
            throw new IllegalStateException("every JDK has ECDSA with P-256", e);
        }
    }

    /// Writes the key and its certificates, as PEM that only the owner may read. No text is made of the key, since
    /// nobody can wipe one.
    void write(Path file, String certificates) throws IOException {
        byte[] base64 =
                Base64.getMimeEncoder(COLUMNS, new byte[] {'\n'}).encode(key.expose(InsecureSecretAccess.get()));
        byte[] begin = "-----BEGIN PRIVATE KEY-----\n".getBytes(StandardCharsets.US_ASCII);
        byte[] end = ("\n-----END PRIVATE KEY-----\n" + certificates).getBytes(StandardCharsets.US_ASCII);
        byte[] pem = ByteBuffer.allocate(begin.length + base64.length + end.length)
                .put(begin)
                .put(base64)
                .put(end)
                .array();
        try {
            Home.writeSecret(file, pem);
        } finally {
            Arrays.fill(base64, (byte) 0);
            Arrays.fill(pem, (byte) 0);
        }
    }

    @Override
    public void close() {
        key.close();
    }

    @Override
    public String toString() {
        return "CertificateRequest";
    }

    private static String pem(String type, byte[] content) throws IOException {
        StringWriter text = new StringWriter();
        try (PemWriter writer = new PemWriter(text)) {
            writer.writeObject(new PemObject(type, content));
        }
        return text.toString();
    }
}

package dev.sotto.sandbox;

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigInteger;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Date;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.X509v3CertificateBuilder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/// Certificates as the consortium issues them, but of any time.
final class ShortCertificate {
    private ShortCertificate() {}

    /// The same for the same key, with other dates.
    ///
    /// @param tls     PEM: a key, its certificate, those above it
    /// @param issuing PEM: the issuing CA's key and certificate
    /// @return as `tls`
    static String of(String tls, String issuing, Instant begins, Instant ends) throws Exception {
        StringWriter text = new StringWriter();
        try (PEMParser parser = new PEMParser(new StringReader(tls));
                PemWriter writer = new PemWriter(text)) {
            writer.writeObject(parser.readPemObject());
            X509CertificateHolder own =
                    new X509CertificateHolder(parser.readPemObject().getContent());
            var builder = new X509v3CertificateBuilder(
                    own.getIssuer(),
                    new BigInteger(120, new SecureRandom()),
                    Date.from(begins),
                    Date.from(ends),
                    own.getSubject(),
                    own.getSubjectPublicKeyInfo());
            for (Object oid : own.getExtensionOIDs()) {
                builder.addExtension(own.getExtension((ASN1ObjectIdentifier) oid));
            }
            X509CertificateHolder made =
                    builder.build(new JcaContentSignerBuilder("SHA256withECDSA").build(key(issuing)));
            writer.writeObject(new PemObject("CERTIFICATE", made.getEncoded()));
            for (PemObject above = parser.readPemObject(); above != null; above = parser.readPemObject()) {
                writer.writeObject(above);
            }
        }
        return text.toString();
    }

    private static PrivateKey key(String pem) throws Exception {
        try (PEMParser parser = new PEMParser(new StringReader(pem))) {
            return KeyFactory.getInstance("EC")
                    .generatePrivate(
                            new PKCS8EncodedKeySpec(parser.readPemObject().getContent()));
        }
    }
}

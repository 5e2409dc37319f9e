package dev.sotto.coordinator.ca;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/// What everybody in a federation trusts for TLS: ECDSA P-256, for ten years. Its key makes issuing authorities, and
/// is needed for nothing else: it lies offline.
///
/// Immutable.
public final class RootAuthority {
    private static final Duration ROOT = Duration.ofDays(3653);

    private final X509CertificateHolder certificate;
    private final PrivateKey key;
    private final SecureRandom random;

    private RootAuthority(X509CertificateHolder certificate, PrivateKey key, SecureRandom random) {
        this.certificate = certificate;
        this.key = key;
        this.random = random;
    }

    /// A new one.
    public static RootAuthority create(String federation, Instant now, SecureRandom random) {
        try {
            KeyPair pair = CertificateAuthority.newKey(random);
            X500Name name = new X500Name("CN=sotto-ca-" + federation);
            return new RootAuthority(
                    authority(name, pair.getPrivate(), name, pair.getPublic(), 1, now, now.plus(ROOT), random),
                    pair.getPrivate(),
                    random);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has P-256", e);
        }
    }

    /// The one of two PEM texts.
    ///
    /// @param passphrase of its key, empty if there is none
    /// @throws IOException if they are not its certificate and its key
    public static RootAuthority load(String certificatePem, byte[] keyPem, char[] passphrase, SecureRandom random)
            throws IOException {
        return new RootAuthority(Pem.certificate(certificatePem), Pem.key(keyPem, passphrase), random);
    }

    /// Its certificate.
    public String pem() {
        return Pem.of(certificate);
    }

    /// Its key, which the caller wipes.
    ///
    /// @param passphrase to encrypt it with, empty for none
    public byte[] keyPem(char[] passphrase) {
        return Pem.of(key, passphrase, random);
    }

    /// SHA-256 of its certificate's DER, which invites carry.
    public Bytes fingerprint() {
        return Enc.sha256(Bytes.of(Pem.encoded(certificate)));
    }

    /// A new authority that issues certificates below this one, for [CertificateAuthority#LIFE] at most.
    public CertificateAuthority issuing(Instant now) {
        try {
            KeyPair pair = CertificateAuthority.newKey(random);
            Instant ends = now.plus(CertificateAuthority.LIFE);
            Instant last = certificate.getNotAfter().toInstant();
            // Another one each time: by it the coordinator knows whose a certificate is.
            X500Name name = new X500Name("CN=sotto-issuing-" + new BigInteger(64, random).toString(16));
            X509CertificateHolder issuing = authority(
                    certificate.getSubject(),
                    key,
                    name,
                    pair.getPublic(),
                    0,
                    now,
                    ends.isBefore(last) ? ends : last,
                    random);
            return new CertificateAuthority(issuing, certificate, pair.getPrivate(), random);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has P-256", e);
        }
    }

    private static X509CertificateHolder authority(
            X500Name issuer,
            PrivateKey signer,
            X500Name subject,
            PublicKey publicKey,
            int below,
            Instant now,
            Instant ends,
            SecureRandom random) {
        try {
            var builder = new JcaX509v3CertificateBuilder(
                    issuer,
                    new BigInteger(120, random),
                    Date.from(now.minus(CertificateAuthority.SKEW)),
                    Date.from(ends),
                    subject,
                    publicKey);
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(below));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            return builder.build(new JcaContentSignerBuilder("SHA256withECDSA")
                    .setSecureRandom(random)
                    .build(signer));
        } catch (OperatorCreationException | IOException e) {
            throw new IllegalStateException("every JDK has ECDSA with P-256", e);
        }
    }
}

package dev.sotto.coordinator.ca;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigInteger;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.regex.Pattern;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequest;
import org.bouncycastle.util.io.pem.PemObject;
import org.bouncycastle.util.io.pem.PemWriter;

/// Issues the federation's TLS certificates: ECDSA P-256, a subject of one common name that the authority
/// alone decides. They say who may connect; who may be trusted in a round the members' identity keys say.
///
/// Thread-safe.
public final class CertificateAuthority {
    /// How long a leaf is valid.
    public static final Duration LEAF = Duration.ofDays(397);

    private static final Duration ROOT = Duration.ofDays(3653);
    /// A member whose clock is late believes in its certificate at once.
    private static final Duration SKEW = Duration.ofHours(1);
    private static final Pattern ADDRESS = Pattern.compile("[0-9.]+|.*:.*");

    /// What a certificate is for.
    public enum Use {
        /// Clients only.
        CLIENT,
        /// Servers that are clients too.
        SERVER
    }

    /// A certificate.
    ///
    /// @param pem    of it and of the authority
    /// @param serial hexadecimal
    public record Issued(String pem, String serial) {}

    /// A request that cannot be granted: the organisation is at fault.
    public static final class BadRequest extends Exception {
        private static final long serialVersionUID = 1;

        BadRequest(String message) {
            super(message);
        }
    }

    private final X509CertificateHolder certificate;
    private final PrivateKey key;
    private final SecureRandom random;

    private CertificateAuthority(X509CertificateHolder certificate, PrivateKey key, SecureRandom random) {
        this.certificate = certificate;
        this.key = key;
        this.random = random;
    }

    /// A new authority.
    public static CertificateAuthority create(String federation, Instant now, SecureRandom random) {
        try {
            KeyPair pair = newKey(random);
            X500Name name = new X500Name("CN=sotto-ca-" + federation);
            var builder = new JcaX509v3CertificateBuilder(
                    name,
                    new BigInteger(120, random),
                    Date.from(now.minus(SKEW)),
                    Date.from(now.plus(ROOT)),
                    name,
                    pair.getPublic());
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
            var signer = new JcaContentSignerBuilder("SHA256withECDSA")
                    .setSecureRandom(random)
                    .build(pair.getPrivate());
            return new CertificateAuthority(builder.build(signer), pair.getPrivate(), random);
        } catch (GeneralSecurityException | OperatorCreationException | IOException e) {
            throw new IllegalStateException("every JDK has ECDSA with P-256", e);
        }
    }

    /// The authority of two PEM texts.
    ///
    /// @throws IOException if they are not a certificate and a PKCS#8 key
    public static CertificateAuthority load(String certificatePem, String keyPem, SecureRandom random)
            throws IOException {
        try {
            byte[] encoded = pemObject(certificatePem, "CERTIFICATE");
            PrivateKey key = KeyFactory.getInstance("EC")
                    .generatePrivate(new PKCS8EncodedKeySpec(pemObject(keyPem, "PRIVATE KEY")));
            return new CertificateAuthority(new X509CertificateHolder(encoded), key, random);
        } catch (GeneralSecurityException e) {
            throw new IOException("the CA's key is not an EC key in PKCS#8: " + e.getMessage(), e);
        } catch (RuntimeException e) {
            throw new IOException("the CA's certificate is none: " + e.getMessage(), e);
        }
    }

    /// Its certificate.
    public String pem() {
        return pem("CERTIFICATE", encoded(certificate));
    }

    /// Its key.
    public String keyPem() {
        return pem("PRIVATE KEY", key.getEncoded());
    }

    /// SHA-256 of its certificate's DER, which invites carry.
    public Bytes fingerprint() {
        return Enc.sha256(Bytes.of(encoded(certificate)));
    }

    /// A key and its certificate in one PEM text, for a process of the consortium.
    ///
    /// @param hosts names and addresses of a server
    public String issueWithKey(String commonName, Use use, List<String> hosts, Instant now) {
        try {
            KeyPair pair = newKey(random);
            return pem("PRIVATE KEY", pair.getPrivate().getEncoded())
                    + issue(commonName, pair.getPublic(), use, hosts, now).pem();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has P-256", e);
        }
    }

    /// Grants a PKCS#10 request; its subject and extensions are ignored.
    ///
    /// @throws BadRequest if it is no PEM, is not signed by its own key, or that key is not P-256
    public Issued issue(String commonName, Bytes csr, Instant now) throws BadRequest {
        return issue(commonName, requested(csr), Use.CLIENT, List.of(), now);
    }

    /// The key of a request. Bouncy Castle reads it as it goes, and throws unchecked exceptions on some bytes.
    private static PublicKey requested(Bytes csr) throws BadRequest {
        try {
            JcaPKCS10CertificationRequest request = new JcaPKCS10CertificationRequest(csr.toArray());
            PublicKey publicKey = request.getPublicKey();
            if (!(publicKey instanceof ECPublicKey ec)
                    || ec.getParams().getCurve().getField().getFieldSize() != 256) {
                throw new BadRequest("the CSR's key must be ECDSA P-256");
            }
            if (!request.isSignatureValid(new JcaContentVerifierProviderBuilder().build(publicKey))) {
                throw new BadRequest("the CSR is not signed by its own key");
            }
            return publicKey;
        } catch (IOException
                | GeneralSecurityException
                | OperatorCreationException
                | PKCSException
                | RuntimeException e) {
            throw new BadRequest("the CSR is not PKCS#10: " + e.getMessage());
        }
    }

    /// The DER of a PEM request.
    ///
    /// @throws BadRequest if it is none
    public static Bytes csr(String pem) throws BadRequest {
        try {
            return Bytes.of(pemObject(pem, "CERTIFICATE REQUEST"));
        } catch (IOException e) {
            throw new BadRequest("the CSR is not PEM: " + e.getMessage());
        }
    }

    private Issued issue(String commonName, PublicKey publicKey, Use use, List<String> hosts, Instant now) {
        try {
            BigInteger serial = new BigInteger(120, random);
            var builder = new JcaX509v3CertificateBuilder(
                    certificate.getSubject(),
                    serial,
                    Date.from(now.minus(SKEW)),
                    Date.from(now.plus(LEAF)),
                    new X500Name("CN=" + commonName),
                    publicKey);
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
            builder.addExtension(
                    Extension.extendedKeyUsage,
                    false,
                    use == Use.SERVER
                            ? new ExtendedKeyUsage(
                                    new KeyPurposeId[] {KeyPurposeId.id_kp_serverAuth, KeyPurposeId.id_kp_clientAuth})
                            : new ExtendedKeyUsage(KeyPurposeId.id_kp_clientAuth));
            if (!hosts.isEmpty()) {
                List<GeneralName> names = new ArrayList<>();
                for (String host : hosts) {
                    boolean address = ADDRESS.matcher(host).matches();
                    names.add(new GeneralName(address ? GeneralName.iPAddress : GeneralName.dNSName, host));
                }
                builder.addExtension(
                        Extension.subjectAlternativeName, false, new GeneralNames(names.toArray(new GeneralName[0])));
            }
            var signer = new JcaContentSignerBuilder("SHA256withECDSA")
                    .setSecureRandom(random)
                    .build(key);
            return new Issued(pem("CERTIFICATE", encoded(builder.build(signer))) + pem(), serial.toString(16));
        } catch (OperatorCreationException | IOException e) {
            throw new IllegalStateException("every JDK has ECDSA with P-256", e);
        }
    }

    private static KeyPair newKey(SecureRandom random) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"), random);
        return generator.generateKeyPair();
    }

    private static byte[] encoded(X509CertificateHolder holder) {
        try {
            return holder.getEncoded();
        } catch (IOException e) {
            throw new IllegalStateException("a certificate that was made or parsed encodes", e);
        }
    }

    private static byte[] pemObject(String text, String type) throws IOException {
        try (PEMParser parser = new PEMParser(new StringReader(text))) {
            PemObject object = parser.readPemObject();
            if (object == null || !object.getType().endsWith(type)) {
                throw new IOException("expected a PEM block '" + type + "'");
            }
            return object.getContent();
        } catch (RuntimeException e) {
            throw new IOException("expected a PEM block '" + type + "': " + e.getMessage(), e);
        }
    }

    private static String pem(String type, byte[] content) {
        StringWriter text = new StringWriter();
        try (PemWriter writer = new PemWriter(text)) {
            writer.writeObject(new PemObject(type, content));
        } catch (IOException e) {
            throw new IllegalStateException("a string can be written", e);
        }
        return text.toString();
    }
}

package dev.sotto.coordinator.ca;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.math.BigInteger;
import java.net.InetAddress;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.regex.Pattern;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x500.style.IETFUtils;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertException;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCSException;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequest;

/// Issues the federation's TLS certificates, below a [RootAuthority]: ECDSA P-256, a subject of one common name that
/// the authority alone decides. They say who may connect; who may be trusted in a round the members' identity keys say.
///
/// Thread-safe.
public final class CertificateAuthority {
    /// How long a leaf is valid, if the authority is as long.
    public static final Duration LEAF = Duration.ofDays(397);

    /// How long an issuing authority is valid.
    public static final Duration LIFE = Duration.ofDays(3 * 397);

    /// A member whose clock is late believes in its certificate at once.
    static final Duration SKEW = Duration.ofHours(1);

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
    /// @param pem    of it, of the authority and of the root
    /// @param serial hexadecimal
    /// @param ends   to a second
    public record Issued(String pem, String serial, Instant ends) {}

    /// A request that cannot be granted: the organisation is at fault.
    public static final class BadRequest extends Exception {
        private static final long serialVersionUID = 1;

        BadRequest(String message) {
            super(message);
        }
    }

    private final X509CertificateHolder certificate;
    private final X509CertificateHolder root;
    private final PrivateKey key;
    private final SecureRandom random;

    CertificateAuthority(
            X509CertificateHolder certificate, X509CertificateHolder root, PrivateKey key, SecureRandom random) {
        this.certificate = certificate;
        this.root = root;
        this.key = key;
        this.random = random;
    }

    /// The authority of two PEM texts.
    ///
    /// @param pem        its key, and its certificate
    /// @param rootPem    the root's certificate
    /// @param passphrase of its key, empty if there is none
    /// @throws IOException if they are not what they must be, or that root did not make this authority
    public static CertificateAuthority load(byte[] pem, String rootPem, char[] passphrase, SecureRandom random)
            throws IOException {
        X509CertificateHolder certificate = Pem.certificate(pem);
        X509CertificateHolder root = Pem.certificate(rootPem);
        try {
            if (!certificate.isSignatureValid(new JcaContentVerifierProviderBuilder().build(root))) {
                throw new IOException("the issuing CA's certificate is not signed by the root's key");
            }
        } catch (CertException | CertificateException | OperatorCreationException | RuntimeException e) {
            throw new IOException("the issuing CA's certificate is not signed by the root's key", e);
        }
        return new CertificateAuthority(certificate, root, Pem.key(pem, passphrase), random);
    }

    /// Its key and its certificate, which the caller wipes.
    ///
    /// @param passphrase to encrypt the key with, empty for none
    public byte[] pem(char[] passphrase) {
        return Pem.join(Pem.of(key, passphrase, random), Pem.of(certificate));
    }

    /// The root's certificate, which others trust.
    public String rootPem() {
        return Pem.of(root);
    }

    /// SHA-256 of the root certificate's DER, which invites carry.
    public Bytes fingerprint() {
        return Enc.sha256(Bytes.of(Pem.encoded(root)));
    }

    /// Whether it issued this certificate, of which a chain to the root is known to be valid.
    public boolean hasIssued(X509Certificate leaf) {
        try {
            return leaf.getIssuerX500Principal()
                    .equals(new X500Principal(certificate.getSubject().getEncoded()));
        } catch (IOException e) {
            throw new IllegalStateException("a name that was made or parsed encodes", e);
        }
    }

    /// When its own certificate ends; none that it issues is longer.
    public Instant ends() {
        return certificate.getNotAfter().toInstant();
    }

    /// A key and its certificates in one PEM text, for a process of the consortium; the caller wipes it.
    ///
    /// @param hosts names and addresses of a server
    public byte[] issueWithKey(String commonName, Use use, List<String> hosts, Instant now) {
        try {
            KeyPair pair = newKey(random);
            return Pem.join(
                    Pem.of(pair.getPrivate(), new char[0], random),
                    issue(commonName, pair.getPublic(), use, hosts, now).pem());
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has P-256", e);
        }
    }

    /// As before, with a new key, for what has been issued: the same name, use and hosts; the caller wipes it.
    ///
    /// @param before PEM with a certificate
    /// @throws IOException if there is none in it
    public byte[] issueAgain(byte[] before, Instant now) throws IOException {
        X509CertificateHolder old = Pem.certificate(before);
        try {
            String name = IETFUtils.valueToString(
                    old.getSubject().getRDNs(BCStyle.CN)[0].getFirst().getValue());
            ExtendedKeyUsage uses = ExtendedKeyUsage.fromExtensions(old.getExtensions());
            GeneralNames names = GeneralNames.fromExtensions(old.getExtensions(), Extension.subjectAlternativeName);
            List<String> hosts = new ArrayList<>();
            for (GeneralName host : names == null ? new GeneralName[0] : names.getNames()) {
                hosts.add(
                        host.getTagNo() == GeneralName.iPAddress
                                ? InetAddress.getByAddress(ASN1OctetString.getInstance(host.getName())
                                                .getOctets())
                                        .getHostAddress()
                                : String.valueOf(host.getName()));
            }
            return issueWithKey(
                    name, uses.hasKeyPurposeId(KeyPurposeId.id_kp_serverAuth) ? Use.SERVER : Use.CLIENT, hosts, now);
        } catch (RuntimeException e) {
            throw new IOException("a certificate cannot be read: " + e.getMessage(), e);
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
            return Bytes.of(Pem.read(pem, "CERTIFICATE REQUEST"));
        } catch (IOException e) {
            throw new BadRequest("the CSR is not PEM: " + e.getMessage());
        }
    }

    private Issued issue(String commonName, PublicKey publicKey, Use use, List<String> hosts, Instant now) {
        try {
            BigInteger serial = new BigInteger(120, random);
            Instant leaf = now.plus(LEAF).truncatedTo(ChronoUnit.SECONDS);
            Instant end = ends().isBefore(leaf) ? ends() : leaf;
            var builder = new JcaX509v3CertificateBuilder(
                    certificate.getSubject(),
                    serial,
                    Date.from(now.minus(SKEW)),
                    Date.from(end),
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
            return new Issued(
                    Pem.of(builder.build(signer)) + Pem.of(certificate) + rootPem(), serial.toString(16), end);
        } catch (OperatorCreationException | IOException e) {
            throw new IllegalStateException("every JDK has ECDSA with P-256", e);
        }
    }

    static KeyPair newKey(SecureRandom random) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"), random);
        return generator.generateKeyPair();
    }
}

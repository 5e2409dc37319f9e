package dev.sotto.coordinator.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.coordinator.ca.CertificateAuthority.Use;
import dev.sotto.schemas.Bytes;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Set;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.junit.jupiter.api.Test;

class CertificateAuthorityTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    private static final char[] NONE = new char[0];

    private final RootAuthority root = RootAuthority.create("north", NOW, new SecureRandom());
    private final CertificateAuthority authority = root.issuing(NOW);

    @Test
    void subject_isTheAuthoritysWord_notTheRequests() throws Exception {
        KeyPair pair = key("secp256r1");
        Bytes csr = request(pair, pair, "CN=evil,O=x+CN=coordinator");
        X509Certificate issued = certificate(authority.issue("acme", csr, NOW).pem());
        assertThat(issued.getSubjectX500Principal().getName()).isEqualTo("CN=acme");
        assertThat(issued.getPublicKey()).isEqualTo(pair.getPublic());
        assertThat(issued.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.2");
        assertThat(issued.getBasicConstraints()).isEqualTo(-1);
        issued.verify(certificates(authority.pem(NONE)).getFirst().getPublicKey());
    }

    @Test
    void request_signedByAnotherKey_isRefused() throws Exception {
        Bytes csr = request(key("secp256r1"), key("secp256r1"), "CN=acme");
        assertThatThrownBy(() -> authority.issue("acme", csr, NOW))
                .isInstanceOf(CertificateAuthority.BadRequest.class)
                .hasMessageContaining("own key");
    }

    @Test
    void request_ofAnotherCurveOrNoRequest_isRefused() throws Exception {
        KeyPair pair = key("secp384r1");
        Bytes csr = request(pair, pair, "CN=acme");
        assertThatThrownBy(() -> authority.issue("acme", csr, NOW))
                .isInstanceOf(CertificateAuthority.BadRequest.class)
                .hasMessageContaining("P-256");
        for (Bytes junk : List.of(Bytes.EMPTY, Bytes.zeros(40), csr.slice(0, 50))) {
            assertThatThrownBy(() -> authority.issue("acme", junk, NOW))
                    .isInstanceOf(CertificateAuthority.BadRequest.class);
        }
        assertThatThrownBy(() -> CertificateAuthority.csr("not PEM"))
                .isInstanceOf(CertificateAuthority.BadRequest.class);
    }

    /// A signature of a number of bits that is no multiple of eight, on which Bouncy Castle throws an unchecked
    /// exception.
    @Test
    void request_whoseSignatureIsNoOctets_isRefused() throws Exception {
        KeyPair pair = key("secp256r1");
        byte[] csr = request(pair, pair, "CN=acme").toArray();
        int unused = -1;
        for (int i = csr.length - 80; i < csr.length - 60; i++) {
            if (csr[i] == 3 && csr[i + 2] == 0 && csr[i + 3] == 0x30) {
                unused = i + 2;
            }
        }
        csr[unused] = 1;
        csr[csr.length - 1] &= (byte) 0xfe;
        assertThatThrownBy(() -> authority.issue("acme", Bytes.of(csr), NOW))
                .isInstanceOf(CertificateAuthority.BadRequest.class)
                .hasMessageContaining("octet");
        assertThatThrownBy(() -> CertificateAuthority.csr(
                        "-----BEGIN CERTIFICATE REQUEST-----\n&&&&\n-----END CERTIFICATE REQUEST-----\n"))
                .isInstanceOf(CertificateAuthority.BadRequest.class);
    }

    @Test
    void authority_isLoadedFromItsFileAndTheRootsCertificate() throws Exception {
        CertificateAuthority loaded =
                CertificateAuthority.load(authority.pem(NONE), root.pem(), NONE, new SecureRandom());
        assertThat(loaded.fingerprint()).isEqualTo(root.fingerprint());
        assertThat(loaded.ends()).isEqualTo(NOW.plus(CertificateAuthority.LIFE));
        byte[] pem = loaded.issueWithKey("broker", Use.SERVER, List.of("127.0.0.1", "kafka"), NOW);
        requireValid(pem, NOW);
        assertThat(certificates(pem).getFirst().getSubjectAlternativeNames())
                .extracting(name -> (Object) name.get(1))
                .containsExactly("127.0.0.1", "kafka");
    }

    /// What Kafka, Quarkus and members do: the root alone is trusted, and comes last in each chain.
    @Test
    void chain_leadsToTheRoot_whateverAuthorityIssuedIt() throws Exception {
        byte[] first = authority.issueWithKey("coordinator", Use.SERVER, List.of("c"), NOW);
        Instant later = NOW.plus(Duration.ofDays(300));
        CertificateAuthority next = RootAuthority.load(root.pem(), root.keyPem(NONE), NONE, new SecureRandom())
                .issuing(later);
        byte[] second = next.issueAgain(first, later);
        for (byte[] chain : List.of(first, second)) {
            List<X509Certificate> certificates = certificates(chain);
            assertThat(certificates).hasSize(3);
            assertThat(certificates.getLast())
                    .isEqualTo(certificates(root.pem()).getFirst());
            requireValid(chain, later);
        }
        X509Certificate before = certificates(first).getFirst();
        X509Certificate after = certificates(second).getFirst();
        assertThat(after.getPublicKey()).isNotEqualTo(before.getPublicKey());
        assertThat(after.getSubjectX500Principal()).isEqualTo(before.getSubjectX500Principal());
        assertThat(List.copyOf(after.getSubjectAlternativeNames()))
                .isEqualTo(List.copyOf(before.getSubjectAlternativeNames()));
        assertThat(after.getExtendedKeyUsage()).isEqualTo(before.getExtendedKeyUsage());
    }

    /// How brokers are made to refuse a stolen key before its certificate ends.
    @Test
    void nextAuthorityAloneInATrustStore_endsWhatTheOneBeforeItIssued() throws Exception {
        CertificateAuthority next = root.issuing(NOW);
        X509TrustManager brokers = trusting(certificates(next.pem(NONE)).getFirst());
        List<X509Certificate> stolen = certificates(authority.issueWithKey("coordinator", Use.SERVER, List.of(), NOW));
        List<X509Certificate> renewed = certificates(next.issueWithKey("coordinator", Use.SERVER, List.of(), NOW));
        brokers.checkClientTrusted(renewed.toArray(new X509Certificate[0]), "EC");
        assertThatThrownBy(() -> brokers.checkClientTrusted(stolen.toArray(new X509Certificate[0]), "EC"))
                .isInstanceOf(CertificateException.class);
        trusting(certificates(root.pem()).getFirst()).checkClientTrusted(stolen.toArray(new X509Certificate[0]), "EC");
    }

    private static X509TrustManager trusting(X509Certificate certificate) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setCertificateEntry("trusted", certificate);
        TrustManagerFactory factory = TrustManagerFactory.getInstance("PKIX");
        factory.init(store);
        return (X509TrustManager) factory.getTrustManagers()[0];
    }

    @Test
    void leaf_isNotLongerThanItsAuthority_norThatThanTheRoot() throws Exception {
        Instant late = authority.ends().minus(Duration.ofDays(10));
        KeyPair pair = key("secp256r1");
        X509Certificate leaf = certificates(authority
                        .issue("acme", request(pair, pair, "CN=acme"), late)
                        .pem())
                .getFirst();
        assertThat(leaf.getNotAfter().toInstant()).isEqualTo(authority.ends());
        Instant end = certificates(root.pem()).getFirst().getNotAfter().toInstant();
        assertThat(root.issuing(end.minus(Duration.ofDays(1))).ends()).isEqualTo(end);
    }

    @Test
    void authorityOfAnotherRoot_isRefused_andSoIsALeaf() {
        RootAuthority other = RootAuthority.create("north", NOW, new SecureRandom());
        assertThatThrownBy(() -> CertificateAuthority.load(authority.pem(NONE), other.pem(), NONE, new SecureRandom()))
                .isInstanceOf(IOException.class)
                .hasMessage("the issuing CA's certificate is not signed by the root's key");
        // The root's key makes authorities; an issuing one makes none.
        assertThatThrownBy(() -> requireValid(
                        RootAuthority.load(authority.rootPem(), authority.pem(NONE), NONE, new SecureRandom())
                                .issuing(NOW)
                                .issueWithKey("coordinator", Use.SERVER, List.of(), NOW),
                        NOW))
                .isInstanceOf(CertPathValidatorException.class);
    }

    @Test
    void key_withAPassphrase_opensWithItAlone() throws Exception {
        char[] passphrase = "correct horse".toCharArray();
        byte[] text = authority.pem(passphrase);
        assertThat(new String(text, StandardCharsets.US_ASCII))
                .contains("BEGIN ENCRYPTED PRIVATE KEY")
                .doesNotContain("BEGIN PRIVATE KEY");
        CertificateAuthority loaded = CertificateAuthority.load(text, root.pem(), passphrase, new SecureRandom());
        requireValid(loaded.issueWithKey("admin", Use.CLIENT, List.of(), NOW), NOW);
        for (String[] wrong : new String[][] {
            {"correct horses", "the CA's key does not open with this passphrase"},
            {"", "the CA's key is encrypted, and no passphrase is given"}
        }) {
            assertThatThrownBy(() ->
                            CertificateAuthority.load(text, root.pem(), wrong[0].toCharArray(), new SecureRandom()))
                    .isInstanceOf(IOException.class)
                    .hasMessage(wrong[1]);
        }
        assertThatThrownBy(() ->
                        CertificateAuthority.load(authority.pem(NONE), root.pem(), passphrase, new SecureRandom()))
                .isInstanceOf(IOException.class)
                .hasMessage("a passphrase is given, and the CA's key is not encrypted");
    }

    private void requireValid(byte[] pem, Instant at) throws Exception {
        List<X509Certificate> chain = certificates(pem);
        PKIXParameters parameters = new PKIXParameters(
                Set.of(new TrustAnchor(certificates(root.pem()).getFirst(), null)));
        parameters.setRevocationEnabled(false);
        parameters.setDate(Date.from(at));
        var _ = CertPathValidator.getInstance("PKIX")
                .validate(
                        CertificateFactory.getInstance("X.509").generateCertPath(chain.subList(0, chain.size() - 1)),
                        parameters);
    }

    private static KeyPair key(String curve) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec(curve));
        return generator.generateKeyPair();
    }

    private static Bytes request(KeyPair pair, KeyPair signer, String subject) throws Exception {
        return Bytes.of(new JcaPKCS10CertificationRequestBuilder(new X500Name(subject), pair.getPublic())
                .build(new JcaContentSignerBuilder("SHA256withECDSA").build(signer.getPrivate()))
                .getEncoded());
    }

    private static X509Certificate certificate(String pem) throws Exception {
        return certificates(pem).getFirst();
    }

    private static List<X509Certificate> certificates(byte[] pem) throws Exception {
        return certificates(new String(pem, StandardCharsets.US_ASCII));
    }

    private static List<X509Certificate> certificates(String pem) throws Exception {
        String chain = pem.substring(pem.indexOf("-----BEGIN CERTIFICATE"));
        return CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(chain.getBytes(StandardCharsets.US_ASCII)))
                .stream()
                .map(X509Certificate.class::cast)
                .toList();
    }
}

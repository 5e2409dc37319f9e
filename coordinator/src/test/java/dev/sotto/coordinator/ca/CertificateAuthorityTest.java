package dev.sotto.coordinator.ca;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.coordinator.ca.CertificateAuthority.Use;
import dev.sotto.schemas.Bytes;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Instant;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.junit.jupiter.api.Test;

class CertificateAuthorityTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    private final CertificateAuthority authority = CertificateAuthority.create("north", NOW, new SecureRandom());

    @Test
    void subject_isTheAuthoritysWord_notTheRequests() throws Exception {
        KeyPair pair = key("secp256r1");
        Bytes csr = request(pair, pair, "CN=evil,O=x+CN=coordinator");
        X509Certificate issued = certificate(authority.issue("acme", csr, NOW).pem());
        assertThat(issued.getSubjectX500Principal().getName()).isEqualTo("CN=acme");
        assertThat(issued.getPublicKey()).isEqualTo(pair.getPublic());
        assertThat(issued.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.2");
        assertThat(issued.getBasicConstraints()).isEqualTo(-1);
        issued.verify(certificate(authority.pem()).getPublicKey());
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
    void authority_isLoadedFromItsTwoFiles() throws Exception {
        CertificateAuthority loaded =
                CertificateAuthority.load(authority.pem(), authority.keyPem(), new SecureRandom());
        assertThat(loaded.fingerprint()).isEqualTo(authority.fingerprint());
        String pem = loaded.issueWithKey("broker", Use.SERVER, List.of("127.0.0.1", "kafka"), NOW);
        X509Certificate issued = certificate(pem.substring(pem.indexOf("-----BEGIN CERTIFICATE")));
        issued.verify(certificate(authority.pem()).getPublicKey());
        assertThat(issued.getSubjectAlternativeNames())
                .extracting(name -> (Object) name.get(1))
                .containsExactly("127.0.0.1", "kafka");
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
        return (X509Certificate) CertificateFactory.getInstance("X.509")
                .generateCertificate(new ByteArrayInputStream(pem.getBytes(StandardCharsets.US_ASCII)));
    }
}

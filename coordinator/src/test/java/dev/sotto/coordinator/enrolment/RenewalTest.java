package dev.sotto.coordinator.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RegistryEntry;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.junit.jupiter.api.Test;

/// A member's next certificate: for the principal and by the identity of its present enrolment, and nobody else.
class RenewalTest {
    private static final Instant NOW = Instant.parse("2026-01-10T12:00:00Z");

    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Secret identity = Randomness.secure().secret(32);
    private final List<RegistryEntry> written = new ArrayList<>();
    private final RegistryEntry.Enrolled member = new RegistryEntry.Enrolled(
            "acme",
            2,
            "acme-g2",
            primitives.identityKey(identity),
            primitives.kemKey(Randomness.secure().secret(32)),
            Bytes.zeros(64),
            "1f");
    private final Acts acts = new Acts(act -> act, Clock.fixed(NOW, ZoneOffset.UTC));
    private final Enrolment enrolment = new Enrolment(
            "north",
            primitives,
            RootAuthority.create("north", NOW, new SecureRandom()).issuing(NOW),
            new Invites((organisation, invite, act) -> {}, acts, new Unused(), Clock.systemUTC(), Randomness.secure()),
            new Enrolment.Admission() {
                @Override
                public void admit(String organisation, String principal) {
                    throw new AssertionError("a member has what it needs");
                }

                @Override
                public void silence(String principal) {
                    throw new AssertionError("nobody is suspended");
                }

                @Override
                public void expel(String principal) {
                    throw new AssertionError("nobody leaves");
                }
            },
            new Enrolment.RegistryWriter() {
                @Override
                public Registry registry() {
                    return new Registry(
                            Bytes.zeros(32), new TreeMap<>(Map.of("acme", member)), new TreeMap<>(), new TreeMap<>());
                }

                @Override
                public int generation(String organisation) {
                    return 2;
                }

                @Override
                public void append(RegistryEntry entry, Bytes act) {
                    written.add(entry);
                }
            },
            acts,
            Clock.fixed(NOW, ZoneOffset.UTC));

    private static final class Unused implements Invites.Binding {
        @Override
        public Bytes tag(Bytes invite) {
            throw new AssertionError("nobody is invited");
        }

        @Override
        public int generation(String organisation) {
            throw new AssertionError("nobody is invited");
        }
    }

    private static Bytes csr() throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec("secp256r1"));
        KeyPair pair = generator.generateKeyPair();
        return Bytes.of(new JcaPKCS10CertificationRequestBuilder(new X500Name("CN=mallory"), pair.getPublic())
                .build(new JcaContentSignerBuilder("SHA256withECDSA").build(pair.getPrivate()))
                .getEncoded());
    }

    private Bytes signed(Bytes csr) {
        return primitives.sign(identity, Registry.renewalSigned("north", "acme", Enc.sha256(csr)));
    }

    @Test
    void member_getsACertificateOfItsPrincipal_andTheRegistryItsSerial() throws Exception {
        Bytes csr = csr();
        Enrolment.Enrolled renewed = enrolment.renew(shows("acme-g2"), csr, signed(csr));
        X509Certificate certificate = (X509Certificate) CertificateFactory.getInstance("X.509")
                .generateCertificate(
                        new ByteArrayInputStream(renewed.certificate().getBytes(StandardCharsets.US_ASCII)));
        assertThat(certificate.getSubjectX500Principal().getName()).isEqualTo("CN=acme-g2");
        assertThat(certificate.getNotAfter().toInstant()).isEqualTo(NOW.plus(CertificateAuthority.LEAF));
        assertThat(written)
                .containsExactly(new RegistryEntry.Enrolled(
                        "acme",
                        2,
                        "acme-g2",
                        member.identityKey(),
                        member.deliveryKey(),
                        member.deliverySignature(),
                        certificate.getSerialNumber().toString(16)));
        assertThat(acts.told().acts())
                .containsExactly(new Acts.Act(
                        NOW,
                        "acme-g2",
                        "1f",
                        "",
                        "",
                        "renewed",
                        "acme",
                        "certificate " + certificate.getSerialNumber().toString(16),
                        certificate.getNotAfter().toInstant()));
        assertThat(acts.certificateEnds("acme"))
                .hasValue(certificate.getNotAfter().toInstant());
    }

    /// Each renewal stays in the registry.
    @Test
    void member_waitsBetweenTwoRenewals() throws Exception {
        Bytes csr = csr();
        var _ = enrolment.renew(shows("acme-g2"), csr, signed(csr));
        Bytes next = csr();
        refused(
                "acme-g2",
                next,
                signed(next),
                429,
                "acme got its last certificate at 2026-01-10T12:00:00Z; the next one after");
        assertThat(written).hasSize(1);
    }

    @Test
    void anybodyElse_isRefused_andNothingIsWritten() throws Exception {
        Bytes csr = csr();
        refused("acme", csr, signed(csr), 403, "CN=acme is no member's");
        refused("admin", csr, signed(csr), 403, "CN=admin is no member's");
        refused("acme-g2", csr, signed(csr()), 400, "signature is not the identity key's");
        Bytes enrolment = primitives.sign(
                identity, Registry.enrolmentSigned("north", "acme", Enc.sha256(csr), Enc.sha256(csr), csr));
        refused("acme-g2", csr, enrolment, 400, "signature is not the identity key's");
        Bytes junk = Bytes.utf8("no request");
        refused("acme-g2", junk, signed(junk), 400, "PKCS#10");
        assertThat(written).isEmpty();
    }

    private static Acts.Actor shows(String principal) {
        return Acts.Actor.certified(principal, "1f");
    }

    private void refused(String principal, Bytes csr, Bytes signature, int status, String why) {
        assertThatThrownBy(() -> enrolment.renew(shows(principal), csr, signature))
                .isInstanceOfSatisfying(
                        Refused.class, refused -> assertThat(refused.status()).isEqualTo(status))
                .hasMessageContaining(why);
    }
}

package dev.sotto.participant.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Certificates of hours, and a clock that the test moves.
class RenewalsTest {
    private final Home home;
    private Instant now = Instant.parse("2026-03-01T10:00:00Z");
    private final Clock clock = ((InstantSource) () -> now).withZone(ZoneOffset.UTC);
    private final List<Instant> asked = new ArrayList<>();
    private Duration life = Duration.ofHours(3);
    private boolean refused;
    private final Renewals renewals;

    RenewalsTest(@TempDir Path folder) throws Exception {
        home = new Home(folder);
        renewals = new Renewals(home, this::grant, clock);
        issue();
    }

    private void grant(Home own) throws IOException, Failed {
        asked.add(now);
        if (refused) {
            throw new Failed("the coordinator cannot be reached");
        }
        issue();
    }

    private void issue() throws IOException {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(256);
            KeyPair keys = generator.generateKeyPair();
            byte[] certificate = new JcaX509v3CertificateBuilder(
                            new X500Name("CN=ca"),
                            BigInteger.ONE,
                            Date.from(now),
                            Date.from(now.plus(life)),
                            new X500Name("CN=acme"),
                            keys.getPublic())
                    .build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate()))
                    .getEncoded();
            Home.writeSecret(
                    home.tls(),
                    ("-----BEGIN CERTIFICATE-----\n" + Base64.getMimeEncoder().encodeToString(certificate)
                                    + "\n-----END CERTIFICATE-----\n")
                            .getBytes(StandardCharsets.US_ASCII));
        } catch (GeneralSecurityException | OperatorCreationException e) {
            throw new AssertionError(e);
        }
    }

    /// A day of certificates of three hours: eleven renewals, and there is always one that is valid.
    @Test
    void certificate_isRenewedWhenAThirdOfItsTimeIsLeft_forEver() throws Exception {
        Instant end = now.plus(Duration.ofDays(1));
        for (; now.isBefore(end); now = now.plus(Duration.ofMinutes(1))) {
            boolean _ = renewals.renew();
            Home.Validity valid = home.certificate().orElseThrow();
            assertThat(now).isBetween(valid.begins(), valid.ends());
        }
        assertThat(asked).hasSize(11);
        assertThat(asked.getFirst()).isEqualTo("2026-03-01T12:00:00Z");
        assertThat(asked.get(1)).isEqualTo("2026-03-01T14:00:00Z");
    }

    @Test
    void whatFails_isTriedAgainAtLeastFourTimesBeforeTheCertificateEnds() throws Exception {
        refused = true;
        Instant ends = home.certificate().orElseThrow().ends();
        for (; now.isBefore(ends); now = now.plus(Duration.ofMinutes(1))) {
            if (now.isBefore(ends.minus(Duration.ofHours(1))) || !renewals.areDue()) {
                assertThat(renewals.renew()).isFalse();
            } else {
                assertThatThrownBy(renewals::renew).isInstanceOf(Failed.class);
            }
        }
        assertThat(asked).hasSizeBetween(4, 6);
        refused = false;
        now = renewals.next();
        assertThat(renewals.renew()).isTrue();
        assertThat(renewals.next()).isEqualTo(now.plus(Duration.ofHours(2)));
    }

    @Test
    void whatFails_ofACertificateOfAYear_isTriedAgainAfterAnHour() throws Exception {
        life = Duration.ofDays(397);
        issue();
        refused = true;
        now = now.plus(Duration.ofDays(300));
        Instant first = now;
        assertThatThrownBy(renewals::renew).isInstanceOf(Failed.class);
        assertThat(renewals.next()).isEqualTo(first.plus(Duration.ofHours(1)));
        assertThat(renewals.renew()).isFalse();
    }

    /// `sotto cert renew` puts one there while the agent runs.
    @Test
    void certificateThatWasRenewedByHand_isNotRenewedAgain() throws Exception {
        assertThat(renewals.renew()).isFalse();
        now = now.plus(Duration.ofMinutes(119));
        issue();
        now = now.plus(Duration.ofMinutes(1));
        assertThat(renewals.renew()).isFalse();
        assertThat(asked).isEmpty();
        assertThat(renewals.next()).isEqualTo(now.plus(Duration.ofMinutes(119)));
    }

    /// Such as one of an issuing CA that ends soon.
    @Test
    void shorterCertificateThatWasPutThere_isRenewedInTime_onceItIsLookedAt() throws Exception {
        life = Duration.ofDays(397);
        issue();
        assertThat(renewals.renew()).isFalse();
        life = Duration.ofHours(3);
        issue();
        assertThat(renewals.areDue()).isFalse();
        renewals.lookAgain();
        assertThat(renewals.renew()).isFalse();
        assertThat(renewals.next()).isEqualTo(now.plus(Duration.ofHours(2)));
    }

    /// The coordinator grants no two within ten minutes, however short they live.
    @Test
    void certificateOfMinutes_isNotAskedForMoreOftenThanTheCoordinatorGrants() throws Exception {
        life = Duration.ofMinutes(12);
        issue();
        Instant end = now.plus(Duration.ofHours(2));
        for (; now.isBefore(end); now = now.plus(Duration.ofMinutes(1))) {
            boolean _ = renewals.renew();
        }
        for (int i = 1; i < asked.size(); i++) {
            assertThat(Duration.between(asked.get(i - 1), asked.get(i))).isGreaterThan(Duration.ofMinutes(10));
        }
        assertThat(asked).hasSizeGreaterThan(5);
    }
}

package dev.sotto.participant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.participant.agent.Status;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Policy;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.Date;
import java.util.List;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// What an operator sees of an agent, from its home alone.
class StatusCommandTest {
    private static final Instant NOW = Instant.parse("2026-03-01T10:00:00Z");

    private final Home home;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    StatusCommandTest(@TempDir Path folder) throws Exception {
        home = new Home(folder);
        Home.writeJson(
                home.federation(),
                new Membership("north", "acme", "acme", "b:1", "https://c:1", "A".repeat(43) + "=", "00".repeat(32)));
        Files.writeString(home.policy(), Policy.TEMPLATE);
    }

    private int status(StatusCommand.Pause pause, String... arguments) {
        CommandLine line = new CommandLine(new StatusCommand(Clock.fixed(NOW, ZoneOffset.UTC), pause));
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        String[] all = new String[arguments.length + 2];
        System.arraycopy(arguments, 0, all, 0, arguments.length);
        all[arguments.length] = "--home";
        all[arguments.length + 1] = home.path().toString();
        return line.execute(all);
    }

    private int status(String... arguments) {
        return status(() -> {}, arguments);
    }

    private void said(Status.Doing doing) throws Exception {
        Home.writeJson(
                home.status(),
                new Status(
                        "2026-03-01T09:59:59Z",
                        doing,
                        List.of(
                                new Status.Round(1, 2, "declined", "2026-03-01T09:50:00Z", "steps 4"),
                                new Status.Round(0, 1, "verified", "2026-03-01T09:00:00Z", "version 1")),
                        List.of(new Status.Trouble("POLICY", "steps 4", "2026-03-01T09:50:00Z", 3)),
                        List.of()));
    }

    private void certificate(Instant ends) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        KeyPair keys = generator.generateKeyPair();
        byte[] certificate = new JcaX509v3CertificateBuilder(
                        new X500Name("CN=ca"),
                        BigInteger.ONE,
                        Date.from(NOW),
                        Date.from(ends),
                        new X500Name("CN=acme"),
                        keys.getPublic())
                .build(new JcaContentSignerBuilder("SHA256withECDSA").build(keys.getPrivate()))
                .getEncoded();
        Files.writeString(
                home.tls(),
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n"
                        + Base64.getMimeEncoder().encodeToString(certificate) + "\n-----END CERTIFICATE-----\n");
    }

    @Test
    void status_ofANewMember_saysWhatIsNotThereYet() {
        assertThat(status()).as(err.toString()).isZero();
        assertThat(out.toString())
                .contains("organisation  acme of north")
                .contains("certificate   none yet")
                .contains("agent         not running")
                .contains("adapter       none yet")
                .contains("policy        smallestCohort: 3")
                .contains("              weightings: [uniform, classes]")
                .contains("privacy       the policy demands none");
    }

    @Test
    void status_ofASuspendedOrganisation_saysWhatItWaitsFor() throws Exception {
        said(new Status.Doing("suspended", -1, 0, "2026-03-01T09:59:00Z", 0, 0, 0));
        try (var _ = home.lock()) {
            assertThat(status()).as(err.toString()).isZero();
        }
        assertThat(out.toString())
                .contains(
                        "agent         waits until the consortium resumes this organisation, since 2026-03-01T09:59:00Z");
    }

    @Test
    void status_ofARunningAgent_saysWhatItDoesAndRefused() throws Exception {
        said(new Status.Doing("training", 2, 1, "2026-03-01T09:59:00Z", 7, 40, 1.5));
        certificate(NOW.plusSeconds(10 * 86_400 + 5));
        try (var _ = home.lock()) {
            assertThat(status()).as(err.toString()).isZero();
        }
        assertThat(out.toString())
                .contains("agent         round 2 attempt 1: training, step 7 of 40, loss 1.5000, since"
                        + " 2026-03-01T09:59:00Z")
                .contains("round         1 attempt 2 declined at 2026-03-01T09:50:00Z: steps 4")
                .contains("              0 attempt 1 verified at 2026-03-01T09:00:00Z: version 1")
                .contains("refused       2026-03-01T09:50:00Z POLICY: steps 4 (3 times)")
                .contains("certificate   ends 2026-03-11T10:00:05Z, in 10 days");
    }

    @Test
    void status_asJson_isOneObject() throws Exception {
        said(new Status.Doing("waiting", -1, 0, "", 0, 0, 0));
        certificate(NOW.plusSeconds(86_400));
        assertThat(status("--output", "json")).isZero();
        JsonNode json = new ObjectMapper().readTree(out.toString());
        assertThat(json.path("running").asBoolean(true)).isFalse();
        assertThat(json.has("doing")).as("what it did is over").isFalse();
        assertThat(json.at("/rounds/0/outcome").asText()).isEqualTo("declined");
        assertThat(json.at("/refused/0/reason").asText()).isEqualTo("POLICY");
        assertThat(json.at("/policy/largestShare").asDouble()).isEqualTo(0.5);
        assertThat(json.path("certificateDays").asInt()).isOne();
    }

    @Test
    void follow_saysItAgainWhenItChanges() throws Exception {
        said(new Status.Doing("waiting", -1, 0, "", 0, 0, 0));
        int[] rests = new int[1];
        try (var _ = home.lock()) {
            assertThat(status(
                            () -> {
                                switch (rests[0]++) {
                                    case 0 -> {}
                                    case 1 -> changed("opened");
                                    case 2 -> changed("training");
                                    default -> throw new InterruptedException();
                                }
                            },
                            "--follow",
                            "--output",
                            "json"))
                    .isZero();
        }
        assertThat(Thread.interrupted()).isTrue();
        assertThat(out.toString().lines().map(StatusCommandTest::phase))
                .containsExactly("waiting", "opened", "training");
    }

    private void changed(String phase) {
        try {
            said(new Status.Doing(phase, 0, 1, "", 0, 0, 0));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static String phase(String line) {
        try {
            return new ObjectMapper().readTree(line).at("/doing/phase").asText();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void status_withAFileThatIsNoCertificate_namesIt() throws Exception {
        Files.writeString(home.tls(), "nothing");
        CommandLine line = Sotto.commandLine();
        line.setErr(new PrintWriter(err, true));
        assertThat(line.execute("status", "--home", home.path().toString())).isEqualTo(2);
        assertThat(err.toString()).contains("tls.pem").contains("holds no certificate");
    }
}

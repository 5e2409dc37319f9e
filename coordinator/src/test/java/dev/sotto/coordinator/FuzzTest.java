package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.enrolment.Invites;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.fuzz.FuzzTarget;
import dev.sotto.schemas.fuzz.FuzzTargets;
import dev.sotto.schemas.fuzz.Program;
import dev.sotto.secrets.Passphrase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.List;

/// What whoever has an invite sends, and what the consortium's operator writes.
public final class FuzzTest extends FuzzTargets {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final RootAuthority ROOT = RootAuthority.create("north", NOW, new SecureRandom());
    private static final CertificateAuthority AUTHORITY = ROOT.issuing(NOW);

    /// Of `openssl req -new -subj /CN=acme` with a key on P-256.
    private static final String CSR =
            "MIHIMHECAQAwDzENMAsGA1UEAwwEYWNtZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPwp15kpm+nJsb9u"
                    + "9qLcuJkzT2bmbsyimQ2YuAPK3T4AfSQXbRcEz9eHKNjF8p7KSyGlC531JEbTZnMsNcDXXQ6gADAKBggqhkjO"
                    + "PQQDAgNHADBEAiB8vKOHlVap3mKvUz7IPfj39FZA6JLUTS4RgtJOHC5z4gIgXxKywP9vjg0JKL17WuJSBApm"
                    + "WWuYHuQGalkc1FIn/lY=";

    private static final String SETTINGS = """
            federation: north
            bootstrapServers: kafka:9093
            url: https://coordinator:8443
            members: {atLeast: 4}
            rounds: 3
            aggregation: {maxColluders: 1, weighting: exact}
            deadlines: {keys: 60s, shares: 1m, training: 2h, confirmation: 60s, reveal: 60s}
            stragglerGrace: 500ms
            algorithm: {name: fedyogi}
            training: {steps: 10, batchSize: 8, maxTokens: 128, learningRate: 0.001}
            publicSeed: "%s"
            adapter: layout.json
            """.formatted("0".repeat(64));

    private static final String LAYOUT = """
            {"baseModelDigest":"%s","r":8,"alpha":16,"targetModules":["q_proj"],
             "tensors":[{"name":"a","shape":[8,16]},{"name":"b","shape":[16,8]}]}
            """.formatted("1".repeat(64));

    @Override
    protected List<FuzzTarget> targets() {
        return List.of(
                new FuzzTarget("certificate", 150, certificates(), FuzzTest::certificate),
                new FuzzTarget("settings", 60, List.of(Bytes.utf8(SETTINGS)), input -> settings(input, utf8(LAYOUT))),
                new FuzzTarget("layout", 60, List.of(Bytes.utf8(LAYOUT)), input -> settings(utf8(SETTINGS), input)),
                new FuzzTarget("folder", 100, folders(), FuzzTest::folder));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /// The first byte chooses: a request in DER, or in PEM, or the authority's own two files.
    private static boolean certificate(byte[] input) {
        Program program = new Program(input);
        int choice = program.below(4);
        Bytes bytes = Bytes.of(program.rest());
        String text = new String(bytes.toArray(), StandardCharsets.UTF_8);
        try {
            switch (choice) {
                case 0 -> assertThat(AUTHORITY.issue("acme", bytes, NOW).pem()).contains("BEGIN CERTIFICATE");
                case 1 ->
                    assertThat(AUTHORITY
                                    .issue("acme", CertificateAuthority.csr(text), NOW)
                                    .serial())
                            .isNotEmpty();
                case 2 ->
                    assertThat(CertificateAuthority.load(bytes.toArray(), ROOT.pem(), new char[0], new SecureRandom())
                                    .rootPem())
                            .isNotEmpty();
                default ->
                    assertThat(CertificateAuthority.load(
                                            AUTHORITY.pem(new char[0]), text, new char[0], new SecureRandom())
                                    .rootPem())
                            .isNotEmpty();
            }
            return true;
        } catch (CertificateAuthority.BadRequest | IOException refused) {
            assertThat(refused.getMessage()).isNotBlank();
            return false;
        }
    }

    private static List<Bytes> certificates() {
        Bytes der = Bytes.of(Base64.getDecoder().decode(CSR));
        byte[] seed = new byte[1 + der.size()];
        der.copyTo(seed, 1);
        return List.of(
                Bytes.of(seed),
                Bytes.utf8("\u0001-----BEGIN CERTIFICATE REQUEST-----\n" + CSR.replaceAll("(.{64})", "$1\n")
                        + "\n-----END CERTIFICATE REQUEST-----\n"));
    }

    private static boolean settings(byte[] yaml, byte[] layout) throws IOException {
        Path _ = scratch("layout.json", layout);
        Path file = scratch("federation.yaml", yaml);
        try {
            Settings settings = Settings.read(file);
            assertThat(settings.url().getScheme()).isEqualTo("https");
            assertThat(settings.adapter().layout().size()).isPositive();
            return true;
        } catch (InvalidSettings refused) {
            assertThat(refused.getMessage()).contains("target");
            return false;
        }
    }

    /// So that what is beyond the tag is reached.
    private static final Invites.Binding ANYBODYS = new Invites.Binding() {
        @Override
        public Bytes tag(Bytes invite) {
            return Bytes.zeros(Enc.HASH);
        }

        @Override
        public int generation(String organisation) {
            return 0;
        }
    };

    /// A secret, or an invite.
    private static boolean folder(byte[] input) throws IOException {
        Program program = new Program(input);
        if (program.below(2) == 0) {
            Path file = scratch("k.secret", program.rest());
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
            try (Passphrase none = Folder.passphrase("NONE");
                    Secret secret = Folder.readSecret(file, none)) {
                assertThat(secret.size()).isEqualTo(32);
                return true;
            } catch (InvalidSettings refused) {
                assertThat(refused.getMessage()).contains("k.secret");
                return false;
            }
        }
        Clock clock = Clock.fixed(NOW, ZoneOffset.UTC);
        Invites invites = new Invites(
                (organisation, invite, act) -> {}, new Acts(act -> act, clock), ANYBODYS, clock, target -> {});
        try {
            invites.take("acme", Bytes.of(program.rest()));
            assertThat(invites.list()).hasSizeLessThanOrEqualTo(1);
            return invites.check("acme", Bytes.EMPTY).isEmpty();
        } catch (MalformedMessage damaged) {
            assertThat(damaged.getMessage()).contains("invite");
            return false;
        }
    }

    private static List<Bytes> folders() {
        return List.of(
                Bytes.utf8("\u0000" + Base64.getEncoder().encodeToString(new byte[32]) + "\n"),
                Bytes.utf8(
                        "\u0001{\"tokenHash\":\"%s\",\"expires\":\"2026-01-02T00:00:00Z\",\"attempts\":0,\"tag\":\"%s\"}"
                                .formatted(
                                        Enc.sha256(Bytes.EMPTY).hex(),
                                        Bytes.zeros(Enc.HASH).hex())));
    }
}

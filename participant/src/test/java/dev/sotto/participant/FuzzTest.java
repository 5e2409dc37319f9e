package dev.sotto.participant;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.participant.agent.DiskFuzz;
import dev.sotto.participant.agent.Versions;
import dev.sotto.participant.enrolment.Invite;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Lift;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.Settings;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.fuzz.FuzzTarget;
import dev.sotto.schemas.fuzz.FuzzTargets;
import dev.sotto.schemas.fuzz.Program;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/// What an operator pastes, edits or copies, and what lies in an organisation's folder.
public final class FuzzTest extends FuzzTargets {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    private static final Membership MEMBERSHIP = new Membership(
            "north",
            "acme",
            "acme",
            "kafka:9093",
            "https://coordinator:8443",
            Base64.getEncoder().encodeToString(new byte[32]),
            "0".repeat(64));

    @Override
    protected List<FuzzTarget> targets() {
        return List.of(
                new FuzzTarget("invite", 500, List.of(invite()), FuzzTest::invite),
                new FuzzTarget("policy", 100, List.of(Bytes.utf8(Policy.TEMPLATE)), FuzzTest::policy),
                new FuzzTarget(
                        "settings",
                        100,
                        List.of(
                                Bytes.utf8(Settings.TEMPLATE),
                                Bytes.utf8(Settings.TEMPLATE.replaceAll("(?m)^# (\\w+: )", "$1"))),
                        FuzzTest::settings),
                new FuzzTarget("home", 150, homes(), FuzzTest::home),
                new FuzzTarget(
                        "journal", 100, DiskFuzz.journals(), input -> DiskFuzz.journal(folder("journal"), input)),
                new FuzzTarget(
                        "spool",
                        100,
                        List.of(DiskFuzz.spool(folder("spool"))),
                        input -> DiskFuzz.spool(folder("spool"), input)));
    }

    private static Path folder(String name) {
        try {
            return Files.createDirectories(
                    scratch("folder", new byte[0]).resolveSibling(name).toAbsolutePath());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    // ---- the invite: an input is its JSON, or the whole text where it is none ----

    private static boolean invite(byte[] input) {
        String text = new String(input, StandardCharsets.UTF_8);
        boolean plain = invited(text);
        return invited("sotto1." + Base64.getUrlEncoder().encodeToString(input)) || plain;
    }

    private static boolean invited(String text) {
        try {
            Invite invite = Invite.parse(text);
            assertThat(invite.url().getScheme()).isEqualTo("https");
            assertThat(invite.toString()).doesNotContain(invite.token().hex());
            return true;
        } catch (Failed refused) {
            assertThat(refused.getMessage()).contains("invite");
            return false;
        }
    }

    private static Bytes invite() {
        return Bytes.utf8(
                "{\"u\":\"https://h:1\",\"f\":\"north\",\"o\":\"acme\",\"t\":\"%s\",\"c\":\"%s\",\"i\":\"%s\"}"
                        .formatted("A".repeat(43), "1".repeat(64), "2".repeat(64)));
    }

    // ---- files ----

    @FunctionalInterface
    private interface Reader {
        void read() throws Exception;
    }

    private static boolean reads(Path file, Reader reader) throws Exception {
        try {
            reader.read();
            return true;
        } catch (InvalidFile refused) {
            assertThat(refused).hasMessageContaining(file.getFileName().toString());
            return false;
        }
    }

    private static boolean policy(byte[] input) throws Exception {
        Path file = scratch("policy.yaml", input);
        return reads(file, () -> assertThat(Policy.read(file).smallestCohort()).isBetween(3, 255));
    }

    private static boolean settings(byte[] input) throws Exception {
        Path file = scratch("participant.yaml", input);
        return reads(
                file, () -> assertThat(Settings.read(file).threads().orElse(1)).isBetween(1, 1024));
    }

    /// The first byte chooses the file.
    private static boolean home(byte[] input) throws Exception {
        Program program = new Program(input);
        Home home = new Home(folder("home"));
        int choice = program.below(5);
        byte[] content = program.rest();
        return switch (choice) {
            case 0 ->
                reads(Files.write(home.federation(), content), () -> {
                    Membership membership = Home.readJson(home.federation(), Membership.class);
                    assertThat(membership.coordinatorKey().size()).isEqualTo(32);
                    assertThat(Bytes.fromHex(membership.publicSeed()).size()).isEqualTo(32);
                    assertThat(membership.topics().control()).contains(membership.federation());
                    assertThat(membership.toString()).isNotBlank();
                });
            case 1 ->
                reads(Files.write(home.peers(), content), () -> {
                    Peers peers = Peers.read(home);
                    assertThat(peers.directory(MEMBERSHIP).members().keySet())
                            .isEqualTo(peers.pinned().keySet());
                    assertThat(peers.message().peers())
                            .hasSameSizeAs(peers.pinned().keySet());
                    assertThat(Bytes.fromHex(peers.registryHead()).size()).isEqualTo(32);
                });
            case 2 ->
                reads(
                        Files.write(home.lift(), content),
                        () -> assertThat(Home.readJson(home.lift(), Lift.class)
                                        .message()
                                        .allowed())
                                .isNotEmpty());
            case 3 -> {
                Files.createDirectories(home.models());
                yield reads(
                        Files.write(home.models().resolve("version-1.json"), content),
                        () -> DiskFuzz.description(home.models()));
            }
            default -> {
                Path file = Files.write(home.identity(), content);
                Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
                yield reads(file, () -> {
                    try (Secret secret = Home.readSecret(file)) {
                        assertThat(secret.size()).isEqualTo(32);
                    }
                });
            }
        };
    }

    private static List<Bytes> homes() {
        try (Secret secret = Secret.take(new byte[32])) {
            Peers peers = new Peers(
                    new TreeMap<>(
                            Map.of("acme", Peers.Pin.of(PRIMITIVES.identityKey(secret), PRIMITIVES.kemKey(secret)))),
                    "0".repeat(64));
            List<Object> files = List.of(
                    MEMBERSHIP,
                    peers,
                    new Lift("0".repeat(64), List.of("acme", "bank", "court"), List.of("acme", "bank")),
                    new Versions.Description(
                            1, "0".repeat(64), "1".repeat(64), "lora", 8, 16, List.of("q_proj", "v_proj"), true));
            List<Bytes> seeds = new ArrayList<>();
            for (Object file : files) {
                seeds.add(Bytes.utf8((char) seeds.size() + new ObjectMapper().writeValueAsString(file)));
            }
            seeds.add(Bytes.utf8((char) seeds.size() + Base64.getEncoder().encodeToString(new byte[32])));
            return seeds;
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("records are written", e);
        }
    }
}

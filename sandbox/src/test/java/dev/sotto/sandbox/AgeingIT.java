package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.sandbox.Tail.Seen;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.broker.Ports;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.SurvivorsSealed;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// What time does to a federation: certificates end, and chunks of old rounds are forgotten.
@Timeout(900)
class AgeingIT {
    private static final Duration STUCK = Duration.ofMinutes(4);
    private static final Duration LOOK = Duration.ofMillis(500);
    /// What is left of the certificates, half of their time, when members get them: two rounds and more.
    private static final Duration LEFT = Duration.ofSeconds(45);
    private static final int WINDOW = 2;
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    private final Map<String, Relay> relays = new TreeMap<>();
    private @Nullable BrokerHost broker;
    private @Nullable Tail tail;

    @FunctionalInterface
    private interface Condition {
        boolean holds() throws Exception;
    }

    @AfterEach
    void stopAll() throws Exception {
        if (tail != null) {
            tail.close();
        }
        for (Relay relay : relays.values()) {
            relay.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    /// Real certificates that end while the federation runs; members renew them, but for one that cannot reach the
    /// coordinator.
    @Test
    void certificatesEnd_andOldRoundsAreForgotten_andTheFederationGoesOn() throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        DemoPlan plan = SmallPlan.of(output, 1000, "fedavg");
        String stranded = plan.victim();
        List<String> renewing = plan.organisations().stream()
                .filter(organisation -> !organisation.equals(stranded))
                .toList();
        List<BrokerSettings.Route> routes = new ArrayList<>();
        for (String organisation : plan.organisations()) {
            Relay relay = new Relay(false);
            relays.put(organisation, relay);
            routes.add(relay.route());
        }
        try (Supervisor supervisor =
                new Supervisor(Jvm.ofThisProcess(Artefacts.ofThisBuild().leash()), output.resolve("logs"))) {
            BrokerHost host = Brokers.broker(supervisor, output.resolve("broker"), routes);
            broker = host;
            Display display = new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now);
            Federation federation = new Demo(plan, Artefacts.ofThisBuild(), supervisor, host, display)
                    .begin(AgeingIT::prepare, enrolled -> {
                        for (String organisation : plan.organisations()) {
                            prepare(enrolled.home(organisation), relay(organisation));
                        }
                    })
                    .federation();
            Map<String, Object> operator = Topics.settings(
                    host.bootstrap(),
                    federation.folder().resolve("tls.pem"),
                    federation.folder().resolve("ca.pem"));
            dev.sotto.schemas.Topics topics = new dev.sotto.schemas.Topics(Federation.ID);
            tail = new Tail(operator, topics, plan.organisations());
            assertThat(survivors(awaitClosed(0))).containsExactlyElementsOf(sorted(plan.organisations()));

            certificatesEnd(federation, renewing, stranded);
            long last = following()
                    .all(seen -> seen.type() == MessageType.ROUND_OPENED)
                    .getLast()
                    .round();
            assertThat(survivors(awaitClosed(last + 1))).containsExactlyElementsOf(sorted(renewing));

            roundsAreForgotten(federation, operator, topics, renewing);
        }
    }

    private static void prepare(Federation made) throws IOException {
        Path file = made.folder().resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        settings.put("auditWindow", WINDOW);
        ObjectNode deadlines = settings.putObject("deadlines");
        for (String phase : List.of("keys", "shares", "confirmation", "reveal")) {
            deadlines.put(phase, "10s");
        }
        deadlines.put("training", "60s");
        YAML.writeValue(file.toFile(), settings);
    }

    /// Three may go on without the fourth.
    private static void prepare(Path home, Relay relay) throws IOException {
        Path policy = home.resolve("policy.yaml");
        Files.writeString(policy, Files.readString(policy).replace("maxColluders: 1", "maxColluders: 0"));
        change(home, "bootstrapServers", relay.bootstrap());
    }

    private static void change(Path home, String key, String value) throws IOException {
        Path file = home.resolve("federation.json");
        ObjectNode membership = (ObjectNode) JSON.readTree(file.toFile());
        JSON.writeValue(file.toFile(), membership.put(key, value));
    }

    // ---- certificates ----

    private void certificatesEnd(Federation federation, List<String> renewing, String stranded) throws Exception {
        change(
                federation.home(stranded),
                "coordinatorUrl",
                "https://127.0.0.1:" + Ports.free(1).getFirst());
        Map<String, String> short_ = new TreeMap<>();
        Instant ends = Instant.now().plus(LEFT).truncatedTo(ChronoUnit.SECONDS);
        for (String organisation : relays.keySet()) {
            short_.put(organisation, shorten(federation, organisation, ends));
        }
        await("every member but one has another certificate", () -> {
            for (String organisation : renewing) {
                if (tls(federation, organisation).equals(short_.get(organisation))) {
                    return false;
                }
            }
            return true;
        });
        Child alone = federation.agent(stranded);
        await(
                "the other one says why it has not",
                () -> Files.readString(alone.log()).contains("it could not be renewed: the coordinator at"));
        await("the certificates have ended", () -> Instant.now().isAfter(ends.plusSeconds(1)));
        assertThat(tls(federation, stranded)).isEqualTo(short_.get(stranded));

        // A certificate is looked at when a connection is made.
        alone.expectEnd();
        for (Relay relay : relays.values()) {
            relay.cut();
        }
        relays.values().forEach(Relay::mend);
        await("who has no certificate any more ends", () -> !alone.isAlive());
        assertThat(alone.await()).isOne();
        assertThat(alone.lastLines().getLast())
                .contains("tls.pem ended at " + ends + " and cannot renew itself any more: enrol again");
    }

    private static String tls(Federation federation, String organisation) throws IOException {
        return Files.readString(federation.home(organisation).resolve("tls.pem"));
    }

    /// Gives a member a certificate like its own that ends soon, as if the consortium had issued it long ago.
    ///
    /// @return the file's new text
    private static String shorten(Federation federation, String organisation, Instant ends) throws Exception {
        String own = tls(federation, organisation);
        String text = ShortCertificate.of(
                own,
                Files.readString(federation.folder().resolve("issuing.pem")),
                ends.minus(LEFT.multipliedBy(2)),
                ends);
        Path file = federation.home(organisation).resolve("tls.pem");
        Path fresh = Files.createFile(
                file.resolveSibling("short.pem"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(fresh, text);
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
        return text;
    }

    // ---- the audit window ----

    private void roundsAreForgotten(
            Federation federation, Map<String, Object> operator, dev.sotto.schemas.Topics topics, List<String> renewing)
            throws Exception {
        // A round that begins when they are told to stop may still close.
        awaitClosed(WINDOW + 2);
        federation.stopAgents();
        try (Admin admin = Admin.create(operator)) {
            List<String> trimmed = new ArrayList<>(List.of(topics.models(), topics.slots()));
            renewing.forEach(organisation -> trimmed.add(topics.updates(organisation)));
            for (String topic : trimmed) {
                await("what is old is gone from " + topic, () -> begin(admin, topic) > 0);
            }
            List<String> whole = new ArrayList<>(List.of(topics.control(), topics.registry(), topics.leader()));
            renewing.forEach(organisation -> whole.add(topics.inbox(organisation)));
            for (String topic : whole) {
                assertThat(begin(admin, topic)).as(topic).isZero();
            }
        }
        long last = following()
                .all(seen -> seen.type() == MessageType.ROUND_CLOSED)
                .getLast()
                .round();
        String member = renewing.getFirst();
        String home = federation.home(member).toString();
        for (long round = last - WINDOW + 1; round <= last; round++) {
            federation.run("audit-" + round, List.of("audit", String.valueOf(round), "--home", home));
        }
        assertThatThrownBy(() -> federation.run("audit-0", List.of("audit", "0", "--home", home)))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("exit code 3");
        assertThat(Files.readAllLines(folder.resolve("demo/logs/audit-0.log")))
                .anyMatch(line -> line.startsWith("not checked  chunks")
                        && line.contains("the log no longer holds all chunks of "))
                .noneMatch(line -> line.startsWith("FAILED"));

        // Without what it had fetched before, a member finds the present version all the same.
        try (Stream<Path> models = Files.walk(federation.home(member).resolve("models"))) {
            for (Path file : models.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
        for (String organisation : renewing) {
            federation.startAgent(organisation);
        }
        assertThat(survivors(awaitClosed(last + 1))).containsExactlyElementsOf(sorted(renewing));
    }

    /// The first offset that is there, of all partitions.
    private static long begin(Admin admin, String topic) throws Exception {
        Map<TopicPartition, OffsetSpec> earliest = new HashMap<>();
        for (TopicPartitionInfo partition : Objects.requireNonNull(admin.describeTopics(List.of(topic))
                        .allTopicNames()
                        .get()
                        .get(topic))
                .partitions()) {
            earliest.put(new TopicPartition(topic, partition.partition()), OffsetSpec.earliest());
        }
        return admin.listOffsets(earliest).all().get().values().stream()
                .mapToLong(offset -> offset.offset())
                .max()
                .orElseThrow();
    }

    // ---- rounds ----

    private Seen awaitClosed(long round) throws Exception {
        return await(seen -> seen.type() == MessageType.ROUND_CLOSED && seen.round() >= round, "round " + round);
    }

    private List<String> survivors(Seen closed) throws Exception {
        Seen sealed = await(
                seen -> seen.type() == MessageType.SURVIVORS_SEALED
                        && seen.round() == closed.round()
                        && seen.attempt() == closed.attempt(),
                "survivors");
        return SurvivorsSealed.parse(sealed.envelope().payload()).survivors().stream()
                .map(NamedHash::organisation)
                .toList();
    }

    private static List<String> sorted(List<String> organisations) {
        return organisations.stream().sorted().toList();
    }

    private Seen await(Predicate<Seen> wanted, String what) throws Exception {
        Optional<Seen> found = following().await(0, wanted, STUCK);
        assertThat(found).as(what).isPresent();
        return found.orElseThrow();
    }

    private void await(String what, Condition condition) throws Exception {
        long deadline = System.nanoTime() + STUCK.toNanos();
        while (!condition.holds()) {
            assertThat(System.nanoTime()).as(what).isLessThan(deadline);
            var _ = following().await(Integer.MAX_VALUE, seen -> false, LOOK);
        }
    }

    private Relay relay(String organisation) {
        return Objects.requireNonNull(relays.get(organisation));
    }

    private Tail following() {
        return Objects.requireNonNull(tail);
    }
}

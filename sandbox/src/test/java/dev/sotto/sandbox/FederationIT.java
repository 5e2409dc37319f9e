package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.sandbox.report.Report;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.UpdateChunk;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// The demo's federation in small, with real processes: broker, coordinator, four organisations.
@Timeout(600)
class FederationIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    /// What a record is refused for that somebody has changed, or sent again; `control` and `peer`: no message at
    /// all.
    private static final Set<String> HARMLESS = Set.of(
            "BAD_SIGNATURE",
            "FORKED_LOG", // Of an opening that is written again after its round.
            "MALFORMED",
            "UNKNOWN_SENDER",
            "OTHER_TRANSCRIPT",
            "UNEXPECTED_MESSAGE",
            "OTHER_ROUND",
            "control",
            "peer");

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    private @Nullable BrokerHost broker;
    private @Nullable Relay relay;

    @AfterEach
    void stopBroker() throws Exception {
        if (relay != null) {
            relay.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    @Test
    void federation_withAKilledMember_leavesOnlyMaskedUpdatesOnTheBroker() throws Exception {
        DemoPlan plan = plan(3, 4);
        try (Supervisor supervisor = supervisor(plan)) {
            Relay wire = new Relay(true);
            relay = wire;
            Demo demo = demo(plan, supervisor, wire);
            Demo.Outcome outcome = demo.federate(demo.killing());

            JsonNode rounds = outcome.status().path("rounds");
            assertThat(rounds).hasSize(3);
            assertThat(rounds.get(1).path("survivors")).hasSize(3);
            assertThat(rounds.get(1).path("dropped").get(0).path("organisation").asText())
                    .isEqualTo(plan.victim());
            assertThat(rounds.get(2).path("survivors")).hasSize(4);
            brokerHoldsNothingPlain(plan, outcome.federation(), wire.captured());
            ownTopicsOnly(plan, outcome.federation());
            enrolmentIsForTheInvited(outcome.federation());
            anyoneAudits(outcome.federation());

            Report report = demo.report(outcome, Duration.ZERO);
            assertThat(report.aggregation().maxErrorVsPlaintext()).isPositive();
            assertThat(report.aggregation().maxErrorVsPlaintext())
                    .isLessThanOrEqualTo(report.aggregation().errorBound());
            JsonNode written =
                    JSON.readTree(plan.output().resolve("report.json").toFile());
            for (String field : List.of(
                    "/organisations/bank",
                    "/algorithm",
                    "/parameters/rounds",
                    "/evaluation/base/loss",
                    "/evaluation/alone/hospital/accuracy",
                    "/evaluation/federated/accuracy",
                    "/evaluation/pooled/loss",
                    "/rounds/0/attempt",
                    "/rounds/0/seconds",
                    "/rounds/0/bytesUp",
                    "/rounds/0/bytesDown",
                    "/rounds/0/meanLoss",
                    "/rounds/0/modelDigest",
                    "/aggregation/ringBits",
                    "/aggregation/maxErrorVsPlaintext",
                    "/aggregation/errorBound",
                    "/aggregation/bytesPerParameter",
                    "/adapterPath")) {
                assertThat(written.at(field).isMissingNode()).as(field).isFalse();
            }
            assertThat(plan.output().resolve("adapter/adapter_model.safetensors"))
                    .exists();
            assertThat(Files.readString(plan.output().resolve("report.html")))
                    .contains("<svg")
                    .doesNotContain("src=", "href=");
        }
    }

    /// Every member recomputes c with the adapter; who was killed in a round has not moved its c_k in it.
    @Test
    void federation_scaffoldWithAKilledMember_movesOnlyTheSurvivorsControls() throws Exception {
        DemoPlan plan = plan(2, 4, "scaffold");
        try (Supervisor supervisor = supervisor(plan)) {
            AtomicBoolean killed = new AtomicBoolean();
            Demo.Outcome outcome = demo(plan, supervisor).federate((event, federation) -> {
                if (event.organisation().equals(plan.victim())
                        && event.is("shares-dealt", 1)
                        && killed.compareAndSet(false, true)) {
                    Path own = federation.home(plan.victim()).resolve("controls/own.f32");
                    Files.copy(own, plan.output().resolve("before.f32"));
                    federation.killAgent(plan.victim());
                    federation.startAgent(plan.victim());
                }
            });
            assertThat(outcome.status().at("/rounds/1/survivors")).hasSize(3);
            assertThat(outcome.status().at("/disputed")).isEmpty();
            for (String organisation : plan.organisations()) {
                Path controls = outcome.federation().home(organisation).resolve("controls");
                assertThat(files(controls, "").stream()
                                .map(file -> file.getFileName().toString()))
                        .containsExactly("own.f32");
                byte[] own = Files.readAllBytes(controls.resolve("own.f32"));
                assertThat(own).hasSize(4 * Math.toIntExact(outcome.coordinates()));
                if (organisation.equals(plan.victim())) {
                    assertThat(own).isEqualTo(Files.readAllBytes(plan.output().resolve("before.f32")));
                }
            }
        }
    }

    /// Preferences, and r × r numbers a module on the wire: the mean of what is shared is that of the products.
    @Test
    void federation_preferencesWithFedSb_preferMoreThanTheBaseDoes() throws Exception {
        List<String> lines = new ArrayList<>();
        for (String thing : List.of(
                "dog farm brown",
                "cow farm white",
                "hen farm red",
                "whale sea blue",
                "shark sea grey",
                "crab sea red",
                "fox forest red",
                "bear forest brown",
                "wolf forest grey",
                "owl forest white")) {
            String[] words = thing.split(" ");
            for (String asked : List.of(
                    "Where is the %s?",
                    "Where do you find a %s?",
                    "Name the place of the %s.",
                    "Tell me where the %s is.",
                    "Where would you find the %s?",
                    "In which place belongs a %s?",
                    "Where lives the %s?",
                    "Find the %s.",
                    "Where can I see a %s?")) {
                lines.add("{\"prompt\": \"%s\", \"chosen\": \"%s\", \"rejected\": \"%s\"}"
                        .formatted(asked.formatted(words[0]), words[1], words[2]));
            }
        }
        Path data = Files.write(folder.resolve("pairs.jsonl"), lines);
        Path mapping = Files.writeString(folder.resolve("pairs.yaml"), "kind: preference\n");
        DemoPlan plan = plan(
                2,
                OptionalInt.of(3),
                6,
                "fedavg",
                List.of(data),
                new DemoPlan.Learning("dpo", "vicuna", mapping.toString(), "fed-sb"));
        try (Supervisor supervisor = supervisor(plan)) {
            Demo demo = demo(plan, supervisor);
            Demo.Outcome outcome = demo.federate((event, federation) -> {});
            assertThat(outcome.coordinates()).isEqualTo(28 * 8 * 8);
            assertThat(outcome.status().at("/rounds/0/survivors")).hasSize(3);
            assertThat(outcome.status().at("/rounds/1/survivors")).hasSize(3);
            assertThat(outcome.status().at("/disputed")).isEmpty();
            assertThat(refusals(plan)).as("each cohort is what its seed draws").isEmpty();
            outcome.federation().stopAgents();
            for (String organisation : plan.organisations()) {
                assertThat(outcome.federation().home(organisation).resolve("models/version-2.f32"))
                        .as("drawn or not, %s has the last version", organisation)
                        .hasSameBinaryContentAs(
                                outcome.federation().home("bank").resolve("models/version-2.f32"));
            }
            Path adapter = plan.output().resolve("adapter");
            outcome.federation()
                    .run(
                            "export",
                            List.of(
                                    "export",
                                    "--home",
                                    outcome.federation().home("bank").toString(),
                                    "--base",
                                    plan.base().toString(),
                                    "--output-dir",
                                    adapter.toString()));
            List<String> command = new ArrayList<>(List.of(
                    "evaluate",
                    "--base",
                    plan.base().toString(),
                    "--data",
                    data.toString(),
                    "--adapter",
                    "federated=" + adapter,
                    "--adapter",
                    "base=base",
                    "--threads",
                    "1",
                    "--output",
                    "json"));
            command.addAll(plan.learning().options());
            JsonNode scores = new ObjectMapper()
                    .readTree(outcome.federation().run("evaluate", command).getLast());
            assertThat(scores.at("/federated/loss").asDouble())
                    .isLessThan(scores.at("/base/loss").asDouble());
            assertThat(scores.at("/federated/accuracy").asDouble()).isGreaterThan(0.6);
        }
    }

    @Test
    void federation_withCrashesJunkAndALostDisk_closesEveryRoundAtOnce() throws Exception {
        DemoPlan plan = plan(2, 4, "fedyogi");
        try (Supervisor supervisor = supervisor(plan)) {
            AtomicBoolean training = new AtomicBoolean();
            AtomicBoolean lost = new AtomicBoolean();
            AtomicBoolean confirmed = new AtomicBoolean();
            Path backup = folder.resolve("backup");
            Demo.Preparation prepared = federation -> {
                writeJunk(federation);
                copy(federation.folder(), backup);
                delete(federation.folder().resolve("root"));
            };
            Demo.Outcome outcome = demo(plan, supervisor).federate(prepared, (event, federation) -> {
                if (event.is("training", 0) && training.compareAndSet(false, true)) {
                    // Its disk is gone, too; the copy is put back, without the root's key.
                    federation.killCoordinator();
                    delete(federation.folder());
                    copy(backup, federation.folder());
                    delete(federation.folder().resolve("root"));
                    federation.startCoordinator();
                }
                if (event.is("confirmed", 1) && confirmed.compareAndSet(false, true)) {
                    // It comes back with another issuing CA; members and broker keep what they have.
                    federation.killCoordinator();
                    List<String> rotate = List.of(
                            "rotate",
                            "--dir",
                            federation.folder().toString(),
                            "--root",
                            backup.resolve("root").toString());
                    assertThat(federation.runCoordinator("rotate", rotate).getFirst())
                            .contains("new: admin.pem, broker.pem, issuing.pem, tls.pem, viewer.pem");
                    federation.startCoordinator();
                }
                if (event.organisation().equals(plan.victim())
                        && event.is("shares-dealt", 1)
                        && lost.compareAndSet(false, true)) {
                    federation.killAgent(plan.victim());
                    for (Path file : files(federation.home(plan.victim()).resolve("journal"), "")) {
                        Files.delete(file);
                    }
                    federation.startAgent(plan.victim());
                }
            });

            JsonNode rounds = outcome.status().path("rounds");
            assertThat(rounds).hasSize(2);
            assertThat(rounds.get(0).path("survivors")).hasSize(4);
            assertThat(rounds.get(1).path("survivors")).hasSize(3);
            for (JsonNode round : rounds) {
                assertThat(round.path("attempt").asInt()).isOne();
                // Of the one closed before the coordinator was killed, from its version's header.
                assertThat(round.path("meanLoss").isNumber()).isTrue();
            }
            Federation federation = outcome.federation();
            // Its own messages in the log told it what its journal had forgotten: it sent the same bytes again.
            Set<Bytes> keys = new HashSet<>();
            for (ConsumerRecord<byte[], byte[]> record : Objects.requireNonNull(Topics.readAll(Topics.settings(
                            federation.bootstrap(),
                            federation.folder().resolve("tls.pem"),
                            federation.folder().resolve("ca.pem")))
                    .get("sotto." + Federation.ID + ".inbox." + plan.victim()))) {
                if (type(record.topic(), record.value()).equals(MessageType.KEYS_ADVERTISED.wireName())) {
                    keys.add(Bytes.of(record.value()));
                }
            }
            assertThat(keys).as("one in each round").hasSize(2);
        }
    }

    @Test
    void memberThatRefuses_isShownToTheOperator_tamperingIsRefused_andTheRevokedMayDoNothing() throws Exception {
        DemoPlan plan = plan(
                2,
                OptionalInt.empty(),
                4,
                "fedavg",
                List.of(),
                new DemoPlan.Learning("sft", "alpaca", "default", "mixed"));
        try (Supervisor supervisor = supervisor(plan)) {
            Tampering tampering = new Tampering("hospital");
            Demo.Outcome outcome = demo(plan, supervisor)
                    .federate(
                            federation -> {
                                Path policy = federation.home("bank").resolve("policy.yaml");
                                String strict = Files.readString(policy).replace("mostSteps: 10000", "mostSteps: 3");
                                Files.writeString(policy, strict);
                                Path smaller = federation.home("insurer").resolve("policy.yaml");
                                String four = Files.readString(smaller).replace("mostRank: 64", "mostRank: 4");
                                Files.writeString(smaller, four);
                                Files.writeString(
                                        federation.home("ministry").resolve("policy.yaml"),
                                        "\nprivacy: {clipNorm: 1, noiseMultiplier: 1, delta: 1.0e-5, mostEpsilon: 8}\n",
                                        StandardOpenOption.APPEND);
                                members(federation, "suspend", "ministry", "--reason", "its papers are missing");
                            },
                            (event, federation) -> {
                                tampering.on(event, federation);
                                if (event.organisation().equals("ministry")
                                        && event.json().path("reason").asText().equals("suspended")) {
                                    // Its agent waits, and no round begins with three.
                                    assertThat(event.json().path("detail").asText())
                                            .isEqualTo("its papers are missing");
                                    assertThat(statusOf(federation, "ministry")
                                                    .at("/doing/phase")
                                                    .asText())
                                            .isEqualTo("suspended");
                                    assertThat(federation.status().path("rounds"))
                                            .isEmpty();
                                    members(federation, "resume", "ministry");
                                }
                            });
            Federation federation = outcome.federation();

            Path ledger = federation.home("ministry").resolve("privacy.json");
            assertThat(new ObjectMapper().readTree(ledger.toFile()).path("trainings"))
                    .hasSize(2)
                    .allMatch(training -> training.path("steps").asInt() == 4
                            && training.path("noiseMultiplier").asDouble() == 1);
            assertThat(Files.getPosixFilePermissions(ledger)).isEqualTo(PosixFilePermissions.fromString("rw-------"));
            assertThat(federation.home("hospital").resolve("privacy.json")).doesNotExist();

            // Half of the federation's rank 8, and no more: the rest of the insurer's update is zeros.
            assertThat(moved(federation, "insurer")).isBetween(0.4, 0.5);
            assertThat(moved(federation, "hospital")).isGreaterThan(0.9);

            JsonNode declined = outcome.status().at("/declined/0");
            assertThat(declined.path("organisation").asText()).isEqualTo("bank");
            assertThat(declined.path("reason").asText()).isEqualTo("POLICY");
            assertThat(declined.path("detail").asText()).contains("steps 4").contains("mostSteps 3");
            JsonNode bank = statusOf(federation, "bank");
            assertThat(bank.at("/rounds/0/outcome").asText()).isEqualTo("declined");
            assertThat(bank.at("/rounds/0/detail").asText())
                    .contains("mostSteps 3")
                    .contains("received version 2");
            assertThat(bank.path("refused"))
                    .anyMatch(refused -> refused.path("reason").asText().equals("POLICY")
                            && refused.path("detail").asText().contains("mostSteps 3"));

            assertThat(tampering.written()).isGreaterThan(300);
            for (JsonNode round : outcome.status().path("rounds")) {
                assertThat(round.path("attempt").asInt()).isOne();
                assertThat(round.path("survivors")).hasSize(3);
            }
            assertThat(outcome.status().path("disputed")).isEmpty();
            Set<String> refusals = refusals(plan);
            assertThat(refusals).contains("BAD_SIGNATURE", "OTHER_TRANSCRIPT", "POLICY");
            assertThat(refusals.remove("suspended")).isTrue();
            refusals.remove("POLICY"); // The bank's own.
            assertThat(refusals).isSubsetOf(HARMLESS);
            JsonNode audit = JSON.readTree(federation
                    .run(
                            "audit",
                            List.of(
                                    "audit",
                                    "--all",
                                    "--output",
                                    "json",
                                    "--home",
                                    federation.home("hospital").toString()))
                    .getLast());
            assertThat(audit.path("outcome").asText()).isEqualTo("passed");
            assertThat(audit.at("/checks/1/detail").asText())
                    .contains(" of 2 attempts signed and chained; ")
                    .contains(" records are not the coordinator's and say nothing");

            // A running agent takes the new one; what is revoked is the member, whichever certificate it shows.
            byte[] before = Files.readAllBytes(federation.home("bank").resolve("tls.pem"));
            List<String> renewal =
                    List.of("cert", "renew", "--home", federation.home("bank").toString(), "--output", "json");
            assertThat(JSON.readTree(federation.run("renew", renewal).getLast())
                            .path("renewed")
                            .asBoolean())
                    .isTrue();
            assertThat(federation.home("bank").resolve("tls.pem"))
                    .binaryContent()
                    .isNotEqualTo(before);
            JsonNode health = JSON.readTree(federation
                    .run(
                            "doctor",
                            List.of("doctor", "--home", federation.home("bank").toString(), "--output", "json"))
                    .getLast());
            for (String check : List.of("certificate", "clock", "coordinator", "broker", "registry", "topics")) {
                assertThat(health.path("findings"))
                        .anyMatch(finding -> finding.path("check").asText().equals(check)
                                && finding.path("level").asText().equals("ok"));
            }
            mayRead(federation, "bank", new dev.sotto.schemas.Topics(Federation.ID).control());

            members(federation, "revoke", "bank", "--reason", "it asked for it");
            dev.sotto.schemas.Topics topics = new dev.sotto.schemas.Topics(Federation.ID);
            mayNotWrite(federation, "bank", topics.inbox("bank"));
            mayNotRead(federation, "bank", topics.control());
            mayNotRead(federation, "bank", topics.models());

            // The suspended reads on, and its running agent says why it is in no round.
            members(federation, "suspend", "insurer", "--reason", "under review");
            mayNotWrite(federation, "insurer", topics.inbox("insurer"));
            mayRead(federation, "insurer", topics.control());
            JsonNode insurer = statusOf(federation, "insurer");
            for (int again = 0;
                    again < 20 && !insurer.at("/doing/phase").asText().equals("suspended");
                    again++) {
                insurer = statusOf(federation, "insurer");
            }
            assertThat(insurer.at("/doing/phase").asText()).isEqualTo("suspended");

            // The one that left may do no more than the one that was put out.
            List<String> leave = List.of(
                    "leave",
                    "ministry",
                    "--reason",
                    "the project is over",
                    "--home",
                    federation.home("ministry").toString());
            assertThat(federation.run("leave", leave)).contains("ministry is no member of demo any more");
            mayNotWrite(federation, "ministry", topics.inbox("ministry"));
            mayNotRead(federation, "ministry", topics.control());
            assertThat(federation.run("leave-again", leave).getFirst()).startsWith("ministry left demo at ");

            assertThat(federation.status().path("members"))
                    .extracting(member -> member.path("organisation").asText() + " "
                            + member.path("state").asText() + " "
                            + member.path("reason").asText())
                    .containsExactly(
                            "hospital active null",
                            "insurer suspended under review",
                            "bank revoked it asked for it",
                            "ministry left the project is over");
            assertThat(federation.run(
                            "peers",
                            List.of(
                                    "peers",
                                    "list",
                                    "--home",
                                    federation.home("hospital").toString())))
                    .anyMatch(line -> line.matches("insurer +suspended +under review"))
                    .anyMatch(line -> line.matches("bank +revoked +it asked for it"))
                    .anyMatch(line -> line.matches("ministry +left +the project is over"));
            JsonNode shown = JSON.readTree(String.join("\n", members(federation, "show", "ministry")));
            assertThat(shown.at("/member/state").asText()).isEqualTo("left");
            assertThat(shown.path("acts"))
                    .extracting(act ->
                            act.path("act").asText() + " by " + act.path("by").asText())
                    .containsExactly(
                            "invited by admin",
                            "enrolled by invite",
                            "suspended by admin",
                            "resumed by admin",
                            "left by ministry");
            assertThat(federation.run(
                            "log",
                            List.of(
                                    "admin",
                                    "log",
                                    "--coordinator",
                                    federation.folder().toString())))
                    .allMatch(line -> line.matches("\\{\"at\":\"20.*\"certificate\":\"[0-9a-f]*\".*\\}"))
                    .hasSize(4 * 2 + 2 + 1 + 3);
        }
    }

    /// What the operator does about a member.
    private static List<String> members(Federation federation, String act, String... more)
            throws IOException, InterruptedException, Failure {
        List<String> command = new ArrayList<>(List.of("admin", "members", act));
        command.addAll(List.of(more));
        command.addAll(List.of("--coordinator", federation.folder().toString()));
        return federation.run(act, command);
    }

    /// The share of the adapter that an organisation's last update moved.
    private static double moved(Federation federation, String organisation) throws IOException {
        List<Path> updates = files(federation.home(organisation).resolve("plain"), ".f32");
        FloatBuffer update = ByteBuffer.wrap(Files.readAllBytes(updates.getLast()))
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer();
        int moved = 0;
        while (update.hasRemaining()) {
            moved += update.get() == 0 ? 0 : 1;
        }
        return (double) moved / update.capacity();
    }

    /// Why records were refused, as the organisations and the coordinator say.
    private static Set<String> refusals(DemoPlan plan) throws IOException {
        Set<String> reasons = new TreeSet<>();
        Path logs = plan.output().resolve("logs");
        for (String organisation : plan.organisations()) {
            for (String line : Files.readAllLines(logs.resolve(organisation + ".log"))) {
                if (line.startsWith("{")) {
                    JsonNode event = JSON.readTree(line);
                    if (event.path("event").asText().equals("error")) {
                        reasons.add(event.path("reason").asText());
                    }
                }
            }
        }
        Matcher refused =
                Pattern.compile(": refused: ([A-Z_]+):").matcher(Files.readString(logs.resolve("coordinator.log")));
        while (refused.find()) {
            reasons.add(refused.group(1));
        }
        return reasons;
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> all = Files.walk(from)) {
            for (Path file : all.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /// A member may write into its own topics whatever it likes; nobody stumbles over it.
    private void writeJunk(Federation federation) {
        Path home = federation.home("bank");
        byte[] random = new byte[5000];
        new SplittableRandom(1).nextBytes(random);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Topics.settings(federation.bootstrap(), home.resolve("tls.pem"), home.resolve("ca.pem")),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            for (String topic : List.of("inbox", "updates")) {
                for (byte[] junk : new byte[][] {null, {}, {10}, {10, 127}, random}) {
                    ProducerRecord<byte[], byte[]> record =
                            new ProducerRecord<>("sotto." + Federation.ID + "." + topic + ".bank", junk);
                    record.headers().add("traceparent", junk);
                    var _ = producer.send(record);
                }
            }
            producer.flush();
        }
    }

    /// What the broker's operator sees, tapping everything: all topics, the disk, the wire.
    private void brokerHoldsNothingPlain(DemoPlan plan, Federation federation, List<byte[]> captured) throws Exception {
        Needles needles = new Needles();
        for (String organisation : plan.organisations()) {
            Path home = federation.home(organisation);
            for (Path plain : files(home.resolve("plain"), ".f32")) {
                needles.floats(plain);
                needles.encoded(PlainUpdate.read(plain));
            }
            for (Path version : files(home.resolve("models"), ".f32")) {
                needles.floats(version);
            }
            for (String secret : List.of("identity.key", "delivery.key", "draw.salt")) {
                needles.secret(home.resolve(secret));
            }
            losses(plan.output().resolve("logs").resolve(organisation + ".log")).forEach(needles::number);
        }
        for (String secret : List.of("coordinator-identity.key", "round-secret.key")) {
            needles.secret(federation.folder().resolve(secret));
        }
        assertThat(needles.count()).isGreaterThan(1_000_000);
        Path anyPlain = files(federation.home("bank").resolve("plain"), ".f32").getFirst();
        assertThat(needles.find(Files.readAllBytes(anyPlain)))
                .as("the search finds what is there")
                .isPresent();
        assertThat(needles.find(PlainUpdate.read(anyPlain).words()))
                .as("the search finds what is there without a mask")
                .isPresent();

        Map<String, Integer> seen = new HashMap<>();
        Map<String, byte[]> masked = new TreeMap<>();
        Topics.readAll(operator(federation)).forEach((topic, records) -> {
            for (ConsumerRecord<byte[], byte[]> record : records) {
                byte[] value = Objects.requireNonNullElse(record.value(), new byte[0]);
                assertThat(record.headers())
                        .as("nobody traces")
                        .allMatch(header -> topic.contains(".inbox.")
                                && header.key().equals("Sotto-Protocol")
                                && Arrays.equals(header.value(), new byte[] {'1'}));
                assertThat(needles.find(value))
                        .as(topic + " at " + record.offset())
                        .isEmpty();
                String type = type(topic, value);
                seen.merge(type, 1, Integer::sum);
                if (type.equals(MessageType.UPDATE_CHUNK.wireName())) {
                    UpdateChunk chunk = chunk(value);
                    if (chunk.vector().equals("adapter")) {
                        String[] key = new String(record.key(), StandardCharsets.US_ASCII).split("/", -1);
                        masked.put(
                                topic.substring(topic.lastIndexOf('.') + 1) + "/plain/round-" + key[0] + "-attempt-"
                                        + key[1] + ".f32",
                                chunk.masked().toArray());
                    }
                }
            }
        });
        // 3 rounds of 4 and once 3 members, each of an adapter chunk and a scalar chunk.
        assertThat(seen.get(MessageType.UPDATE_CHUNK.wireName())).isEqualTo(2 * (4 + 3 + 4));
        assertThat(seen).containsKeys("models", "leader", MessageType.ROUND_CLOSED.wireName(), "RegistryEntry");
        assertThat(masked).hasSize(4 + 3 + 4);
        masksHideEverything(masked, plan.output().resolve("organisations"));

        Needles ciphertext = new Needles();
        masked.values().forEach(ciphertext::bytes);
        assertThat(ciphertext.count()).isPositive();
        byte[] disk = Brokers.disk(Objects.requireNonNull(broker), plan.output().resolve("broker"));
        assertThat(ciphertext.find(disk)).as("masked chunks are on the disk").isPresent();
        assertThat(needles.find(disk)).as("the disk").isEmpty();

        assertThat(captured.stream().mapToLong(stream -> stream.length).sum())
                .as("bytes on the wire")
                .isGreaterThan(masked.values().stream()
                        .mapToLong(chunk -> chunk.length)
                        .sum());
        for (byte[] stream : captured) {
            assertThat(needles.find(stream)).as("the wire").isEmpty();
            assertThat(ciphertext.find(stream))
                    .as("not even masked chunks are seen on the wire")
                    .isEmpty();
        }
    }

    /// Masked words are uniform, independent of the update below, and of each other: no mask is used twice.
    private static void masksHideEverything(Map<String, byte[]> masked, Path organisations) throws Exception {
        for (Map.Entry<String, byte[]> one : masked.entrySet()) {
            PlainUpdate plain = PlainUpdate.read(organisations.resolve(one.getKey()));
            requireUniform(one.getKey(), one.getValue());
            double[] delta = new double[plain.delta().length];
            for (int i = 0; i < delta.length; i++) {
                delta[i] = plain.delta()[i];
            }
            assertThat(Math.abs(Uniformity.correlation(one.getValue(), delta)))
                    .as("correlation of " + one.getKey() + " with its update")
                    .isLessThan(Uniformity.SIGMAS);
            // The same measures see an update that is not masked.
            assertThat(Uniformity.chiSquare(plain.words(), 2)).isGreaterThan(Uniformity.CHI_SQUARE);
            assertThat(Uniformity.correlation(plain.words(), plain.scaled()) / Math.sqrt(delta.length))
                    .isGreaterThan(0.99);
            for (Map.Entry<String, byte[]> other : masked.entrySet()) {
                if (one.getKey().compareTo(other.getKey()) < 0) {
                    requireUniform(
                            one.getKey() + " − " + other.getKey(),
                            Uniformity.difference(one.getValue(), other.getValue()));
                }
            }
        }
    }

    private static void requireUniform(String what, byte[] words) {
        for (int position = 0; position < 3; position++) {
            assertThat(Uniformity.chiSquare(words, position))
                    .as("chi-square of byte " + position + " of " + what)
                    .isLessThan(Uniformity.CHI_SQUARE);
        }
    }

    private static Map<String, Object> operator(Federation federation) {
        return Topics.settings(
                federation.bootstrap(),
                federation.folder().resolve("tls.pem"),
                federation.folder().resolve("ca.pem"));
    }

    private static UpdateChunk chunk(byte[] value) {
        try {
            return UpdateChunk.parse(Envelope.decode(Bytes.of(value)).payload());
        } catch (MalformedMessage e) {
            throw new AssertionError("no chunk", e);
        }
    }

    private static String type(String topic, byte[] value) {
        String last = topic.substring(topic.lastIndexOf('.') + 1);
        if (!topic.startsWith("sotto.")
                || Set.of("models", "leader", "invites", "acts", "slots").contains(last)) {
            return last;
        }
        try {
            return Envelope.decode(Bytes.of(value)).type().wireName();
        } catch (MalformedMessage e) {
            throw new AssertionError(topic + " holds what is no message", e);
        }
    }

    private static void ownTopicsOnly(DemoPlan plan, Federation federation) {
        String organisation = plan.organisations().getFirst();
        dev.sotto.schemas.Topics topics = new dev.sotto.schemas.Topics(Federation.ID);
        String other = plan.organisations().get(1);
        for (String topic : List.of(
                topics.updates(other),
                topics.inbox(other),
                topics.control(),
                topics.registry(),
                topics.models(),
                topics.leader())) {
            mayNotWrite(federation, organisation, topic);
        }
        mayNotRead(federation, organisation, topics.leader());
        mayNotRead(federation, organisation, "__transaction_state");
    }

    private static void mayRead(Federation federation, String organisation, String topic) {
        assertThat(beginning(federation, organisation, topic)).isNotNegative();
    }

    private static void mayNotRead(Federation federation, String organisation, String topic) {
        assertThatThrownBy(() -> beginning(federation, organisation, topic))
                .as(organisation + " reads " + topic)
                .isInstanceOf(TopicAuthorizationException.class);
    }

    private static long beginning(Federation federation, String organisation, String topic) {
        Path home = federation.home(organisation);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Topics.settings(federation.bootstrap(), home.resolve("tls.pem"), home.resolve("ca.pem")),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer())) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            return Objects.requireNonNull(
                    consumer.beginningOffsets(List.of(partition)).get(partition));
        }
    }

    private static void mayNotWrite(Federation federation, String organisation, String topic) {
        Path home = federation.home(organisation);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(
                Topics.settings(federation.bootstrap(), home.resolve("tls.pem"), home.resolve("ca.pem")),
                new ByteArraySerializer(),
                new ByteArraySerializer())) {
            assertThatThrownBy(() -> producer.send(new ProducerRecord<>(topic, new byte[1]))
                            .get())
                    .rootCause()
                    .isInstanceOf(AuthorizationException.class);
        }
    }

    /// A member replays all rounds from the log, somebody who is no member the bundle of it. Of what was deleted
    /// it says that it is not there.
    private void anyoneAudits(Federation federation) throws Exception {
        Path home = federation.home("bank");
        Path bundle = folder.resolve("rounds.sotto");
        List<String> said = federation.run(
                "audit", List.of("audit", "--all", "--export", bundle.toString(), "--home", home.toString()));
        assertThat(said)
                .contains("round 0 attempt 1", "round 1 attempt 1", "round 2 attempt 1")
                .anyMatch(line -> line.startsWith("ok           survivors      3 of 4, without "))
                .contains("3 rounds: 54 checks hold, 0 failed, 0 could not be made.")
                .noneMatch(line -> line.startsWith("FAILED") || line.startsWith("not checked"));
        byte[] coordinator = Base64.getDecoder()
                .decode(JSON.readTree(home.resolve("federation.json").toFile())
                        .path("coordinatorIdentityKey")
                        .asText());
        JsonNode outside = JSON.readTree(federation
                .run(
                        "audit-bundle",
                        List.of(
                                "audit",
                                "bundle",
                                bundle.toString(),
                                "--coordinator",
                                HexFormat.of()
                                        .formatHex(MessageDigest.getInstance("SHA-256")
                                                .digest(coordinator)),
                                "--output",
                                "json"))
                .getLast());
        assertThat(outside.path("outcome").asText()).isEqualTo("passed");
        assertThat(outside.path("checks")).hasSize(54);

        JsonNode status = statusOf(federation, "bank");
        assertThat(status.at("/rounds/0/outcome").asText()).isEqualTo("verified");
        assertThat(status.at("/adapter/version").asInt()).isEqualTo(3);
        assertThat(status.path("certificateDays").asInt()).isPositive();

        String updates = new dev.sotto.schemas.Topics(Federation.ID).updates("bank");
        try (Admin broker = Admin.create(Topics.settings(
                federation.bootstrap(),
                federation.folder().resolve("broker.pem"),
                federation.folder().resolve("ca.pem")))) {
            Map<TopicPartition, RecordsToDelete> all = new HashMap<>();
            for (var partition : Objects.requireNonNull(broker.describeTopics(List.of(updates))
                            .allTopicNames()
                            .get()
                            .get(updates))
                    .partitions()) {
                all.put(new TopicPartition(updates, partition.partition()), RecordsToDelete.beforeOffset(-1));
            }
            broker.deleteRecords(all).all().get();
        }
        assertThatThrownBy(() -> federation.run("audit-deleted", List.of("audit", "1", "--home", home.toString())))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("exit code 3");
        assertThat(Files.readAllLines(folder.resolve("demo/logs/audit-deleted.log")))
                .anyMatch(line -> line.startsWith("not checked  chunks")
                        && line.endsWith("the log no longer holds all chunks of bank"))
                .noneMatch(line -> line.startsWith("FAILED"));
    }

    private static JsonNode statusOf(Federation federation, String organisation)
            throws IOException, InterruptedException, Failure {
        return JSON.readTree(federation
                .run(
                        "status-" + organisation,
                        List.of(
                                "status",
                                "--home",
                                federation.home(organisation).toString(),
                                "--output",
                                "json"))
                .getLast());
    }

    /// One invite, one organisation, one coordinator.
    private void enrolmentIsForTheInvited(Federation federation) throws Exception {
        String invite = federation
                .run(
                        "invite-late",
                        List.of(
                                "admin",
                                "invite",
                                "create",
                                "late",
                                "--coordinator",
                                federation.folder().toString()))
                .getFirst();
        JsonNode said = JSON.readTree(Base64.getUrlDecoder().decode(invite.substring("sotto1.".length())));
        String otherCa = changed(said, "c", "0".repeat(64));
        assertThatThrownBy(() -> enroll(federation, otherCa, "other-ca"))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("its CA is not the one in the invite");
        String otherToken = changed(said, "t", "A".repeat(43));
        assertThatThrownBy(() -> enroll(federation, otherToken, "other-token"))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("this is not the invite for late");
        enroll(federation, invite, "late");
        assertThatThrownBy(() -> enroll(federation, invite, "twice"))
                .isInstanceOf(Failure.class)
                .hasMessageContaining("this invite for late was used already");
        // A member's certificate is not the administrator's.
        Path impostor = Files.createDirectories(folder.resolve("impostor"));
        for (String file : List.of("federation.yaml", "ca.pem")) {
            Files.copy(federation.folder().resolve(file), impostor.resolve(file));
        }
        Files.copy(federation.home("bank").resolve("tls.pem"), impostor.resolve("admin.pem"));
        Map.of(
                        List.of("admin", "status"), "needs the certificate CN=viewer or CN=admin",
                        List.of("admin", "log"), "needs the certificate CN=admin")
                .forEach((command, needed) -> assertThatThrownBy(() -> federation.run(
                                "impostor",
                                Stream.concat(command.stream(), Stream.of("--coordinator", impostor.toString()))
                                        .toList()))
                        .isInstanceOf(Failure.class)
                        .hasMessageContaining(needed));
    }

    private void enroll(Federation federation, String invite, String name) throws Exception {
        var _ = federation.run(
                "enroll-" + name,
                List.of(
                        "enroll",
                        invite,
                        "--home",
                        folder.resolve("enroll-" + name).toString()));
    }

    private static String changed(JsonNode invite, String field, String value) {
        return "sotto1."
                + Base64.getUrlEncoder()
                        .withoutPadding()
                        .encodeToString(((ObjectNode) invite.deepCopy())
                                .put(field, value)
                                .toString()
                                .getBytes(StandardCharsets.UTF_8));
    }

    private static List<Double> losses(Path log) throws Exception {
        List<Double> losses = new ArrayList<>();
        for (String line : Files.readAllLines(log)) {
            if (line.startsWith("{")) {
                JsonNode event = JSON.readTree(line);
                if (event.path("phase").asText().equals("trained")) {
                    losses.add(event.path("loss").asDouble());
                }
            }
        }
        assertThat(losses).isNotEmpty();
        return losses;
    }

    private static List<Path> files(Path folder, String end) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(file -> file.toString().endsWith(end)).sorted().toList();
        }
    }

    private DemoPlan plan(int rounds, int steps) throws Exception {
        return plan(rounds, steps, "fedavg");
    }

    private DemoPlan plan(int rounds, int steps, String algorithm) throws Exception {
        return plan(rounds, OptionalInt.empty(), steps, algorithm, List.of(), DemoPlan.Learning.ALPACA);
    }

    private DemoPlan plan(
            int rounds, OptionalInt cohort, int steps, String algorithm, List<Path> data, DemoPlan.Learning learning)
            throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        return LearningPlan.of(output, rounds, cohort, steps, algorithm, data, learning);
    }

    private static Supervisor supervisor(DemoPlan plan) throws Exception {
        return new Supervisor(
                Jvm.ofThisProcess(Artefacts.ofThisBuild().leash()),
                plan.output().resolve("logs"));
    }

    private Demo demo(DemoPlan plan, Supervisor supervisor) throws Exception {
        broker = Brokers.broker(supervisor, plan.output().resolve("broker"), List.of());
        return demo(plan, supervisor, broker);
    }

    /// All members and the coordinator reach the broker through `wire`.
    private Demo demo(DemoPlan plan, Supervisor supervisor, Relay wire) throws Exception {
        broker = Brokers.broker(supervisor, plan.output().resolve("broker"), List.of(wire.route()));
        return demo(plan, supervisor, wire.before(broker));
    }

    private static Demo demo(DemoPlan plan, Supervisor supervisor, BrokerHost broker) {
        Display display = new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now);
        return new Demo(plan, Artefacts.ofThisBuild(), supervisor, broker, display);
    }
}

package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Control;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.sandbox.Tail.Seen;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// Programs of several versions of the protocol in one federation. There is one version: what an older and a later
/// program would say of themselves, and what a later coordinator would open, is put into the log of a running
/// federation by the broker's operator.
@Timeout(600)
class MixedVersionsIT {
    private static final Duration STUCK = Duration.ofMinutes(3);
    private static final int ROUNDS = 1000;
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final dev.sotto.schemas.Topics TOPICS = new dev.sotto.schemas.Topics(Federation.ID);
    private static final String HEADER = "Sotto-Protocol";

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    @Test
    void membersThatShareAVersion_closeRoundsTogether_andOneThatDoesNotIsToldSo() throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        DemoPlan plan = SmallPlan.of(output, ROUNDS, "fedavg", 5);
        String silent = plan.organisations().get(0);
        String later = plan.organisations().get(1);
        String alien = plan.organisations().get(2);
        try (Supervisor supervisor =
                        new Supervisor(Jvm.ofThisProcess(Artefacts.ofThisBuild().leash()), output.resolve("logs"));
                BrokerHost broker = Brokers.broker(supervisor, output.resolve("broker"), List.of())) {
            Display display = new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now);
            Federation federation = new Demo(plan, Artefacts.ofThisBuild(), supervisor, broker, display)
                    .begin(MixedVersionsIT::fourAreEnough, enrolled -> {})
                    .federation();
            Map<String, Object> operator = Topics.settings(
                    federation.bootstrap(),
                    federation.folder().resolve("broker.pem"),
                    federation.folder().resolve("ca.pem"));
            try (Tail tail = new Tail(operator, TOPICS, plan.organisations());
                    KafkaProducer<byte[], byte[]> producer =
                            new KafkaProducer<>(operator, new ByteArraySerializer(), new ByteArraySerializer())) {
                await(tail, 0, seen -> seen.type() == MessageType.SHARES_ROUTED);

                // A program from before there was anything to say, one that speaks the next version too, and one that
                // speaks no other.
                Map<String, List<ConsumerRecord<byte[], byte[]>>> log = Topics.readAll(operator);
                announce(log, producer, silent, null);
                announce(log, producer, later, "1, 2");
                announce(log, producer, alien, "2, 3");
                Seen opened = await(
                        tail,
                        tail.size(),
                        seen -> seen.type() == MessageType.ROUND_OPENED
                                && !opened(seen).cohort().contains(alien));
                assertThat(opened(opened).cohort()).hasSize(4).contains(silent, later);
                await(
                        tail,
                        opened.at(),
                        seen -> seen.type() == MessageType.ROUND_CLOSED && seen.round() == opened.round());
                JsonNode members = JSON.readTree(String.join(
                        "\n",
                        federation.run(
                                "members",
                                List.of(
                                        "admin",
                                        "members",
                                        "list",
                                        "--coordinator",
                                        federation.folder().toString()))));
                assertThat(member(members, silent).path("protocol").asText()).isEqualTo("1");
                assertThat(member(members, later).path("protocol").asText()).isEqualTo("1, 2");
                assertThat(member(members, later).path("reason").isNull()).isTrue();
                assertThat(member(members, alien).path("state").asText()).isEqualTo("active");
                assertThat(member(members, alien).path("reason").asText())
                        .isEqualTo("in no rounds, its program speaks 2, 3 of the protocol, this coordinator version 1");

                // The consortium goes on with the next version, and whoever does not speak it is told so, and ends.
                federation.killCoordinator();
                for (String organisation : plan.organisations()) {
                    federation.agent(organisation).expectEnd();
                }
                int end = tail.size();
                long round = open(Topics.readAll(operator), producer, federation, plan.organisations());
                for (String organisation : plan.organisations()) {
                    Child agent = federation.agent(organisation);
                    assertThat(agent.await()).as(organisation).isEqualTo(1);
                    assertThat(String.join("\n", agent.lastLines()))
                            .as(organisation)
                            .contains("round " + round
                                    + " is of version 2 of the protocol, this program speaks version 1: update it");
                    Seen declined = await(
                            tail,
                            end,
                            seen -> seen.type() == MessageType.ROUND_DECLINED
                                    && seen.sender().equals(organisation));
                    assertThat(RoundDeclined.parse(declined.envelope().payload())
                                    .reason())
                            .isEqualTo("OTHER_PROTOCOL");
                }
            }
        }
    }

    private static void fourAreEnough(Federation federation) throws IOException {
        Path file = federation.folder().resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        ((ObjectNode) settings.path("members")).put("atLeast", 4);
        YAML.writeValue(file.toFile(), settings);
    }

    /// What a member itself has said of its peers, again, and beside it what its program speaks.
    private static void announce(
            Map<String, List<ConsumerRecord<byte[], byte[]>>> log,
            KafkaProducer<byte[], byte[]> producer,
            String organisation,
            @Nullable String versions)
            throws Exception {
        Optional<ConsumerRecord<byte[], byte[]>> last = Optional.empty();
        for (ConsumerRecord<byte[], byte[]> record : log.getOrDefault(TOPICS.inbox(organisation), List.of())) {
            if (Envelope.decode(Bytes.of(record.value())).type() == MessageType.PEERS_APPROVED) {
                last = Optional.of(record);
            }
        }
        ConsumerRecord<byte[], byte[]> own = last.orElseThrow();
        assertThat(new String(own.headers().lastHeader(HEADER).value(), StandardCharsets.US_ASCII))
                .as("what the agent itself says")
                .isEqualTo("1");
        ProducerRecord<byte[], byte[]> again = new ProducerRecord<>(own.topic(), 0, own.key(), own.value());
        if (versions != null) {
            again.headers().add(HEADER, versions.getBytes(StandardCharsets.US_ASCII));
        }
        producer.send(again).get();
    }

    /// What a coordinator of the next version opens, as its own, at the end of the log.
    ///
    /// @return which round
    private static long open(
            Map<String, List<ConsumerRecord<byte[], byte[]>>> log,
            KafkaProducer<byte[], byte[]> producer,
            Federation federation,
            List<String> organisations)
            throws Exception {
        BouncyCastlePrimitives primitives = new BouncyCastlePrimitives();
        byte[] seed = Base64.getDecoder()
                .decode(Files.readString(federation.folder().resolve("coordinator-identity.key"))
                        .strip());
        try (Identity coordinator = new Identity(primitives, Federation.ID, "coordinator", Secret.take(seed))) {
            Directory directory = new Directory(Federation.ID, coordinator.key(), Map.of(), Map.of());
            Control control = Control.START;
            for (ConsumerRecord<byte[], byte[]> record : log.getOrDefault(TOPICS.control(), List.of())) {
                Envelope envelope = Envelope.decode(Bytes.of(record.value()));
                if (envelope.type() != MessageType.MODEL_KEYS) {
                    control = control.next(primitives, directory, envelope);
                }
            }
            if (control.chain().open()) {
                Envelope aborted = coordinator.sign(
                        new RoundAborted("Operator", "an update", List.of(), List.of(), Optional.empty()),
                        control.chain().head());
                control = control.next(primitives, directory, aborted);
                say(producer, control.chain(), aborted);
            }
            Chain chain = control.chain();
            long round = chain.closed() ? chain.round() + 1 : chain.round();
            Bytes payload = Bytes.of(dev.sotto.schemas.proto.RoundOpened.newBuilder()
                    .setProtocol(2)
                    .setRound(round)
                    .setAttempt(chain.closed() ? 1 : chain.attempt() + 1)
                    .addAllCohort(organisations.stream().sorted().toList())
                    .build()
                    .toByteArray());
            say(producer, chain, coordinator.sign(Message.parse(MessageType.ROUND_OPENED, payload), chain.head()));
            return round;
        }
    }

    private static void say(KafkaProducer<byte[], byte[]> producer, Chain chain, Envelope envelope) throws Exception {
        String key =
                chain.round() + "/" + chain.attempt() + "/" + envelope.type().wireName();
        producer.send(new ProducerRecord<>(
                        TOPICS.control(),
                        0,
                        key.getBytes(StandardCharsets.US_ASCII),
                        envelope.encode().toArray()))
                .get();
    }

    private static RoundOpened opened(Seen seen) {
        try {
            return RoundOpened.parse(seen.envelope().payload());
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private static JsonNode member(JsonNode members, String organisation) {
        for (JsonNode member : members) {
            if (member.path("organisation").asText().equals(organisation)) {
                return member;
            }
        }
        throw new AssertionError(organisation + " is no member in " + members);
    }

    private static Seen await(Tail tail, int from, Predicate<Seen> wanted) throws Exception {
        return tail.await(from, wanted, STUCK).orElseThrow();
    }
}

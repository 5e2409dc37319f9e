package dev.sotto.bench.federation;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.bench.Bench;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.participant.enrolment.CoordinatorClient;
import dev.sotto.participant.enrolment.Enroller;
import dev.sotto.participant.enrolment.Invite;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.ChildBroker;
import dev.sotto.sandbox.demo.DataSets;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.demo.Watch;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Topics;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;

/// A federation under load: broker and coordinator are the packaged programs, each in a process of its own with the
/// compilers it has in production; members are [LightMember]s in this one. They enrol and approve each other as
/// people's commands do.
///
/// Used by one thread.
final class Rig implements AutoCloseable {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final String BROKER_HEAP = "-Xmx1g";

    /// What a member said.
    record Heard(String organisation, JsonNode event, long nanos) {
        boolean is(String phase) {
            return event.path("event").asText().equals("phase")
                    && event.path("phase").asText().equals(phase);
        }

        long round() {
            return event.path("round").asLong();
        }
    }

    private final Shape shape;
    private final Path folder;
    private final Supervisor supervisor;
    private final Federation federation;
    private final List<String> organisations;
    private final List<LightMember> members = new ArrayList<>();
    private final List<Child> replicas = new ArrayList<>();
    private final LinkedBlockingQueue<Heard> heard = new LinkedBlockingQueue<>();

    /// Starts broker and coordinator, and enrols the members. None takes part yet.
    ///
    /// @param folder   empty
    /// @param settings changes `federation.yaml` before anything starts
    Rig(Shape shape, Path folder, java.util.function.Consumer<ObjectNode> settings)
            throws IOException, InterruptedException, Failure, Failed {
        this.shape = shape;
        this.folder = folder;
        Artefacts artefacts =
                Artefacts.ofBuildOf(Bench.class).with(List.of("-Xmx" + shape.heap()), List.of(BROKER_HEAP));
        artefacts.requireBuilt();
        this.supervisor = new Supervisor(Jvm.ofThisProcess(artefacts.leash()), folder.resolve("logs"));
        this.organisations = IntStream.rangeClosed(1, shape.members())
                .mapToObj("m%03d"::formatted)
                .toList();
        try {
            Files.createDirectories(base());
            Files.writeString(base().resolve("config.json"), shape.config());
            ChildBroker broker = new ChildBroker(artefacts, supervisor, folder.resolve("broker"), List.of());
            this.federation = new Federation(
                    plan(), artefacts, supervisor, broker, new Watch(), new DataSets(Map.of(), Map.of(), base(), 0));
            long coordinates = federation.create();
            if (coordinates != shape.coordinates()) {
                throw new IllegalStateException(coordinates + " coordinates, not " + shape.coordinates());
            }
            configure(settings);
            federation.startBroker();
            federation.startCoordinator();
            replicas.add(federation.coordinator());
            for (int i = 2; i <= shape.replicas(); i++) {
                replicas.add(federation.startReplica("replica-" + i));
            }
            enrol();
        } catch (IOException | InterruptedException | Failure | Failed | RuntimeException e) {
            supervisor.close();
            throw e;
        }
    }

    private Path base() {
        return folder.resolve("base");
    }

    private DemoPlan plan() {
        return new DemoPlan(
                organisations,
                shape.rounds(),
                OptionalInt.empty(),
                10,
                "fedavg",
                1,
                base(),
                List.of(),
                folder,
                16,
                128,
                0.001,
                DemoPlan.Learning.ALPACA);
    }

    private void configure(java.util.function.Consumer<ObjectNode> change) throws IOException {
        Path file = federation.folder().resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        settings.put("partitions", shape.partitions());
        change.accept(settings);
        YAML.writeValue(file.toFile(), settings);
    }

    private void enrol() throws IOException, InterruptedException, Failed {
        CoordinatorClient administrator = CoordinatorClient.withCertificate(
                URI.create(federation.url()),
                federation.folder().resolve("admin.pem"),
                federation.folder().resolve("ca.pem"));
        Enroller enroller = new Enroller(new BouncyCastlePrimitives(), Randomness.secure());
        TreeMap<String, Peers.Pin> pins = new TreeMap<>();
        for (String organisation : organisations) {
            ObjectNode wanted =
                    JSON.createObjectNode().put("organisation", organisation).put("validHours", 1);
            String invite = administrator
                    .send("POST", "/admin/invites", wanted)
                    .path("invite")
                    .asText();
            try {
                Bytes _ = enroller.enrol(Invite.parse(invite), home(organisation));
                Path policy = home(organisation).policy();
                Files.writeString(
                        policy, Files.readString(policy).replace("verify: sample", "verify: " + shape.verify()));
                pins.putAll(Peers.read(home(organisation)).pinned());
            } catch (InvalidFile e) {
                throw new IllegalStateException("enrolment wrote it", e);
            }
        }
        for (String organisation : organisations) {
            Home.writeJson(
                    home(organisation).peers(),
                    new Peers(pins, Bytes.zeros(Enc.HASH).hex()));
        }
    }

    private Home home(String organisation) {
        return new Home(federation.home(organisation));
    }

    /// Starts all members.
    void start() throws IOException, InvalidFile {
        List<LightTraining> trainings = trainings();
        for (int i = 0; i < organisations.size(); i++) {
            String organisation = organisations.get(i);
            Duration off = i % 2 == 0 ? shape.skew() : shape.skew().negated();
            members.add(new LightMember(
                    organisation,
                    federation.home(organisation),
                    base(),
                    trainings.get(i),
                    Clock.offset(Clock.systemUTC(), off),
                    (name, event) -> heard.add(new Heard(name, event, System.nanoTime()))));
        }
    }

    /// The next thing that a member says.
    ///
    /// @throws Failure if a process has died, a member ended, or nothing is said for `patience`
    Heard next(Duration patience) throws InterruptedException, Failure {
        long deadline = System.nanoTime() + patience.toNanos();
        while (System.nanoTime() < deadline) {
            supervisor.check();
            Heard next = heard.poll(1, TimeUnit.SECONDS);
            if (next != null) {
                if (next.event().path("event").asText().equals("ended")) {
                    throw Failure.failed(next.organisation() + " has ended: "
                            + next.event().path("reason").asText());
                }
                return next;
            }
        }
        throw Failure.failed("no member has said anything for " + patience.toSeconds() + " s; see " + folder);
    }

    List<String> organisations() {
        return organisations;
    }

    Federation federation() {
        return federation;
    }

    /// The processes of the coordinator.
    List<Child> replicas() {
        return List.copyOf(replicas);
    }

    Topics topics() {
        return new Topics(Federation.ID);
    }

    /// Everybody's keys, as the first member has pinned them.
    Directory directory() throws IOException, InvalidFile {
        Home first = home(organisations.getFirst());
        return Peers.read(first).directory(Home.readJson(first.federation(), Membership.class));
    }

    /// What the members train with.
    List<LightTraining> trainings() throws IOException, InvalidFile {
        LlamaConfig config = LlamaConfig.read(base());
        return IntStream.range(0, organisations.size())
                .mapToObj(i -> new LightTraining(config, i, shape.training()))
                .toList();
    }

    /// Makes the topics with chunks of another federation.
    void createTopics(Topics of) throws InterruptedException {
        List<NewTopic> topics = new ArrayList<>();
        topics.add(new NewTopic(of.models(), shape.partitions(), (short) 1));
        organisations.forEach(member -> topics.add(new NewTopic(of.updates(member), shape.partitions(), (short) 1)));
        try (Admin admin = Admin.create(connection())) {
            admin.createTopics(topics).all().get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("topics cannot be made", e);
        }
    }

    /// Lets a member send and fetch no more than that, each, by a quota of the broker.
    void slow(String organisation, double bytesPerSecond) throws IOException, InvalidFile, InterruptedException {
        String principal =
                Home.readJson(home(organisation).federation(), Membership.class).principal();
        try (Admin admin = Admin.create(connection())) {
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(
                            new ClientQuotaEntity(Map.of(ClientQuotaEntity.USER, principal)),
                            Stream.of("producer_byte_rate", "consumer_byte_rate")
                                    .map(name -> new ClientQuotaAlteration.Op(name, bytesPerSecond))
                                    .toList())))
                    .all()
                    .get();
        } catch (ExecutionException e) {
            throw new IllegalStateException("a quota cannot be set", e);
        }
    }

    private Map<String, Object> connection() {
        Map<String, Object> connection = new HashMap<>();
        connection.put("bootstrap.servers", federation.bootstrap());
        connection.put("security.protocol", "SSL");
        connection.put("ssl.keystore.type", "PEM");
        connection.put("ssl.keystore.location", kafka().tls().toString());
        connection.put("ssl.truststore.type", "PEM");
        connection.put("ssl.truststore.location", kafka().ca().toString());
        return connection;
    }

    /// As the coordinator, who may read and write everything.
    KafkaClients kafka() {
        return new KafkaClients(
                federation.bootstrap(),
                federation.folder().resolve("tls.pem"),
                federation.folder().resolve("ca.pem"));
    }

    /// Ends the members. Broker and coordinator go on.
    void stop() {
        members.forEach(LightMember::close);
        members.clear();
    }

    @Override
    public void close() {
        stop();
        supervisor.close();
    }
}

package dev.sotto.participant.doctor;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.agent.Registries;
import dev.sotto.participant.agent.Standing;
import dev.sotto.participant.enrolment.CoordinatorClient;
import dev.sotto.participant.enrolment.Renewals;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.Settings;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.participant.model.BaseModel;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import dev.sotto.secrets.SecretFile;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/// Checks, one after the other, everything that an organisation needs to take part in rounds. It changes nothing, and
/// may run beside the agent. Used by one thread.
public final class Doctor {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int CONNECT_MILLIS = 3000;
    private static final Duration SKEW = Duration.ofMinutes(5);
    /// Of a folder that gets a version and an update of each round.
    private static final long LITTLE = 1L << 30;

    private final Home home;
    private final Primitives primitives;
    private final Clock clock;
    private final List<Finding> findings = new ArrayList<>();

    /// Of a home.
    public Doctor(Home home, Primitives primitives, Clock clock) {
        this.home = home;
        this.primitives = primitives;
        this.clock = clock;
    }

    /// Checks everything; once.
    public List<Finding> examine() throws InterruptedException {
        Optional<Membership> membership = membership();
        secrets();
        Optional<Policy> policy = policy();
        Optional<Settings> settings = settings();
        certificate();
        disk();
        if (membership.isPresent()) {
            coordinator(membership.get());
            Optional<RoundOpened> last = broker(membership.get());
            settings.ifPresent(own -> {
                base(own, last);
                policy.ifPresent(rules -> data(own, rules));
                device(own);
            });
        }
        return List.copyOf(findings);
    }

    private void add(Finding finding) {
        findings.add(finding);
    }

    private static String text(Exception e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }

    // ---- the home ----

    private Optional<Membership> membership() {
        try {
            Membership membership = Home.readJson(home.federation(), Membership.class);
            add(Finding.ok("membership", membership.organisation() + " of " + membership.federation()));
            return Optional.of(membership);
        } catch (IOException | InvalidFile e) {
            add(Finding.failed(
                    "membership", text(e), "Enrol with the invite of the federation's operator: sotto enroll INVITE"));
            return Optional.empty();
        }
    }

    private void secrets() {
        boolean sealed = true;
        for (Path file : home.secrets()) {
            try (Secret _ = Home.readSecret(file)) {
                sealed &= SecretFile.isSealed(file);
            } catch (IOException | InvalidFile e) {
                add(Finding.failed(
                        "secrets",
                        text(e),
                        "Restore the folder from its backup, or enrol anew; secrets have mode 0600"));
                return;
            }
        }
        add(Finding.ok(
                "secrets",
                "identity, delivery key and salt are there, for this user alone, "
                        + (sealed ? "sealed by a passphrase" : "not sealed by a passphrase")));
    }

    private Optional<Policy> policy() {
        try {
            Policy policy = Policy.read(home.policy());
            add(Finding.ok("policy", home.policy() + " is well-formed"));
            return Optional.of(policy);
        } catch (IOException | InvalidFile e) {
            add(Finding.failed("policy", text(e), "Mend the file; policy.schema.json beside it says what is allowed"));
            return Optional.empty();
        }
    }

    private Optional<Settings> settings() {
        if (!Files.exists(home.settings())) {
            add(
                    Finding.warning(
                            "settings",
                            "there is no " + home.settings(),
                            "What sotto run needs must be on its command line; base model, data and device are not checked here"));
            return Optional.empty();
        }
        try {
            Settings settings = Settings.read(home.settings());
            add(Finding.ok("settings", home.settings() + " is well-formed"));
            return Optional.of(settings);
        } catch (IOException | InvalidFile e) {
            add(Finding.failed(
                    "settings", text(e), "Mend the file; participant.schema.json beside it says what is allowed"));
            return Optional.empty();
        }
    }

    private void certificate() {
        try {
            Home.Validity valid = home.certificate().orElse(null);
            Instant now = clock.instant();
            if (valid == null) {
                add(Finding.failed("certificate", "there is none in " + home.tls(), "Enrol: sotto enroll INVITE"));
            } else if (now.isBefore(valid.begins())) {
                add(Finding.failed(
                        "certificate", "it is valid from " + valid.begins() + " only", "Set this machine's clock"));
            } else if (!now.isBefore(valid.ends())) {
                add(Finding.failed(
                        "certificate",
                        "it ended " + valid.ends(),
                        "Ask the operator for an invite and enrol into a new home; the others approve the new keys"));
            } else if (!now.isBefore(Renewals.due(home).orElse(Instant.MAX))) {
                add(Finding.warning(
                        "certificate",
                        "it ends " + valid.ends() + " and a running agent would have renewed it",
                        "sotto cert renew, or start the agent"));
            } else {
                add(Finding.ok("certificate", "ends " + valid.ends()));
            }
        } catch (IOException | InvalidFile e) {
            add(Finding.failed("certificate", text(e), "Restore tls.pem from the backup, or enrol anew"));
        }
    }

    private void disk() {
        try {
            long free = Files.getFileStore(home.path()).getUsableSpace();
            String said = free / (1 << 20) + " MiB are free for " + home.path();
            add(
                    free < LITTLE
                            ? Finding.warning(
                                    "disk", said, "Make room: every round writes an adapter and an update there")
                            : Finding.ok("disk", said));
        } catch (IOException e) {
            add(Finding.failed("disk", text(e), "Make the home a folder that this user may write"));
        }
    }

    // ---- the network ----

    /// The first of its addresses that cannot be reached, in words, or nothing.
    private static Optional<String> unreachable(String host, int port) {
        InetAddress address;
        try {
            address = InetAddress.getByName(host);
        } catch (UnknownHostException e) {
            return Optional.of("no DNS knows " + host);
        }
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, port), CONNECT_MILLIS);
            return Optional.empty();
        } catch (IOException e) {
            return Optional.of(host + ":" + port + " does not answer: " + text(e));
        }
    }

    private void coordinator(Membership membership) throws InterruptedException {
        URI url = URI.create(membership.coordinatorUrl());
        Optional<String> away = unreachable(url.getHost(), url.getPort() < 0 ? 443 : url.getPort());
        if (away.isPresent()) {
            add(Finding.warning(
                    "coordinator",
                    away.get(),
                    "Rounds go on without it, renewing the certificate does not: open the way out to " + url));
            add(Finding.skipped("clock", "the coordinator tells the time"));
            return;
        }
        try {
            Instant there = CoordinatorClient.withCertificate(url, home.tls(), home.ca())
                    .time();
            add(Finding.ok("coordinator", url + " answers, and is this federation's"));
            Duration ahead = Duration.between(there, clock.instant());
            String said = "this machine's clock is " + Math.abs(ahead.toSeconds()) + " s "
                    + (ahead.isNegative() ? "behind" : "ahead of") + " the coordinator's";
            add(
                    ahead.abs().compareTo(SKEW) > 0
                            ? Finding.warning(
                                    "clock",
                                    said,
                                    "Set it (NTP): certificates and opening hours go by it, rounds do not")
                            : Finding.ok("clock", said));
        } catch (Failed | IOException e) {
            add(Finding.warning(
                    "coordinator",
                    text(e),
                    "Something in between may open TLS; nothing may, or the certificate is wrong"));
            add(Finding.skipped("clock", "the coordinator tells the time"));
        }
    }

    /// Says also what the last round was, if one can be read.
    private Optional<RoundOpened> broker(Membership membership) {
        List<String> all = List.of(membership.bootstrapServers().split(","));
        List<String> away = new ArrayList<>();
        for (String server : all) {
            int colon = server.lastIndexOf(':');
            unreachable(server.substring(0, colon), Integer.parseInt(server.substring(colon + 1)))
                    .ifPresent(away::add);
        }
        if (away.size() == all.size()) {
            add(Finding.failed(
                    "broker", String.join("; ", away), "Open the way out to " + membership.bootstrapServers()));
            add(Finding.skipped("registry", "the broker cannot be reached"));
            return Optional.empty();
        }
        KafkaClients kafka = new KafkaClients(membership.bootstrapServers(), home.tls(), home.ca());
        try (Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            Registry registry = Registries.read(primitives, membership, kafka, reader);
            add(
                    away.isEmpty()
                            ? Finding.ok("broker", membership.bootstrapServers() + " lets this organisation in")
                            : Finding.warning("broker", String.join("; ", away), "The others suffice for now"));
            registry(membership, registry);
            topics(membership, kafka, reader);
            return last(membership, reader);
        } catch (Failed e) {
            add(Finding.failed("broker", text(e), "Ask the federation's operator: sotto admin members list"));
            add(Finding.skipped("registry", "the broker does not let this organisation read it"));
            return Optional.empty();
        }
    }

    private void registry(Membership membership, Registry registry) {
        Standing standing = Standing.of(registry, membership);
        if (!standing.isActive()) {
            add(Finding.failed("registry", standing.says(membership.organisation()), "Ask the federation's operator"));
            return;
        }
        List<String> strange = new ArrayList<>();
        try {
            Map<String, Peers.Pin> pinned = new TreeMap<>(Peers.read(home).pinned());
            registry.members().forEach((id, peer) -> {
                Peers.Pin pin = pinned.get(id);
                if (pin == null || !pin.identity().equals(peer.identityKey())) {
                    strange.add(id);
                }
            });
        } catch (IOException | InvalidFile e) {
            add(Finding.failed("registry", text(e), "Restore peers.json from the backup"));
            return;
        }
        add(
                strange.isEmpty()
                        ? Finding.ok("registry", registry.members().size() + " members, each approved here")
                        : Finding.warning(
                                "registry",
                                String.join(", ", strange) + ": not approved here with the present key",
                                "Compare fingerprints by telephone: sotto peers list, sotto peers approve"));
    }

    private void topics(Membership membership, KafkaClients kafka, Consumer<byte[], byte[]> reader) {
        Topics topics = membership.topics();
        String own = membership.organisation();
        for (String topic : List.of(topics.control(), topics.models(), topics.inbox(own), topics.updates(own))) {
            try {
                var _ = KafkaClients.partitions(reader, topic);
            } catch (KafkaException e) {
                add(Finding.failed(
                        "topics",
                        topic + ": " + text(kafka.explain(e)),
                        "Ask the federation's operator: the coordinator makes topics and rules when one enrols"));
                return;
            }
        }
        add(Finding.ok("topics", "control, models and this organisation's own are there and may be read"));
    }

    private static Optional<RoundOpened> last(Membership membership, Consumer<byte[], byte[]> reader) {
        Optional<RoundOpened> last = Optional.empty();
        for (ConsumerRecord<byte[], byte[]> record :
                KafkaClients.read(reader, membership.topics().control(), Instant.EPOCH)) {
            try {
                Envelope envelope = Envelope.decode(Bytes.given(record.value()));
                if (envelope.type() == MessageType.ROUND_OPENED) {
                    last = Optional.of(RoundOpened.parse(envelope.payload()));
                }
            } catch (MalformedMessage e) {
                // The agent says so.
            }
        }
        return last;
    }

    // ---- what it trains ----

    private void base(Settings settings, Optional<RoundOpened> last) {
        if (settings.base().isEmpty()) {
            add(Finding.warning("base", "participant.yaml names none", "Name it there, or give sotto run --base"));
            return;
        }
        try {
            String digest = BaseModel.digest(settings.base().get()).hex();
            String asked = last.map(round -> round.baseModelDigest().hex()).orElse(digest);
            add(
                    asked.equals(digest)
                            ? Finding.ok(
                                    "base",
                                    settings.base().get()
                                            + (last.isPresent() ? ", as the last round has it" : ", digest " + digest))
                            : Finding.failed(
                                    "base",
                                    "digest " + digest + ", the last round's is " + asked,
                                    "Get the checkpoint that the federation trains, every file of it"));
        } catch (IOException e) {
            add(Finding.failed("base", text(e), "Put a Hugging Face checkpoint there"));
        }
    }

    private void data(Settings settings, Policy policy) {
        if (settings.data().isEmpty()) {
            add(Finding.warning("data", "participant.yaml names none", "Name it there, or give sotto run --data"));
            return;
        }
        try {
            Loaded<?> loaded = load(settings, mapping(settings));
            int count = loaded.examples().size();
            add(
                    count < policy.fewestExamples()
                            ? Finding.failed(
                                    "data",
                                    count + " examples, policy.yaml's fewestExamples is " + policy.fewestExamples(),
                                    "Add examples, or lower it: fewer examples tell more about each")
                            : Finding.ok("data", count + " examples"));
        } catch (IOException | InvalidFile | IllegalArgumentException e) {
            add(Finding.failed("data", text(e), "Mend the file, or say skipBadLines: true"));
        }
    }

    private static Mapping<?> mapping(Settings settings) throws IOException, InvalidFile {
        String name = settings.dataset().orElse(Datasets.DEFAULT);
        return name.endsWith(".yaml") || name.endsWith(".yml")
                ? Datasets.mapping(Path.of(name))
                : Datasets.mapping(name);
    }

    private static <E> Loaded<E> load(Settings settings, Mapping<E> mapping) throws IOException, InvalidFile {
        return Loaded.read(settings.data(), mapping, settings.skipBadLines());
    }

    private void device(Settings settings) {
        String name = settings.device().orElse("auto");
        try {
            Device device = Device.parse(name);
            device.require();
            add(Finding.ok("device", name + " is " + device));
        } catch (NativeLibraryUnavailable | IllegalArgumentException e) {
            add(Finding.failed("device", text(e), "docs/gpu.md; device: cpu needs no card"));
        }
    }
}

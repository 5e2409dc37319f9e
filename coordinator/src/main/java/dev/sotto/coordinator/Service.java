package dev.sotto.coordinator;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.director.Member;
import dev.sotto.coordinator.director.NotDirecting;
import dev.sotto.coordinator.director.Office;
import dev.sotto.coordinator.director.Overview;
import dev.sotto.coordinator.director.Ownership;
import dev.sotto.coordinator.director.RoundDirector;
import dev.sotto.coordinator.director.Secrets;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.enrolment.Invites;
import dev.sotto.coordinator.kafka.Access;
import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.kafka.Lease;
import dev.sotto.coordinator.kafka.SameTopics;
import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.coordinator.slots.Slots;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Topics;
import dev.sotto.secrets.Passphrase;
import dev.sotto.telemetry.RoundSpans;
import io.quarkus.runtime.Quarkus;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/// One coordinator process, a replica of the coordinator: everything that its folder and Kafka give it, put together
/// once. It directs, or stands by until it has to.
@ApplicationScoped
public class Service {
    private static final Logger LOG = Logger.getLogger(Service.class);
    private static final int STOP_SECONDS = 8;

    private final Path folder;
    private final Settings settings;
    private final CertificateAuthority authority;
    private final Secrets secrets;
    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Clock clock = Clock.systemUTC();
    private final RoundSpans spans;
    private final KafkaClients kafka;
    private final Admin admin;
    private final ExecutorService terms =
            Executors.newSingleThreadExecutor(Thread.ofPlatform().name("terms").factory());
    private final Office<Term> office;
    private final Lease lease;
    private final Slots slots;
    private final SameTopics topics;

    /// Reads the folder.
    ///
    /// @param folder  given with `--dir`
    /// @param replica given with `--replica`
    public Service(
            @ConfigProperty(name = Coordinator.FOLDER) String folder,
            @ConfigProperty(name = Coordinator.REPLICA) String replica)
            throws IOException, InvalidSettings {
        this.folder = Path.of(folder);
        Folder files = new Folder(this.folder);
        this.settings = Settings.read(files.settings());
        try (Passphrase passphrase = Folder.passphrase(Passphrase.OWN)) {
            this.authority = authority(files, passphrase);
            this.secrets = new Secrets(
                    new Identity(
                            primitives,
                            settings.federation(),
                            Topics.COORDINATOR,
                            Folder.readSecret(files.identity(), passphrase)),
                    Folder.readSecret(files.roundSecret(), passphrase));
        }
        if (authority.ends().isBefore(clock.instant().plus(CertificateAuthority.LEAF))) {
            LOG.warnf(
                    "the issuing CA ends at %s, and every certificate that it issues now, too; `sotto coordinator rotate`"
                            + " makes the next one",
                    authority.ends());
        }
        this.spans = RoundSpans.configured("sotto-coordinator", System.getenv());
        this.kafka = new KafkaClients(settings.bootstrapServers(), files.tls(), files.ca());
        this.admin = kafka.admin();
        this.office = new Office<>(terms, this::begin, this::resign, cause -> end(replica, cause));
        this.lease = new Lease(
                kafka.member(settings.topics().leaderGroup(), replica),
                settings.topics().leader(),
                office);
        this.slots = new Slots(
                settings,
                kafka,
                primitives,
                secrets.identity(),
                secrets.roundSecret(),
                replica,
                cause -> end(replica, cause));
        this.topics = new SameTopics(admin, settings.topics(), lost -> {
            LOG.error(lost);
            Quarkus.asyncExit(1);
        });
    }

    private static CertificateAuthority authority(Folder files, Passphrase passphrase)
            throws IOException, InvalidSettings {
        byte[] issuing = Folder.readSecretBytes(files.issuing());
        try {
            return CertificateAuthority.load(
                    issuing, Files.readString(files.ca()), passphrase.expose(), new SecureRandom());
        } finally {
            Arrays.fill(issuing, (byte) 0);
        }
    }

    /// Takes its share of the slots, and waits to direct.
    public void start() {
        topics.start();
        slots.start();
        lease.start();
    }

    private void resign() {
        lease.resign();
    }

    private Term begin(Consumer<Throwable> failed) {
        Topics topics = settings.topics();
        Ownership.require(
                kafka.readToEnd(topics.registry(), 1).stream()
                        .map(record -> Bytes.given(record.value()))
                        .toList(),
                Enc.sha256(secrets.identity().key()));
        // First: only then do the logs end (an earlier writer's open transaction is over).
        Writer writer = new Writer(kafka.writer(topics.directorTransactionalId()), spans::header);
        Access access = new Access(admin, settings);
        RoundDirector director = new RoundDirector(
                settings,
                kafka,
                writer,
                secrets,
                primitives,
                Randomness.secure(),
                spans,
                clock,
                access::forget,
                failed);
        Acts acts = new Acts(act -> secrets.actTag(settings.federation(), act), clock);
        Invites invites = new Invites(
                (organisation, invite, act) -> keep(writer, organisation, invite, act, failed),
                acts,
                binding(director),
                clock,
                Randomness.secure());
        Enrolment enrolment =
                new Enrolment(settings.federation(), primitives, authority, invites, access, director, acts, clock);
        Term term = new Term(writer, director, invites, acts, enrolment);
        try {
            for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.invites(), 1)) {
                take(record, organisation -> invites.take(organisation, Bytes.given(record.value())));
            }
            for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.acts(), 1)) {
                take(record, _ -> acts.take(Bytes.given(record.value())));
            }
            director.start();
            return term;
        } catch (RuntimeException e) {
            term.close();
            throw e;
        }
    }

    private Invites.Binding binding(RoundDirector director) {
        return new Invites.Binding() {
            @Override
            public Bytes tag(Bytes invite) {
                return secrets.inviteTag(settings.federation(), invite);
            }

            @Override
            public int generation(String organisation) {
                return director.generation(organisation);
            }
        };
    }

    @FunctionalInterface
    private interface Taker {
        void take(String organisation) throws MalformedMessage;
    }

    /// The broker's operator may write here whatever it likes.
    private static void take(ConsumerRecord<byte[], byte[]> record, Taker taker) {
        try {
            taker.take(record.key() == null ? "" : new String(record.key(), StandardCharsets.US_ASCII));
        } catch (MalformedMessage e) {
            LOG.warnf("a record of %s is passed over: %s", record.topic(), e.getMessage());
        }
    }

    private void keep(Writer writer, String organisation, Bytes invite, Bytes act, Consumer<Throwable> failed) {
        Topics topics = settings.topics();
        try {
            var _ = writer.write(List.of(
                    new Writer.Entry(topics.invites(), 0, organisation, invite),
                    new Writer.Entry(topics.acts(), 0, organisation, act)));
        } catch (KafkaException e) {
            failed.accept(e);
            throw new NotDirecting(e);
        }
    }

    /// Whether the other replicas know this one, and, if it directs, time passes.
    public boolean isReady() {
        return lease.isJoined()
                && slots.isJoined()
                && office.present().map(term -> term.director().isReady()).orElse(true);
    }

    /// Whether this replica directs.
    public boolean isDirecting() {
        return office.present().isPresent();
    }

    /// What there is to see, if this replica directs.
    public Optional<Overview> overview() {
        return office.present().map(term -> {
            RoundDirector director = term.director();
            return new Overview(
                    director.board(),
                    director.members().stream()
                            .map(member -> withCertificateEnds(member, term.acts()))
                            .toList(),
                    director.isReady());
        });
    }

    private static Member withCertificateEnds(Member member, Acts acts) {
        return member.certificate() == null
                ? member
                : acts.certificateEnds(member.organisation())
                        .map(member::withCertificateEnds)
                        .orElse(member);
    }

    /// What this replica adds up, whether it directs or not.
    public Slots slots() {
        return slots;
    }

    /// Where its settings and secrets are.
    public Path folder() {
        return folder;
    }

    /// What the operator decided.
    public Settings settings() {
        return settings;
    }

    /// Who issues certificates.
    public CertificateAuthority authority() {
        return authority;
    }

    /// With which the cookies of those who sign on are encrypted.
    public Secret cookieKey() {
        return secrets.cookieKey(settings.federation());
    }

    /// Who may enrol.
    ///
    /// @throws NotDirecting if this replica stands by
    public Invites invites() {
        return office.term().invites();
    }

    /// Who did what.
    ///
    /// @throws NotDirecting if this replica stands by
    public Acts acts() {
        return office.term().acts();
    }

    /// How they do.
    ///
    /// @throws NotDirecting if this replica stands by
    public Enrolment enrolment() {
        return office.term().enrolment();
    }

    /// The Ed25519 key by which members know this coordinator.
    public Bytes identityKey() {
        return secrets.identity().key();
    }

    @PreDestroy
    void stop() throws InterruptedException {
        topics.close();
        office.close();
        terms.shutdown();
        boolean _ = terms.awaitTermination(STOP_SECONDS, TimeUnit.SECONDS);
        lease.close();
        slots.close();
        spans.close();
        admin.close();
        secrets.close();
    }

    private static void end(String replica, Throwable cause) {
        if (cause instanceof FencedInstanceIdException) {
            LOG.errorf(
                    "another process has this replica's name, %s, and takes its place; this one ends"
                            + " (--replica gives each its own)",
                    replica);
        } else {
            LOG.error("the coordinator cannot go on and ends; started again it continues from the logs", cause);
        }
        Quarkus.asyncExit(1);
    }
}

package dev.sotto.coordinator;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.director.Inboxes;
import dev.sotto.coordinator.director.RoundDirector;
import dev.sotto.coordinator.director.Secrets;
import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.enrolment.Invites;
import dev.sotto.coordinator.kafka.Access;
import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Topics;
import io.quarkus.runtime.Quarkus;
import jakarta.annotation.PreDestroy;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/// One coordinator process: everything that its folder and Kafka give it, put together once.
@ApplicationScoped
public class Service {
    private static final Logger LOG = Logger.getLogger(Service.class);

    private final Path folder;
    private final Settings settings;
    private final CertificateAuthority authority;
    private final Invites invites;
    private final Admin admin;
    private final Secrets secrets;
    private final RoundDirector director;
    private final Enrolment enrolment;
    private final Inboxes inboxes;

    /// Reads the folder.
    ///
    /// @param folder given with `--dir`
    public Service(@ConfigProperty(name = Coordinator.FOLDER) String folder, Inboxes inboxes)
            throws IOException, InvalidSettings {
        this.folder = Path.of(folder);
        Folder files = new Folder(this.folder);
        Primitives primitives = new BouncyCastlePrimitives();
        Clock clock = Clock.systemUTC();
        this.settings = Settings.read(files.settings());
        this.authority = CertificateAuthority.load(
                Files.readString(files.ca()), Files.readString(files.caKey()), new SecureRandom());
        this.invites = new Invites(files.invites(), clock, Randomness.secure());
        this.secrets = new Secrets(
                new Identity(
                        primitives, settings.federation(), Topics.COORDINATOR, Folder.readSecret(files.identity())),
                Folder.readSecret(files.roundSecret()));
        KafkaClients kafka = new KafkaClients(settings.bootstrapServers(), files.tls(), files.ca());
        this.admin = kafka.admin();
        this.director =
                new RoundDirector(settings, kafka, secrets, primitives, Randomness.secure(), clock, Service::end);
        this.enrolment = new Enrolment(
                settings.federation(), primitives, authority, invites, new Access(admin, settings), director, clock);
        this.inboxes = inboxes;
    }

    /// Folds the logs and begins.
    public void start() {
        director.start();
        inboxes.giveTo(director);
        director.registry().members().keySet().forEach(this::follow);
    }

    /// Reads what a new member says.
    public void follow(String organisation) {
        inboxes.follow(settings.topics(), organisation);
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

    /// Who may enrol.
    public Invites invites() {
        return invites;
    }

    /// How they do.
    public Enrolment enrolment() {
        return enrolment;
    }

    /// The rounds.
    public RoundDirector director() {
        return director;
    }

    /// The Ed25519 key by which members know this coordinator.
    public Bytes identityKey() {
        return secrets.identity().key();
    }

    @PreDestroy
    void stop() {
        director.close();
        admin.close();
        secrets.close();
    }

    private static void end(Throwable cause) {
        if (cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException) {
            LOG.error("another coordinator of this federation has taken over; this one ends");
        } else {
            LOG.error("the coordinator cannot go on and ends; started again it continues from the logs", cause);
        }
        Quarkus.asyncExit(1);
    }
}

package dev.sotto.participant.agent;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.enrolment.Renewal;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.telemetry.RoundSpans;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/// An organisation in rounds. Killed at any point it starts from its journal; an attempt whose secrets
/// died with it is sat out.
///
/// One thread runs it.
public final class Agent implements AutoCloseable {
    private static final Duration RETRY = Duration.ofSeconds(5);
    /// Between two tries to renew the certificate.
    private static final Duration RETRY_RENEWAL = Duration.ofHours(1);

    private final Organisation organisation;
    private final KafkaClients kafka;
    private final Clock clock;
    private Instant renewal = Instant.MIN;
    private final ExecutorService trainer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("training").daemon().factory());

    /// Opens the home; connects to nothing yet. Takes ownership of `training` and `spans`.
    ///
    /// @param base      the checkpoint that `training` has
    /// @param keepPlain also writes each plain update into the home: only for comparing sums in a sandbox
    public Agent(
            Home home,
            Path base,
            Training training,
            boolean keepPlain,
            Primitives primitives,
            Randomness randomness,
            Events events,
            RoundSpans spans,
            Clock clock)
            throws IOException, InvalidFile {
        this.organisation = Organisation.open(home, base, training, keepPlain, primitives, randomness, events, spans);
        this.clock = clock;
        this.kafka = new KafkaClients(organisation.membership().bootstrapServers(), home.tls(), home.ca());
    }

    /// Takes part until the thread is interrupted. A broker that goes away is waited for.
    ///
    /// @throws Failed if the broker does not let this organisation in, or another process writes as it
    public void run() throws Failed, IOException, InvalidFile, InterruptedException {
        try {
            takePart();
        } catch (Failed e) {
            Optional<Versions.Description> last = organisation.versions().last();
            throw last.isEmpty()
                    ? e
                    : new Failed(
                            e.getMessage() + ". Version " + last.get().version() + " is in "
                                    + organisation.home().models() + ", and stays: sotto export",
                            e);
        }
    }

    private void takePart() throws Failed, IOException, InvalidFile, InterruptedException {
        while (true) {
            renew();
            FileTime connected = Files.getLastModifiedTime(organisation.home().tls());
            try (Session session = new Session(organisation, kafka, trainer)) {
                session.run(
                        () -> hasNewCertificate(connected) || !clock.instant().isBefore(renewal));
            } catch (AuthorizationException | AuthenticationException e) {
                throw kafka.explain(e);
            } catch (ProducerFencedException | InvalidProducerEpochException e) {
                throw new Failed(
                        "another process writes as " + organisation.membership().organisation() + "; this one ends", e);
            } catch (KafkaException e) {
                organisation.events().error("broker", kafka.explain(e).getMessage() + "; trying again");
                Thread.sleep(RETRY);
            }
        }
    }

    private boolean hasNewCertificate(FileTime since) throws IOException {
        return !Files.getLastModifiedTime(organisation.home().tls()).equals(since);
    }

    private static Instant later(Instant one, Instant other) {
        return one.isAfter(other) ? one : other;
    }

    /// What fails is tried again later: the certificate is still good.
    private void renew() throws IOException, InvalidFile, InterruptedException {
        Home home = organisation.home();
        if (clock.instant().isBefore(renewal)) {
            return;
        }
        Instant due = Renewal.due(home).orElse(Instant.MAX);
        if (clock.instant().isBefore(due)) {
            renewal = due;
            return;
        }
        try {
            new Renewal(organisation.primitives()).renew(home);
            due = Renewal.due(home).orElse(Instant.MAX);
            renewal = later(due, clock.instant().plus(RETRY_RENEWAL));
            organisation
                    .events()
                    .tell(organisation.events().event("certificate").put("renewal", renewal.toString()));
        } catch (Failed e) {
            organisation.events().error("certificate", "it could not be renewed: " + e.getMessage());
            renewal = clock.instant().plus(RETRY_RENEWAL);
        }
    }

    @Override
    public void close() {
        trainer.shutdownNow();
        organisation.close();
    }
}

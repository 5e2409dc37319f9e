package dev.sotto.participant.agent;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.enrolment.Renewal;
import dev.sotto.participant.enrolment.Renewals;
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
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.Consumer;
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
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private final Organisation organisation;
    private final KafkaClients kafka;
    private final Renewals renewals;
    private final Clock clock;
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
        this.renewals = new Renewals(home, new Renewal(primitives)::renew, clock);
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
                session.run(() -> hasNewCertificate(connected) || renewals.areDue());
                if (hasNewCertificate(connected)) {
                    renewals.lookAgain();
                }
            } catch (AuthorizationException e) {
                if (!waitUntilResumed()) {
                    throw kafka.explain(e);
                }
            } catch (AuthenticationException e) {
                requireCertificate(e);
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

    /// A suspended organisation may read, and not write: it waits.
    ///
    /// @return whether it was suspended, and is no more
    private boolean waitUntilResumed() throws InterruptedException {
        boolean suspended = false;
        // The broker's rules change just before the registry does.
        for (boolean again = true; ; again = false) {
            Standing standing;
            try (Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
                standing = Standing.of(
                        Registries.read(organisation.primitives(), organisation.membership(), kafka, reader),
                        organisation.membership());
            } catch (Failed e) {
                return false;
            }
            if (standing.state() == Standing.State.SUSPENDED) {
                if (!suspended) {
                    organisation.events().error("suspended", standing.reason());
                }
                suspended = true;
            } else if (suspended || !again || !standing.isActive()) {
                return suspended && standing.isActive();
            }
            Thread.sleep(RETRY);
        }
    }

    /// That it has not ended, which it may have while connections that were made with it stood.
    private void requireCertificate(AuthenticationException e) throws Failed, IOException, InvalidFile {
        Optional<Home.Validity> certificate = organisation.home().certificate();
        if (certificate.isPresent() && certificate.get().ends().isBefore(clock.instant())) {
            throw new Failed(
                    "the certificate " + organisation.home().tls() + " ended at "
                            + certificate.get().ends()
                            + " and cannot renew itself any more: enrol again, with a new invite",
                    e);
        }
    }

    private boolean hasNewCertificate(FileTime since) throws IOException {
        return !Files.getLastModifiedTime(organisation.home().tls()).equals(since);
    }

    /// What fails is tried again later: the certificate is still good.
    private void renew() throws IOException, InvalidFile, InterruptedException {
        Events events = organisation.events();
        try {
            if (renewals.renew()) {
                events.tell(events.event("certificate")
                        .put("renewal", renewals.next().toString()));
            }
        } catch (Failed e) {
            events.error("certificate", "it could not be renewed: " + e.getMessage());
        }
    }

    @Override
    public void close() {
        trainer.shutdownNow();
        organisation.close();
    }
}

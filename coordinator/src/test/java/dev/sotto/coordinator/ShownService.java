package dev.sotto.coordinator;

import dev.sotto.coordinator.director.Board;
import dev.sotto.coordinator.director.Overview;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.enrolment.Invites;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RegistryEntry;
import io.quarkus.test.Mock;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/// A replica that seems to direct: without Kafka none does. Its board is empty at first.
@Mock
@Singleton
public class ShownService extends Service {
    private final Board board = new Board();
    private final Acts acts = new Acts(Enc::sha256, Clock.systemUTC());
    private final Invites invites = new Invites(
            (_, _, _) -> {},
            acts,
            new Invites.Binding() {
                @Override
                public Bytes tag(Bytes invite) {
                    return Enc.sha256(invite);
                }

                @Override
                public int generation(String organisation) {
                    return 0;
                }
            },
            Clock.systemUTC(),
            Randomness.secure());
    private volatile boolean standsBy;

    /// For CDI.
    public ShownService(
            @ConfigProperty(name = Coordinator.FOLDER) String folder,
            @ConfigProperty(name = Coordinator.REPLICA) String replica)
            throws IOException, InvalidSettings {
        super(folder, replica);
    }

    @Override
    public Optional<Overview> overview() {
        return standsBy ? Optional.empty() : Optional.of(new Overview(board, List.of(), true));
    }

    /// Writes to nowhere; a suspended organisation there is not.
    @Override
    public Enrolment enrolment() {
        Enrolment.RegistryWriter writer = new Enrolment.RegistryWriter() {
            @Override
            public Registry registry() {
                return Registry.START;
            }

            @Override
            public int generation(String organisation) {
                return 0;
            }

            @Override
            public void append(RegistryEntry entry, Bytes act) {}
        };
        return new Enrolment(
                settings().federation(),
                new BouncyCastlePrimitives(),
                authority(),
                invites,
                new NoBroker(),
                writer,
                acts,
                Clock.systemUTC());
    }

    @Override
    public Acts acts() {
        return acts;
    }

    /// Whether it does not even seem to direct.
    void standBy(boolean now) {
        standsBy = now;
    }

    /// Lets everybody in and nobody out.
    private static final class NoBroker implements Enrolment.Admission {
        @Override
        public void admit(String organisation, String principal) {}

        @Override
        public void silence(String principal) {}

        @Override
        public void expel(String principal) {}
    }
}

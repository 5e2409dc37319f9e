package dev.sotto.coordinator;

import dev.sotto.coordinator.director.Board;
import dev.sotto.coordinator.director.Overview;
import dev.sotto.coordinator.settings.InvalidSettings;
import io.quarkus.test.Mock;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/// A replica that seems to direct: without Kafka none does. Its board is empty at first.
@Mock
@Singleton
public class ShownService extends Service {
    private final Board board = new Board();
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

    /// Whether it does not even seem to direct.
    void standBy(boolean now) {
        standsBy = now;
    }
}

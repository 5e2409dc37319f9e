package dev.sotto.coordinator.kafka;

import dev.sotto.schemas.Topics;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/// Looks every few seconds whether the federation's logs are still those that this process began with. A consumer
/// does not tell: of a topic that is gone, or is there again and empty, it waits for records for ever.
///
/// A broker that does not answer has lost nothing yet. Kafka knows a topic by an id that a new one of its name does
/// not have.
public final class SameTopics implements AutoCloseable {
    private static final Duration BETWEEN = Duration.ofSeconds(3);
    /// A broker that has just come back may not know yet what it has.
    private static final int TIMES = 2;

    private final Admin admin;
    private final List<String> names;
    private final Consumer<String> lost;
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().name("same-topics").daemon().factory());
    // On its thread only:
    private Map<String, Uuid> first = Map.of();
    private int missed;

    /// Does nothing yet.
    ///
    /// @param lost gets a sentence, once
    public SameTopics(Admin admin, Topics topics, Consumer<String> lost) {
        this.admin = admin;
        this.names = List.of(topics.registry(), topics.control(), topics.models(), topics.slots());
        this.lost = lost;
    }

    /// Begins to look.
    public void start() {
        var _ = clock.scheduleWithFixedDelay(this::look, 0, BETWEEN.toMillis(), TimeUnit.MILLISECONDS);
    }

    private void look() {
        Map<String, Uuid> now = new TreeMap<>();
        try {
            admin.describeTopics(names)
                    .allTopicNames()
                    .get()
                    .forEach((name, description) -> now.put(name, description.topicId()));
        } catch (ExecutionException e) {
            if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        if (first.isEmpty()) {
            first = now;
        }
        missed = now.equals(first) ? 0 : missed + 1;
        if (missed == TIMES) {
            lost.accept("Kafka no longer has the topics that this process began with, "
                    + (now.isEmpty() ? "and no new ones" : "but new ones of their names")
                    + ": the broker has lost its disk, or somebody has deleted them. The last model is in each member's"
                    + " folder");
        }
    }

    @Override
    public void close() {
        clock.shutdownNow();
    }
}

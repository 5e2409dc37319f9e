package dev.sotto.coordinator.director;

import dev.sotto.schemas.Topics;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;

/// What members say, and what the slots tell: every inbox and `slots` from their beginnings, so that a new director
/// hears what the last one heard, on a thread of its own.
///
/// Its methods may be called from any thread and return at once.
final class Inboxes implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(50);

    /// Who hears.
    interface Listener {
        /// A record, in the order of its partition; the next one comes when this returns.
        void said(ConsumerRecord<byte[], byte[]> record);

        /// Everything has been heard that members had said at the start, or when [Inboxes#catchUp] was called.
        void heard();

        /// Reading failed for good.
        void failed(Throwable cause);
    }

    private final Topics topics;
    private final int slots;
    private final Supplier<Consumer<byte[], byte[]>> readers;
    private final Listener listener;
    private final BlockingQueue<String> joining = new LinkedBlockingQueue<>();
    private final Thread thread;
    private final AtomicBoolean behind = new AtomicBoolean(true);
    private volatile boolean closed;

    Inboxes(Topics topics, int slots, Supplier<Consumer<byte[], byte[]>> readers, Listener listener) {
        this.topics = topics;
        this.slots = slots;
        this.readers = readers;
        this.listener = listener;
        this.thread = Thread.ofPlatform().name("inboxes").unstarted(this::run);
    }

    /// Begins with the inboxes of these organisations.
    void start(Collection<String> organisations) {
        joining.addAll(organisations);
        thread.start();
    }

    /// Hears an organisation too; one that is heard already is not heard twice.
    void follow(String organisation) {
        joining.add(organisation);
    }

    /// Says when everything is heard that members have said by now.
    void catchUp() {
        behind.set(true);
    }

    @Override
    public void close() {
        closed = true;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(2));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        Set<TopicPartition> assigned = new HashSet<>();
        try (var reader = readers.get()) {
            for (int slot = 0; slot < slots; slot++) {
                assigned.add(new TopicPartition(topics.slots(), slot));
            }
            reader.assign(assigned);
            reader.seekToBeginning(assigned);
            join(reader, assigned);
            Map<TopicPartition, Long> ends = new HashMap<>();
            boolean waited = false;
            while (!closed) {
                if (behind.getAndSet(false)) {
                    ends.putAll(reader.endOffsets(assigned));
                    waited = true;
                }
                reader.poll(POLL).forEach(listener::said);
                ends.keySet().removeIf(inbox -> reader.position(inbox) >= Objects.requireNonNull(ends.get(inbox)));
                if (waited && ends.isEmpty()) {
                    waited = false;
                    listener.heard();
                }
                join(reader, assigned);
            }
        } catch (InterruptException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) {
            if (!closed) {
                listener.failed(e);
            }
        }
    }

    private void join(Consumer<byte[], byte[]> reader, Set<TopicPartition> assigned) {
        for (String organisation = joining.poll(); organisation != null; organisation = joining.poll()) {
            TopicPartition inbox = new TopicPartition(topics.inbox(organisation), 0);
            if (assigned.add(inbox)) {
                reader.assign(assigned);
                reader.seekToBeginning(List.of(inbox));
            }
        }
    }
}

package dev.sotto.coordinator.director;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.MaskedSum;
import dev.sotto.crypto.secagg.Opened;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Survivors;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UpdateChunk;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/// Adds masked chunks as they arrive, on a thread of its own. It keeps one sum, and of a member only
/// which chunks are in; what does not survive is read again from the log and taken out.
///
/// It owns every partition: with several replicas each will own some (design.md §3).
///
/// Its methods may be called from any thread and return at once.
final class Aggregator implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Aggregator.class);
    private static final Duration POLL = Duration.ofMillis(50);

    /// What became of a member's chunks.
    interface Listener {
        /// All of them are in, and match this manifest.
        void delivered(String organisation, Bytes manifestHash);

        /// These bytes came.
        void received(String organisation, long bytes);

        /// Reading failed for good.
        void failed(Throwable cause);
    }

    /// A sum and what it makes.
    ///
    /// @param sum  unmasked
    /// @param next the version that it makes
    record Summed(UnmaskedSum sum, ModelVersion next) {}

    private record Attempt(Directory directory, MaskedSum sum, Instant since, Map<String, Manifest> manifests) {}

    private final Primitives primitives;
    private final Topics topics;
    private final int partitions;
    private final Listener listener;
    private final Supplier<Consumer<byte[], byte[]>> readers;
    private final BlockingQueue<Runnable> orders = new LinkedBlockingQueue<>();
    private final Thread thread;
    private final BlockingQueue<Predicate<Consumer<byte[], byte[]>>> pending = new LinkedBlockingQueue<>();
    private final Set<TopicPartition> assigned = new HashSet<>();
    private final List<String> added = new ArrayList<>();
    private @Nullable Attempt attempt;
    private volatile boolean closed;

    Aggregator(
            Primitives primitives,
            Topics topics,
            int partitions,
            Supplier<Consumer<byte[], byte[]>> readers,
            Listener listener) {
        this.primitives = primitives;
        this.topics = topics;
        this.partitions = partitions;
        this.readers = readers;
        this.listener = listener;
        this.thread = Thread.ofPlatform().name("aggregator").unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /// Begins an attempt with a sum of zero.
    ///
    /// @param since no chunk of it is older
    void begin(Opened opened, Directory directory, Instant since) {
        orders.add(() -> {
            assigned.clear();
            attempt = new Attempt(directory, new MaskedSum(opened), since, new HashMap<>());
        });
    }

    /// Reads the chunks of a verified manifest from now on. A member's first manifest counts.
    void follow(Manifest manifest) {
        orders.add(() -> {
            Attempt now = attempt;
            if (now != null && now.manifests().putIfAbsent(manifest.member(), manifest) == null) {
                assigned.addAll(partitions(manifest.member()));
                added.add(manifest.member());
            }
        });
    }

    /// Takes out who did not survive, unmasks, and makes the next version. The caller keeps the unmasker
    /// open until then.
    CompletableFuture<Summed> finish(
            Survivors survivors, Unmasker unmasker, ModelVersion before, UnmaskedSum.ServerStep step) {
        CompletableFuture<Summed> result = new CompletableFuture<>();
        pending.add(reader -> {
            Attempt now = Objects.requireNonNull(attempt);
            if (!survivors.ids().stream().allMatch(now.sum()::isComplete)) {
                return false;
            }
            try {
                for (String member : List.copyOf(now.sum().members())) {
                    if (!survivors.ids().contains(member)) {
                        takeOut(reader, now, member);
                    }
                }
                UnmaskedSum sum = now.sum()
                        .unmask(survivors, unmasker, Runtime.getRuntime().availableProcessors());
                result.complete(new Summed(sum, sum.next(before, step)));
            } catch (AggregateOutOfRange | RuntimeException e) {
                result.completeExceptionally(e);
            }
            attempt = null;
            // Taking a member out has moved the reader; the next attempt begins with its own positions.
            assigned.clear();
            return true;
        });
        return result;
    }

    /// Runs `then` when every chunk is read that is in the log now, of all members that are followed.
    void caughtUp(Runnable then) {
        orders.add(() -> {
            Map<TopicPartition, Long> ends = new HashMap<>();
            pending.add(reader -> {
                if (ends.isEmpty()) {
                    ends.putAll(reader.endOffsets(assigned));
                }
                boolean behind = ends.entrySet().stream()
                        .anyMatch(end -> reader.assignment().contains(end.getKey())
                                && reader.position(end.getKey()) < end.getValue());
                if (!behind) {
                    then.run();
                }
                return !behind;
            });
        });
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
        try (var reader = readers.get()) {
            while (!closed) {
                Runnable order = orders.poll(assigned.isEmpty() ? POLL.toMillis() : 0, TimeUnit.MILLISECONDS);
                for (; order != null; order = orders.poll()) {
                    order.run();
                }
                assign(reader);
                if (!assigned.isEmpty()) {
                    reader.poll(POLL).forEach(record -> take(record, MaskedSum::add));
                }
                pending.removeIf(finish -> finish.test(reader));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            listener.failed(e);
        }
    }

    private void assign(Consumer<byte[], byte[]> reader) {
        if (!reader.assignment().equals(assigned)) {
            reader.assign(assigned);
        }
        for (String member : added) {
            seek(reader, member);
        }
        added.clear();
    }

    private void seek(Consumer<byte[], byte[]> reader, String member) {
        Attempt now = Objects.requireNonNull(attempt);
        Map<TopicPartition, Long> since = new HashMap<>();
        partitions(member).forEach(p -> since.put(p, now.since().toEpochMilli()));
        // Before the look-up: what is appended in between must not be skipped.
        Map<TopicPartition, Long> ends = reader.endOffsets(since.keySet());
        Map<TopicPartition, OffsetAndTimestamp> offsets = reader.offsetsForTimes(since);
        for (TopicPartition partition : since.keySet()) {
            OffsetAndTimestamp offset = offsets.get(partition);
            reader.seek(partition, offset == null ? Objects.requireNonNull(ends.get(partition)) : offset.offset());
        }
    }

    @FunctionalInterface
    private interface Change {
        void apply(MaskedSum sum, String member, UpdateChunk chunk);
    }

    private void take(ConsumerRecord<byte[], byte[]> record, Change change) {
        Attempt now = attempt;
        String organisation = record.topic().substring(topics.updatesPrefix().length());
        if (now == null || record.value() == null) {
            return;
        }
        Manifest manifest = now.manifests().get(organisation);
        if (manifest == null) {
            return;
        }
        try {
            Envelope envelope = Envelope.decode(Bytes.of(record.value()));
            if (envelope.type() != MessageType.UPDATE_CHUNK
                    || !envelope.transcript().equals(manifest.routed().t2())) {
                return;
            }
            boolean before = now.sum().isComplete(organisation);
            change.apply(now.sum(), organisation, manifest.chunk(primitives, now.directory(), envelope));
            listener.received(organisation, record.value().length);
            if (!before && now.sum().isComplete(organisation)) {
                listener.delivered(organisation, manifest.hash());
            }
        } catch (MalformedMessage | PeerMisbehaved e) {
            LOG.warnf("%s: a chunk is refused: %s", organisation, e.getMessage());
        }
    }

    private void takeOut(Consumer<byte[], byte[]> reader, Attempt now, String member) {
        LOG.infof("%s did not survive: its chunks are taken out of the sum", member);
        Set<TopicPartition> its = partitions(member);
        reader.assign(its);
        seek(reader, member);
        Map<TopicPartition, Long> ends = reader.endOffsets(its);
        while (now.sum().members().contains(member)
                && its.stream().anyMatch(p -> reader.position(p) < Objects.requireNonNull(ends.get(p)))) {
            reader.poll(POLL).forEach(record -> take(record, MaskedSum::remove));
        }
    }

    private Set<TopicPartition> partitions(String member) {
        Set<TopicPartition> all = new HashSet<>();
        for (int p = 0; p < partitions; p++) {
            all.add(new TopicPartition(topics.updates(member), p));
        }
        return all;
    }
}

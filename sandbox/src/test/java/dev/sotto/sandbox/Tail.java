package dev.sotto.sandbox;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.Topics;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/// Follows what coordinator and members write, as it is written: also what is never committed.
///
/// Thread-safe.
final class Tail implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(50);

    /// A message in the order in which it was read.
    ///
    /// @param at      its number
    /// @param round   from the record's key, as is `attempt`
    record Seen(int at, MessageType type, String sender, long round, long attempt, Envelope envelope) {}

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Thread thread;
    private final List<Seen> seen = new ArrayList<>();
    private final Map<String, Set<String>> said = new TreeMap<>();

    /// Begins at the beginning.
    Tail(Map<String, Object> settings, Topics topics, List<String> organisations) {
        consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        List<TopicPartition> partitions = new ArrayList<>();
        List<String> names = new ArrayList<>(List.of(topics.control()));
        for (String organisation : organisations) {
            names.add(topics.inbox(organisation));
            names.add(topics.updates(organisation));
        }
        for (String name : names) {
            consumer.partitionsFor(name).forEach(info -> partitions.add(new TopicPartition(name, info.partition())));
        }
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        thread = Thread.ofPlatform().name("tail").start(this::follow);
    }

    private void follow() {
        try (consumer) {
            while (!Thread.currentThread().isInterrupted()) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
                    take(record);
                }
            }
        } catch (WakeupException | org.apache.kafka.common.errors.InterruptException e) {
            // Closed.
        }
    }

    private synchronized void take(ConsumerRecord<byte[], byte[]> record) {
        String key = new String(record.key(), StandardCharsets.US_ASCII);
        String[] parts = key.split("/", -1);
        if (parts.length != 3) {
            return;
        }
        Envelope envelope;
        try {
            envelope = Envelope.decode(Bytes.of(record.value()));
        } catch (MalformedMessage e) {
            throw new AssertionError(record.topic() + " holds what is no message", e);
        }
        if (envelope.type() == MessageType.MODEL_KEYS) {
            return;
        }
        said.computeIfAbsent(record.topic() + " " + key, any -> new TreeSet<>())
                .add(envelope.encode().hex());
        seen.add(new Seen(
                seen.size(),
                envelope.type(),
                envelope.sender(),
                Long.parseLong(parts[0]),
                Long.parseLong(parts[1]),
                envelope));
        notifyAll();
    }

    /// How many messages have been read.
    synchronized int size() {
        return seen.size();
    }

    /// The first message from number `from` on that is `wanted`, if it comes within `patience`.
    synchronized Optional<Seen> await(int from, Predicate<Seen> wanted, Duration patience) throws InterruptedException {
        long deadline = System.nanoTime() + patience.toNanos();
        int at = from;
        while (true) {
            for (; at < seen.size(); at++) {
                if (wanted.test(seen.get(at))) {
                    return Optional.of(seen.get(at));
                }
            }
            long left = (deadline - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                return Optional.empty();
            }
            wait(left);
        }
    }

    /// What has been read and is `wanted`.
    synchronized List<Seen> all(Predicate<Seen> wanted) {
        return seen.stream().filter(wanted).toList();
    }

    /// Of what somebody said of a type in an attempt, or of a chunk of it, how many versions there are.
    synchronized Map<String, Integer> versions() {
        Map<String, Integer> versions = new TreeMap<>();
        said.forEach((what, values) -> versions.put(what, values.size()));
        return versions;
    }

    @Override
    public void close() {
        consumer.wakeup();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

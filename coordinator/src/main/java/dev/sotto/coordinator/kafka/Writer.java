package dev.sotto.coordinator.kafka;

import dev.sotto.schemas.Bytes;
import dev.sotto.telemetry.RoundSpans;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.InvalidPidMappingException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/// Writes in transactions under one id: the director's, or a slot's. Whoever starts a second one with the same
/// transactional id fences this one: its next write fails, and it must end.
///
/// Thread-safe.
public final class Writer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final Producer<byte[], byte[]> producer;
    private final Supplier<Optional<byte[]>> traceParent;

    /// A record to be.
    ///
    /// @param key for people who look at the topic
    public record Entry(String topic, int partition, String key, Bytes value) {}

    /// Takes over from any earlier writer: returns when its open transaction has ended.
    public Writer(Producer<byte[], byte[]> producer) {
        this(producer, Optional::empty);
    }

    /// As above.
    ///
    /// @param traceParent header of each record, beside what is signed
    public Writer(Producer<byte[], byte[]> producer, Supplier<Optional<byte[]>> traceParent) {
        this.producer = producer;
        this.traceParent = traceParent;
        producer.initTransactions();
    }

    /// Writes all of `entries` or none.
    ///
    /// @return the broker's time of the last one
    /// @throws KafkaException if nothing was written
    public Instant write(List<Entry> entries) {
        return this.<RuntimeException>write(entries::forEach);
    }

    /// What is written, entry by entry.
    ///
    /// @param <E> thrown when it cannot be made
    @FunctionalInterface
    public interface Work<E extends Exception> {
        /// Gives at least one entry.
        void give(Consumer<Entry> receiver) throws E;
    }

    /// Writes all that `work` gives, as it is given, so that it need not be in memory at once; none of it if it throws.
    ///
    /// @return the broker's time of the last one
    /// @throws KafkaException if nothing was written
    public synchronized <E extends Exception> Instant write(Work<E> work) throws E {
        producer.beginTransaction();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        boolean whole = false;
        try {
            work.give(entry -> sent.add(producer.send(record(entry))));
            whole = true;
        } finally {
            if (!whole) {
                producer.abortTransaction();
            }
        }
        producer.commitTransaction();
        try {
            return Instant.ofEpochMilli(sent.getLast().get().timestamp());
        } catch (ExecutionException e) {
            throw new KafkaException("a committed record was not sent", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new KafkaException("interrupted", e);
        }
    }

    private ProducerRecord<byte[], byte[]> record(Entry entry) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                entry.topic(),
                entry.partition(),
                entry.key().getBytes(StandardCharsets.US_ASCII),
                entry.value().toArray());
        traceParent.get().ifPresent(value -> record.headers().add(RoundSpans.HEADER, value));
        return record;
    }

    /// Whether another writer has taken over since, or the broker has forgotten this one.
    public static boolean isFenced(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof ProducerFencedException
                    || cause instanceof InvalidProducerEpochException
                    || cause instanceof InvalidPidMappingException) {
                return true;
            }
        }
        return false;
    }

    @Override
    public void close() {
        producer.close(PATIENCE);
    }
}

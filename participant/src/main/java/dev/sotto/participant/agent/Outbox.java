package dev.sotto.participant.agent;

import dev.sotto.crypto.secagg.Sample;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Protocol;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.telemetry.RoundSpans;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;

/// Writes to the organisation's own two topics. Whoever opens a second one for the same organisation
/// fences this one.
///
/// Not thread-safe.
final class Outbox implements AutoCloseable {
    private final Producer<byte[], byte[]> producer;
    private final String inbox;
    private final String updates;
    private final int partitions;
    private final Supplier<Optional<byte[]>> header;
    private long bytes;

    /// @param header of each record, beside what is signed
    Outbox(Producer<byte[], byte[]> producer, Topics topics, String organisation, Supplier<Optional<byte[]>> header) {
        this.producer = producer;
        this.header = header;
        this.inbox = topics.inbox(organisation);
        this.updates = topics.updates(organisation);
        producer.initTransactions();
        this.partitions = producer.partitionsFor(updates).size();
    }

    /// Says it to all; returns when it is in the log.
    ///
    /// @param key for people who look at the topic
    void say(String key, Envelope envelope) {
        in(() -> send(record(inbox, 0, key, envelope)));
    }

    /// Says it to all, and beside it which version of the protocol this program speaks.
    ///
    /// @param key for people who look at the topic
    void introduce(String key, Envelope envelope) {
        ProducerRecord<byte[], byte[]> record = record(inbox, 0, key, envelope);
        record.headers().add(Protocol.HEADER, String.valueOf(Protocol.VERSION).getBytes(StandardCharsets.US_ASCII));
        in(() -> send(record));
    }

    /// Sends all chunks of a spool, or none.
    void send(String key, FileSpool spool) {
        in(() -> spool.forEach((number, chunk) -> send(record(
                updates,
                Sample.partition(UpdateChunk.parse(chunk.payload()).index(), partitions),
                key + "/" + number,
                chunk))));
    }

    /// Of each `updates` topic.
    int partitions() {
        return partitions;
    }

    /// Sent so far.
    long bytes() {
        return bytes;
    }

    private void in(Runnable work) {
        producer.beginTransaction();
        work.run();
        producer.commitTransaction();
    }

    private ProducerRecord<byte[], byte[]> record(String topic, int partition, String key, Envelope envelope) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                topic,
                partition,
                key.getBytes(StandardCharsets.US_ASCII),
                envelope.encode().toArray());
        header.get().ifPresent(value -> record.headers().add(RoundSpans.HEADER, value));
        return record;
    }

    private void send(ProducerRecord<byte[], byte[]> record) {
        bytes += record.value().length;
        var _ = producer.send(record);
    }

    @Override
    public void close() {
        producer.close(Duration.ofSeconds(2));
    }
}

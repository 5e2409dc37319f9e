package dev.sotto.participant.kafka;

import dev.sotto.participant.home.Failed;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/// Makes an organisation's Kafka clients: mutual TLS, committed records only, no consumer group.
///
/// @param bootstrap HOST:PORT[,…]
/// @param tls       PEM with key and chain
/// @param ca        PEM of the federation's CA
public record KafkaClients(String bootstrap, Path tls, Path ca) {
    private static final Duration POLL = Duration.ofMillis(200);

    private Map<String, Object> connection(Duration patience) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("security.protocol", "SSL");
        settings.put("default.api.timeout.ms", Math.toIntExact(patience.toMillis()));
        settings.put("request.timeout.ms", Math.toIntExact(Math.min(patience.toMillis(), 10_000)));
        settings.put(SslConfigs.SSL_ENABLED_PROTOCOLS_CONFIG, "TLSv1.3");
        settings.put(SslConfigs.SSL_KEYSTORE_TYPE_CONFIG, "PEM");
        settings.put(SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG, tls.toString());
        settings.put(SslConfigs.SSL_TRUSTSTORE_TYPE_CONFIG, "PEM");
        settings.put(SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG, ca.toString());
        return settings;
    }

    /// Reads what it is assigned; a call that the broker does not answer fails after `patience`.
    public Consumer<byte[], byte[]> reader(Duration patience) {
        Map<String, Object> settings = connection(patience);
        settings.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        // A fetch brings no more chunks than a poll takes: else they pile up, of every member some.
        settings.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 8);
        settings.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 6 << 20);
        settings.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
        settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 100);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /// Writes in transactions; a second writer with the same id fences the first.
    public Producer<byte[], byte[]> writer(String transactionalId, Duration patience) {
        Map<String, Object> settings = connection(patience);
        settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, patience.toMillis());
        settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        // An update is one transaction, on any link. More than this no broker allows by default.
        settings.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 900_000);
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
        settings.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 1_000_000);
        settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 8L << 20);
        settings.remove("default.api.timeout.ms");
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /// Every record that a topic holds now and that is not older than `since`, in each partition's order.
    /// One without a value says nothing, whoever wrote it, and is left out.
    public static List<ConsumerRecord<byte[], byte[]>> read(
            Consumer<byte[], byte[]> reader, String topic, Instant since) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        records(reader, partitions(reader, topic), since).forEachRemaining(records::add);
        return records;
    }

    /// Every partition of a topic.
    public static List<TopicPartition> partitions(Consumer<byte[], byte[]> reader, String topic) {
        List<TopicPartition> partitions = new ArrayList<>();
        reader.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
        return partitions;
    }

    /// As [#read], of some partitions, and read while they are looked at: the reader must not be used for
    /// anything else until the iterator is at its end or dropped.
    public static Iterator<ConsumerRecord<byte[], byte[]>> records(
            Consumer<byte[], byte[]> reader, List<TopicPartition> partitions, Instant since) {
        return records(reader, partitions, since, Instant.MAX);
    }

    /// As above, of records older than `until`.
    static Iterator<ConsumerRecord<byte[], byte[]>> records(
            Consumer<byte[], byte[]> reader, List<TopicPartition> partitions, Instant since, Instant until) {
        Map<TopicPartition, Long> none = new HashMap<>();
        partitions.forEach(partition -> none.put(partition, 0L));
        return records(reader, none, since, until);
    }

    /// As above, without the first so many of each partition.
    static Iterator<ConsumerRecord<byte[], byte[]>> records(
            Consumer<byte[], byte[]> reader, Map<TopicPartition, Long> without, Instant since, Instant until) {
        List<TopicPartition> partitions = List.copyOf(without.keySet());
        reader.assign(partitions);
        Map<TopicPartition, Long> ends = new HashMap<>(reader.endOffsets(partitions));
        if (until.isBefore(Instant.MAX)) {
            at(reader, partitions, until).forEach((partition, end) -> {
                if (end != null) {
                    ends.put(partition, end.offset());
                }
            });
        }
        Map<TopicPartition, OffsetAndTimestamp> starts = at(reader, partitions, since);
        for (TopicPartition partition : partitions) {
            OffsetAndTimestamp start = starts.get(partition);
            long end = Objects.requireNonNull(ends.get(partition));
            reader.seek(
                    partition,
                    start == null ? end : Math.min(end, start.offset() + without.getOrDefault(partition, 0L)));
        }
        Deque<ConsumerRecord<byte[], byte[]>> polled = new ArrayDeque<>();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                while (polled.isEmpty()
                        && ends.entrySet().stream().anyMatch(end -> reader.position(end.getKey()) < end.getValue())) {
                    reader.poll(POLL).forEach(record -> {
                        long end = Objects.requireNonNull(
                                ends.get(new TopicPartition(record.topic(), record.partition())));
                        if (record.value() != null && record.offset() < end) {
                            polled.add(record);
                        }
                    });
                }
                return !polled.isEmpty();
            }

            @Override
            public ConsumerRecord<byte[], byte[]> next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                return polled.removeFirst();
            }
        };
    }

    /// The first record of each partition that is not older than `time`, if there is one.
    private static Map<TopicPartition, OffsetAndTimestamp> at(
            Consumer<byte[], byte[]> reader, List<TopicPartition> partitions, Instant time) {
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions.forEach(partition -> times.put(partition, Math.max(0, time.toEpochMilli())));
        return reader.offsetsForTimes(times);
    }

    /// What a Kafka error means to the organisation.
    public Failed explain(KafkaException e) {
        return switch (e) {
            case AuthorizationException _ ->
                new Failed(
                        "Kafka at " + bootstrap + " does not let this organisation do that: it was revoked, or"
                                + " enrolled anew elsewhere, or the broker lost its disk (" + e.getMessage() + ")",
                        e);
            case AuthenticationException _ ->
                new Failed(
                        "Kafka at " + bootstrap + " refuses the certificate " + tls
                                + ": expired, or of another federation (" + e.getMessage() + ")",
                        e);
            case TimeoutException _ -> new Failed("Kafka at " + bootstrap + " does not answer: " + e.getMessage(), e);
            default -> new Failed("Kafka at " + bootstrap + ": " + e.getMessage(), e);
        };
    }
}

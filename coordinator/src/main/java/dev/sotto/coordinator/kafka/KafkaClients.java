package dev.sotto.coordinator.kafka;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.SslConfigs;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/// Makes Kafka clients of the coordinator: mutual TLS, committed records only.
///
/// @param bootstrap HOST:PORT[,…]
/// @param tls       PEM with the coordinator's key and chain
/// @param ca        PEM of the federation's CA
public record KafkaClients(String bootstrap, Path tls, Path ca) {
    private static final Duration POLL = Duration.ofMillis(200);

    /// How to reach the broker, for any client.
    public Map<String, String> connection() {
        return Map.of(
                "bootstrap.servers",
                bootstrap,
                "security.protocol",
                "SSL",
                SslConfigs.SSL_ENABLED_PROTOCOLS_CONFIG,
                "TLSv1.3",
                SslConfigs.SSL_KEYSTORE_TYPE_CONFIG,
                "PEM",
                SslConfigs.SSL_KEYSTORE_LOCATION_CONFIG,
                tls.toString(),
                SslConfigs.SSL_TRUSTSTORE_TYPE_CONFIG,
                "PEM",
                SslConfigs.SSL_TRUSTSTORE_LOCATION_CONFIG,
                ca.toString());
    }

    /// For topics and access rules.
    public Admin admin() {
        Map<String, Object> settings = new HashMap<>(connection());
        settings.put("default.api.timeout.ms", 20_000);
        settings.put("request.timeout.ms", 10_000);
        return Admin.create(settings);
    }

    /// Reads what it is assigned. Lost records are an error, never skipped silently.
    public Consumer<byte[], byte[]> reader() {
        Map<String, Object> settings = new HashMap<>(connection());
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

    /// Shares partitions with the other members of a group; reads nothing by itself. A member that is started again
    /// under its name has its partitions again at once; one that is not heard of for 6 s, the shortest that a
    /// broker allows by default, has none.
    ///
    /// @param name a second member with this name replaces the first
    public Consumer<byte[], byte[]> member(String group, String name) {
        Map<String, Object> settings = new HashMap<>(connection());
        settings.put(ConsumerConfig.GROUP_ID_CONFIG, group);
        settings.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, name);
        settings.put(ConsumerConfig.CLIENT_ID_CONFIG, name);
        // Whoever joins or leaves takes nothing from the others.
        settings.put(ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG, CooperativeStickyAssignor.class.getName());
        settings.put(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, 6_000);
        settings.put(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 1_500);
        settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "latest");
        settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /// Writes in transactions; a second writer with the same id fences the first.
    public Producer<byte[], byte[]> writer(String transactionalId) {
        Map<String, Object> settings = new HashMap<>(connection());
        settings.put(ProducerConfig.TRANSACTIONAL_ID_CONFIG, transactionalId);
        // A slot makes and writes its chunks of a version in one transaction; a broker allows 15 minutes by default.
        settings.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 300_000);
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "none");
        settings.put(ProducerConfig.LINGER_MS_CONFIG, 0);
        settings.put(ProducerConfig.BATCH_SIZE_CONFIG, 1_000_000);
        settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 8L << 20);
        return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /// Every record that some partitions of a topic hold now, in each partition's order. One without a
    /// value says nothing, whoever wrote it, and is left out.
    public List<ConsumerRecord<byte[], byte[]>> readToEnd(String topic, int partitions) {
        List<TopicPartition> assigned = new ArrayList<>();
        for (int p = 0; p < partitions; p++) {
            assigned.add(new TopicPartition(topic, p));
        }
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        readToEnd(assigned, Instant.EPOCH, records::add);
        return records;
    }

    /// Gives every record that some partitions hold now to `receiver`, in each partition's order.
    ///
    /// @param since no older ones
    public void readToEnd(
            Collection<TopicPartition> partitions,
            Instant since,
            java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> receiver) {
        try (Consumer<byte[], byte[]> reader = reader()) {
            reader.assign(partitions);
            seek(reader, partitions, since);
            Map<TopicPartition, Long> ends = reader.endOffsets(partitions);
            while (ends.entrySet().stream().anyMatch(end -> reader.position(end.getKey()) < end.getValue())) {
                reader.poll(POLL).forEach(record -> {
                    if (record.value() != null) {
                        receiver.accept(record);
                    }
                });
            }
        }
    }

    /// Moves a reader to the first records that are not older.
    ///
    /// @param partitions assigned to it
    public static void seek(Consumer<byte[], byte[]> reader, Collection<TopicPartition> partitions, Instant since) {
        if (since.equals(Instant.EPOCH)) {
            reader.seekToBeginning(partitions);
            return;
        }
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions.forEach(partition -> times.put(partition, since.toEpochMilli()));
        // Before the look-up: what is appended in between must not be skipped.
        Map<TopicPartition, Long> ends = reader.endOffsets(partitions);
        Map<TopicPartition, OffsetAndTimestamp> offsets = reader.offsetsForTimes(times);
        for (TopicPartition partition : partitions) {
            OffsetAndTimestamp offset = offsets.get(partition);
            reader.seek(partition, offset == null ? Objects.requireNonNull(ends.get(partition)) : offset.offset());
        }
    }

    /// How many records lie in the log behind what a reader has read, as it last heard; of partitions of which it has
    /// heard nothing yet, none. Sends nothing. On the reader's thread.
    public static long lag(Consumer<byte[], byte[]> reader) {
        return reader.assignment().stream()
                .mapToLong(partition -> reader.currentLag(partition).orElse(0))
                .sum();
    }
}

package dev.sotto.sandbox;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/// Everything that a broker holds, read with somebody's certificate.
final class Topics {
    private Topics() {}

    static Map<String, Object> settings(String bootstrap, Path tls, Path ca) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("security.protocol", "SSL");
        settings.put("ssl.keystore.type", "PEM");
        settings.put("ssl.keystore.location", tls.toString());
        settings.put("ssl.truststore.type", "PEM");
        settings.put("ssl.truststore.location", ca.toString());
        settings.put("max.block.ms", "15000");
        return settings;
    }

    /// Every record of a topic.
    static List<ConsumerRecord<byte[], byte[]>> read(Map<String, Object> settings, String topic) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(settings)) {
            return read(consumer, topic);
        }
    }

    /// Every record of every topic, internal ones too, committed or not.
    static Map<String, List<ConsumerRecord<byte[], byte[]>>> readAll(Map<String, Object> settings)
            throws IOException, InterruptedException {
        Map<String, List<ConsumerRecord<byte[], byte[]>>> all = new TreeMap<>();
        Map<String, Object> reading = new HashMap<>(settings);
        reading.put("exclude.internal.topics", "false");
        try (Admin admin = Admin.create(settings);
                KafkaConsumer<byte[], byte[]> consumer = consumer(reading)) {
            for (String topic : admin.listTopics(
                            new org.apache.kafka.clients.admin.ListTopicsOptions().listInternal(true))
                    .names()
                    .get()) {
                all.put(topic, read(consumer, topic));
            }
        } catch (ExecutionException e) {
            throw new IOException("the topics cannot be listed", e);
        }
        return all;
    }

    private static KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> settings) {
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, String topic) {
        List<TopicPartition> partitions = new ArrayList<>();
        consumer.partitionsFor(topic).forEach(info -> partitions.add(new TopicPartition(topic, info.partition())));
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        while (ends.entrySet().stream().anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        }
        return records;
    }
}

package dev.sotto.participant.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.secagg.Sample;
import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

/// What is read of a round's chunks.
class LogsTest {
    private static final int PARTITIONS = 4;
    private static final int CHUNKS = 10;
    private static final int CHUNK = 262_144;
    private static final Topics TOPICS = new Topics("north");
    private static final Instant OPENED = Instant.ofEpochMilli(1_000);
    private static final List<String> MEMBERS = List.of("clinic", "registry");

    private final Map<TopicPartition, List<ConsumerRecord<byte[], byte[]>>> log = new HashMap<>();
    private final Logs logs = new Logs(new Broker(), TOPICS, (topic, fault) -> {
        throw new AssertionError(topic, fault);
    });

    /// A consumer of [#log].
    private final class Broker extends MockConsumer<byte[], byte[]> {
        Broker() {
            super("none");
        }

        @Override
        public synchronized void assign(Collection<TopicPartition> partitions) {
            super.assign(partitions);
            for (TopicPartition partition : partitions) {
                List<ConsumerRecord<byte[], byte[]>> records = log.getOrDefault(partition, List.of());
                updateBeginningOffsets(Map.of(partition, 0L));
                updateEndOffsets(Map.of(partition, (long) records.size()));
            }
        }

        /// It polls what it was given, wherever it stands: so it gets only what lies ahead.
        @Override
        public synchronized void seek(TopicPartition partition, long offset) {
            super.seek(partition, offset);
            log.getOrDefault(partition, List.of()).stream().skip(offset).forEach(this::addRecord);
        }

        @Override
        public synchronized List<PartitionInfo> partitionsFor(String topic) {
            List<PartitionInfo> partitions = new ArrayList<>();
            for (int i = 0; i < PARTITIONS; i++) {
                partitions.add(new PartitionInfo(topic, i, null, null, null));
            }
            return partitions;
        }

        @Override
        public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(Map<TopicPartition, Long> times) {
            Map<TopicPartition, OffsetAndTimestamp> found = new HashMap<>();
            times.forEach((partition, time) -> log.getOrDefault(partition, List.of()).stream()
                    .filter(record -> record.timestamp() >= time)
                    .findFirst()
                    .ifPresent(record ->
                            found.put(partition, new OffsetAndTimestamp(record.offset(), record.timestamp()))));
            return found;
        }
    }

    private void send(String member, String vector, int index, Instant at) {
        TopicPartition partition = new TopicPartition(TOPICS.updates(member), Sample.partition(index, PARTITIONS));
        List<ConsumerRecord<byte[], byte[]>> records = log.computeIfAbsent(partition, _ -> new ArrayList<>());
        Envelope envelope = new Envelope(
                MessageType.UPDATE_CHUNK,
                "north",
                member,
                Bytes.zeros(Limits.HASH),
                Bytes.zeros(Limits.HASH),
                new UpdateChunk(vector, index, Bytes.zeros(3)).encode(),
                Bytes.zeros(Limits.SIGNATURE));
        byte[] value = envelope.encode().toArray();
        records.add(new ConsumerRecord<>(
                partition.topic(),
                partition.partition(),
                records.size(),
                at.toEpochMilli(),
                TimestampType.LOG_APPEND_TIME,
                0,
                value.length,
                null,
                value,
                new RecordHeaders(),
                Optional.empty()));
    }

    /// A round before, and this one.
    private void sendAll(String member) {
        for (Instant at : List.of(OPENED.minusMillis(500), OPENED.plusMillis(5))) {
            for (int index = 0; index < CHUNKS; index++) {
                send(member, "adapter", index, at);
            }
            send(member, "scalars", 0, at);
        }
    }

    private static RoundOpened opened() {
        return new RoundOpened(
                0,
                1,
                Bytes.zeros(Limits.NONCE),
                List.of("clinic", "ministry", "registry"),
                List.of(),
                3,
                0,
                0,
                3,
                24,
                List.of(
                        new VectorLayout("adapter", true, List.of(new TensorLayout("t", List.of(CHUNKS, CHUNK), 0))),
                        new VectorLayout("scalars", false, List.of(new TensorLayout("s", List.of(8), 0)))),
                1024,
                "classes",
                new Deadlines(60, 60, 3600, 60, 60),
                Bytes.zeros(Limits.HASH),
                0,
                Bytes.zeros(Limits.HASH),
                AnyPlan.with(_ -> {}),
                Bytes.zeros(Limits.HASH),
                Bytes.zeros(Limits.XWING_PUBLIC_KEY),
                Bytes.zeros(Limits.HASH),
                Bytes.zeros(Limits.HASH));
    }

    private static String place(Envelope chunk) {
        try {
            UpdateChunk update = UpdateChunk.parse(chunk.payload());
            return chunk.sender() + " " + update.vector() + " " + update.index();
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private Iterator<Envelope> read(Sample sample) {
        return logs.chunks(MEMBERS, opened(), sample, OPENED, Instant.MAX).iterator();
    }

    private static List<String> next(Iterator<Envelope> chunks, int count) {
        List<String> found = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            found.add(place(chunks.next()));
        }
        return found;
    }

    @Test
    void chunks_all_areThoseOfThisRoundAlone() {
        MEMBERS.forEach(this::sendAll);
        Iterator<Envelope> chunks = read(new Sample.All());
        assertThat(next(chunks, 2 * (CHUNKS + 1))).doesNotHaveDuplicates();
        assertThat(chunks.hasNext()).isFalse();
    }

    /// Of the first partition the scalars alone, though the chunks before them lie there too.
    @Test
    void chunks_ofASample_areItsPartitionsAndTheScalars() {
        MEMBERS.forEach(this::sendAll);
        assertThat(next(read(new Sample.Some(Set.of(1, 5, 9))), 2 * 4))
                .containsExactlyInAnyOrder(
                        "clinic adapter 1",
                        "clinic adapter 5",
                        "clinic adapter 9",
                        "clinic scalars 0",
                        "registry adapter 1",
                        "registry adapter 5",
                        "registry adapter 9",
                        "registry scalars 0");
    }

    /// A member that sends them in another order hides nothing: who reads on gets them.
    @Test
    void chunks_scalarsLieElsewhere_areReadAfterTheRest() {
        sendAll("clinic");
        send("registry", "scalars", 0, OPENED);
        for (int index = 0; index < CHUNKS; index++) {
            send("registry", "adapter", index, OPENED);
        }
        List<String> found = new ArrayList<>();
        read(new Sample.Some(Set.of(1, 5, 9))).forEachRemaining(chunk -> found.add(place(chunk)));
        assertThat(found).contains("registry scalars 0", "registry adapter 9", "clinic scalars 0");
        assertThat(found).doesNotContain("registry adapter 2", "registry adapter 3");
    }
}

package dev.sotto.participant.kafka;

import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/// What an organisation reads from the logs besides `control`. A record that is no envelope is nobody's
/// message; the operator hears of it.
///
/// Used by one thread; one reading at a time.
public final class Logs implements AutoCloseable {
    private final Consumer<byte[], byte[]> reader;
    private final Topics topics;
    private final BiConsumer<String, MalformedMessage> refused;
    private long bytes;

    /// Takes ownership of `reader`.
    ///
    /// @param refused told of a record that is no envelope: its topic, and why
    public Logs(Consumer<byte[], byte[]> reader, Topics topics, BiConsumer<String, MalformedMessage> refused) {
        this.reader = reader;
        this.topics = topics;
        this.refused = refused;
    }

    /// Read so far.
    public long bytes() {
        return bytes;
    }

    /// All of `control`, as records: their time and place matter.
    public List<ConsumerRecord<byte[], byte[]>> control() {
        List<ConsumerRecord<byte[], byte[]>> records = KafkaClients.read(reader, topics.control(), Instant.EPOCH);
        records.forEach(record -> bytes += record.value().length);
        return records;
    }

    /// The registry's entries.
    public List<Envelope> registry() {
        return envelopes(topics.registry(), Instant.EPOCH, Instant.MAX);
    }

    /// What a member said in its inbox.
    public List<Envelope> inbox(String member, Instant since) {
        return inbox(member, since, Instant.MAX);
    }

    /// As above, before `until`.
    public List<Envelope> inbox(String member, Instant since, Instant until) {
        return envelopes(topics.inbox(member), since, until);
    }

    /// What members said of some types, read from all inboxes at once: each member's messages are in its order.
    public List<Envelope> inboxes(Collection<String> members, Set<MessageType> types, Instant since) {
        List<TopicPartition> partitions = members.stream()
                .map(member -> new TopicPartition(topics.inbox(member), 0))
                .toList();
        List<Envelope> found = new ArrayList<>();
        KafkaClients.records(reader, partitions, since)
                .forEachRemaining(record -> decode(record)
                        .filter(envelope -> types.contains(envelope.type()))
                        .ifPresent(found::add));
        return found;
    }

    private List<Envelope> envelopes(String topic, Instant since, Instant until) {
        List<Envelope> found = new ArrayList<>();
        KafkaClients.records(reader, KafkaClients.partitions(reader, topic), since, until)
                .forEachRemaining(record -> decode(record).ifPresent(found::add));
        return found;
    }

    private Optional<Envelope> decode(ConsumerRecord<byte[], byte[]> record) {
        bytes += record.value().length;
        try {
            return Optional.of(Envelope.decode(Bytes.given(record.value())));
        } catch (MalformedMessage e) {
            refused.accept(record.topic(), e);
            return Optional.empty();
        }
    }

    /// The masked chunks of members, read while they are looked at: none is kept, and those of different members
    /// come in any order. Only the partitions that hold a chunk of the sample are read.
    ///
    /// Where nothing is wanted of a partition but `scalars`, only what lies where an honest member sends it is read
    /// first. Offsets are hints: whoever misses a chunk then reads on, and gets all of these partitions.
    ///
    /// @param since no chunk is older
    /// @param until all are older
    public Iterable<Envelope> chunks(
            List<String> members, RoundOpened round, Sample sample, Instant since, Instant until) {
        return () -> {
            Map<TopicPartition, Long> without = new HashMap<>();
            List<TopicPartition> hinted = new ArrayList<>();
            for (String member : members) {
                List<TopicPartition> all = KafkaClients.partitions(reader, topics.updates(member));
                Set<Integer> wanted = sample.partitions(round, all.size());
                for (TopicPartition partition : all) {
                    if (wanted.contains(partition.partition())) {
                        without.put(partition, 0L);
                    } else if (partition.partition() == 0 && sample.holds(Scalars.NAME, 0)) {
                        without.put(partition, Sample.beforeScalars(round, all.size()));
                        hinted.add(partition);
                    }
                }
            }
            Deque<Supplier<Iterator<ConsumerRecord<byte[], byte[]>>>> passes = new ArrayDeque<>();
            passes.add(() -> KafkaClients.records(reader, without, since, until));
            if (!hinted.isEmpty()) {
                passes.add(() -> KafkaClients.records(reader, hinted, since, until));
            }
            return chunks(passes);
        };
    }

    private Iterator<Envelope> chunks(Deque<Supplier<Iterator<ConsumerRecord<byte[], byte[]>>>> passes) {
        return new Iterator<>() {
            private Iterator<ConsumerRecord<byte[], byte[]>> records = Collections.emptyIterator();
            private @Nullable Envelope next;

            @Override
            public boolean hasNext() {
                while (next == null) {
                    if (records.hasNext()) {
                        next = decode(records.next())
                                .filter(envelope -> envelope.type() == MessageType.UPDATE_CHUNK)
                                .orElse(null);
                    } else if (passes.isEmpty()) {
                        return false;
                    } else {
                        records = passes.removeFirst().get();
                    }
                }
                return true;
            }

            @Override
            public Envelope next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                Envelope found = Objects.requireNonNull(next);
                next = null;
                return found;
            }
        };
    }

    /// A version, put together from its chunks.
    ///
    /// @throws MalformedMessage if it is not whole there, or is not what its digest says
    public ModelVersion version(ModelAssembly assembly, long number, Instant since) throws MalformedMessage {
        Iterator<ModelChunk> chunks = models(number, since);
        while (chunks.hasNext()) {
            Optional<ModelVersion> whole = assembly.add(chunks.next());
            if (whole.isPresent()) {
                return whole.get();
            }
        }
        throw new MalformedMessage("version " + number + " is not whole in " + topics.models());
    }

    /// The chunks of a version, read while they are looked at.
    public Iterator<ModelChunk> models(long version, Instant since) {
        Iterator<ConsumerRecord<byte[], byte[]>> records =
                KafkaClients.records(reader, KafkaClients.partitions(reader, topics.models()), since);
        return new Iterator<>() {
            private @Nullable ModelChunk next;

            @Override
            public boolean hasNext() {
                while (next == null && records.hasNext()) {
                    ConsumerRecord<byte[], byte[]> record = records.next();
                    bytes += record.value().length;
                    try {
                        ModelChunk chunk = ModelChunk.parse(Bytes.given(record.value()));
                        next = chunk.version() == version ? chunk : null;
                    } catch (MalformedMessage e) {
                        refused.accept(record.topic(), e);
                    }
                }
                return next != null;
            }

            @Override
            public ModelChunk next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                ModelChunk found = Objects.requireNonNull(next);
                next = null;
                return found;
            }
        };
    }

    @Override
    public void close() {
        reader.close();
    }
}

package dev.sotto.participant.audit;

import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.participant.kafka.Logs;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/// The federation's topics. Of inboxes and updates only the time of an attempt is read, as the broker's clock has it.
public final class KafkaLog implements Log {
    /// How far the clocks of two brokers may be apart.
    private static final Duration SKEW = Duration.ofMinutes(5);
    /// How long after an attempt its members still dispute it: they recompute it first.
    private static final Duration LATE = Duration.ofHours(1);

    private final Logs logs;
    private final Map<Envelope, Instant> times = new HashMap<>();

    /// The caller owns `logs`.
    public KafkaLog(Logs logs) {
        this.logs = logs;
    }

    @Override
    public List<Envelope> registry() {
        return logs.registry();
    }

    @Override
    public List<Envelope> control() {
        List<Envelope> control = new ArrayList<>();
        for (ConsumerRecord<byte[], byte[]> record : logs.control()) {
            try {
                Envelope envelope = Envelope.decode(Bytes.given(record.value()));
                times.putIfAbsent(envelope, Instant.ofEpochMilli(record.timestamp()));
                control.add(envelope);
            } catch (MalformedMessage e) {
                // Nobody's message.
            }
        }
        return control;
    }

    @Override
    public List<Envelope> inbox(String organisation, Attempt attempt) {
        Set<Bytes> transcripts = Set.copyOf(attempt.transcripts());
        return logs.inbox(organisation, begin(attempt), end(attempt).plus(LATE)).stream()
                .filter(envelope -> transcripts.contains(envelope.transcript()))
                .toList();
    }

    @Override
    public List<Envelope> lifts(String organisation, Attempt attempt) {
        return logs.inbox(organisation, begin(attempt)).stream()
                .filter(envelope -> envelope.type() == MessageType.SURVIVORS_LIFTED
                        && envelope.transcript()
                                .equals(attempt.opened().message().adapterDigest()))
                .toList();
    }

    @Override
    public Iterator<Envelope> updates(String organisation, Attempt attempt) {
        Set<Bytes> transcripts = Set.copyOf(attempt.transcripts());
        Stream<Envelope> chunks = StreamSupport.stream(
                logs.chunks(
                                List.of(organisation),
                                attempt.opened().message(),
                                new Sample.All(),
                                begin(attempt),
                                end(attempt))
                        .spliterator(),
                false);
        return chunks.filter(chunk -> transcripts.contains(chunk.transcript())).iterator();
    }

    @Override
    public Iterator<ModelChunk> version(long version, Attempt attempt) {
        return logs.models(version, begin(attempt));
    }

    private Instant begin(Attempt attempt) {
        return time(attempt.said().getFirst()).minus(SKEW);
    }

    private Instant end(Attempt attempt) {
        return time(attempt.said().getLast()).plus(SKEW);
    }

    private Instant time(Attempt.Said said) {
        return Objects.requireNonNull(times.get(said.envelope()), "control is read first");
    }
}

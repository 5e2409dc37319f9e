package dev.sotto.bench.federation;

import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/// When the coordinator said what, by the broker's clock.
///
/// @param attempts in log order
record Timeline(List<Attempt> attempts) {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /// What was said of an attempt.
    record Attempt(long round, long attempt, List<Moment> moments) {
        /// The first message of a type.
        Optional<Instant> at(MessageType type) {
            return moments.stream()
                    .filter(moment -> moment.type() == type)
                    .map(Moment::at)
                    .findFirst();
        }

        /// Seconds from one message to a later one; NaN if one is missing.
        double seconds(MessageType from, MessageType to) {
            return at(from).isPresent() && at(to).isPresent()
                    ? Duration.between(at(from).get(), at(to).get()).toMillis() / 1e3
                    : Double.NaN;
        }

        boolean closed() {
            return at(MessageType.ROUND_CLOSED).isPresent();
        }
    }

    /// A message, in the log since then.
    record Moment(MessageType type, Instant at) {}

    /// Reads all of `control`.
    static Timeline read(KafkaClients kafka, Topics topics) {
        List<Attempt> attempts = new ArrayList<>();
        try (Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            for (ConsumerRecord<byte[], byte[]> record : KafkaClients.read(reader, topics.control(), Instant.EPOCH)) {
                Envelope envelope = Envelope.decode(Bytes.given(record.value()));
                if (envelope.type() == MessageType.ROUND_OPENED) {
                    RoundOpened opened = RoundOpened.parse(envelope.payload());
                    attempts.add(new Attempt(opened.round(), opened.attempt(), new ArrayList<>()));
                }
                if (!attempts.isEmpty()) {
                    attempts.getLast()
                            .moments()
                            .add(new Moment(envelope.type(), Instant.ofEpochMilli(record.timestamp())));
                }
            }
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the coordinator wrote what is no message", e);
        }
        return new Timeline(attempts);
    }
}

package dev.sotto.sandbox;

import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.demo.Watch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/// The broker's operator, who may write everywhere, does so in every phase of every round: into `control`,
/// every inbox and every topic of updates go copies of what is there with one bit flipped, the same again, the
/// last ones in reverse order, and what an earlier round began with.
///
/// Used by one thread.
final class Tampering implements Demo.Interference {
    private static final Set<String> PHASES =
            Set.of("opened", "keys-advertised", "shares-dealt", "masked", "confirmed", "shares-revealed");
    private static final int LAST = 4;

    private final String watched;
    private final SplittableRandom random = new SplittableRandom(5);
    private int written;

    /// Acts when `watched` enters a phase.
    Tampering(String watched) {
        this.watched = watched;
    }

    /// How many records it has written.
    int written() {
        return written;
    }

    @Override
    public void on(Watch.Event event, Federation federation) throws IOException {
        if (event.organisation().equals(watched)
                && event.kind().equals("phase")
                && PHASES.contains(event.json().path("phase").asText())) {
            tamper(Topics.settings(
                    federation.bootstrap(),
                    federation.folder().resolve("broker.pem"),
                    federation.folder().resolve("ca.pem")));
        }
    }

    private void tamper(Map<String, Object> operator) throws IOException {
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(operator, new ByteArraySerializer(), new ByteArraySerializer())) {
            Topics.readAll(operator).forEach((topic, records) -> {
                if (topic.endsWith(".control") || topic.contains(".inbox.") || topic.contains(".updates.")) {
                    for (ConsumerRecord<byte[], byte[]> copy : copies(records)) {
                        var _ = producer.send(
                                new ProducerRecord<>(topic, copy.partition(), copy.key(), flipped(copy.value())));
                        var _ = producer.send(new ProducerRecord<>(topic, copy.partition(), copy.key(), copy.value()));
                        written += 2;
                    }
                }
            });
            producer.flush();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
    }

    private static List<ConsumerRecord<byte[], byte[]>> copies(List<ConsumerRecord<byte[], byte[]>> records) {
        List<ConsumerRecord<byte[], byte[]>> copies = new ArrayList<>();
        if (!records.isEmpty()) {
            copies.addAll(records.subList(Math.max(0, records.size() - LAST), records.size())
                    .reversed());
            copies.add(records.getFirst());
        }
        return copies;
    }

    private byte[] flipped(byte[] value) {
        byte[] flipped = value.clone();
        if (flipped.length > 0) {
            flipped[random.nextInt(flipped.length)] ^= (byte) (1 << random.nextInt(8));
        }
        return flipped;
    }
}

package dev.sotto.coordinator.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class LagTest {
    private static final TopicPartition ACME = new TopicPartition("sotto.north.updates.acme", 1);
    private static final TopicPartition BANK = new TopicPartition("sotto.north.updates.bank", 1);

    private final MockConsumer<byte[], byte[]> reader = new MockConsumer<>("earliest");

    @Test
    void whatLiesInTheLog_andIsNotRead_isCounted_ofAllMembers() {
        reader.assign(List.of(ACME, BANK));
        reader.updateBeginningOffsets(Map.of(ACME, 0L, BANK, 4L));
        reader.updateEndOffsets(Map.of(ACME, 7L, BANK, 9L));
        reader.seek(ACME, 0);
        reader.seek(BANK, 4);
        assertThat(KafkaClients.lag(reader)).isEqualTo(12);

        reader.addRecord(new ConsumerRecord<>(ACME.topic(), ACME.partition(), 0, new byte[0], new byte[0]));
        assertThat(reader.poll(Duration.ZERO).count()).isEqualTo(1);
        assertThat(KafkaClients.lag(reader)).isEqualTo(11);
    }

    @Test
    void readerOfNothing_isNotBehind() {
        assertThat(KafkaClients.lag(reader)).isZero();
    }
}

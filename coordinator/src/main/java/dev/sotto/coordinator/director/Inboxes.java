package dev.sotto.coordinator.director;

import dev.sotto.schemas.Topics;
import io.smallrye.reactive.messaging.annotations.Blocking;
import io.smallrye.reactive.messaging.kafka.KafkaClientService;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.jspecify.annotations.Nullable;

/// The channel `inboxes`: what members say, read with `assign`, from each inbox's beginning, so that a
/// new process sees what the last one saw. An inbox joins when its organisation enrols.
@ApplicationScoped
public class Inboxes {
    /// The channel's name in application.properties.
    public static final String CHANNEL = "inboxes";

    private final KafkaClientService clients;
    private final Set<TopicPartition> followed = new HashSet<>();
    private volatile @Nullable RoundDirector director;

    /// For CDI.
    public Inboxes(KafkaClientService clients) {
        this.clients = clients;
    }

    /// Gives every record to `director` from now on.
    public void giveTo(RoundDirector receiver) {
        director = receiver;
    }

    /// Reads an organisation's inbox from its beginning, if it does not already.
    public synchronized void follow(Topics topics, String organisation) {
        TopicPartition inbox = new TopicPartition(topics.inbox(organisation), 0);
        if (followed.add(inbox)) {
            clients.<byte[], byte[]>getConsumer(CHANNEL)
                    .runOnPollingThread(consumer -> {
                        Set<TopicPartition> assigned = new HashSet<>(consumer.assignment());
                        assigned.add(inbox);
                        consumer.assign(assigned);
                        consumer.seekToBeginning(List.of(inbox));
                    })
                    .await()
                    .indefinitely();
        }
    }

    /// A batch in order; the next one comes when this returns.
    @Incoming(CHANNEL)
    @Blocking
    public void read(ConsumerRecords<byte[], byte[]> records) {
        RoundDirector receiver = director;
        if (receiver != null) {
            records.forEach(receiver::received);
        }
    }
}

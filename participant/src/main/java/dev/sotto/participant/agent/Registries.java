package dev.sotto.participant.agent;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import java.time.Instant;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/// Reads the federation's registry.
public final class Registries {
    private Registries() {}

    /// The registry as it stands, every entry checked.
    ///
    /// @throws Failed if the broker does not answer, or the coordinator is caught at a forgery
    public static Registry read(
            Primitives primitives, Membership membership, KafkaClients kafka, Consumer<byte[], byte[]> reader)
            throws Failed {
        Directory coordinator = new Directory(membership.federation(), membership.coordinatorKey(), Map.of(), Map.of());
        Registry registry = Registry.START;
        try {
            for (ConsumerRecord<byte[], byte[]> record :
                    KafkaClients.read(reader, membership.topics().registry(), Instant.EPOCH)) {
                registry = registry.next(primitives, coordinator, Envelope.decode(Bytes.given(record.value())));
            }
        } catch (KafkaException e) {
            throw kafka.explain(e);
        } catch (MalformedMessage | PeerMisbehaved e) {
            throw new Failed("the registry was forged or damaged; do not go on: " + e.getMessage(), e);
        }
        return registry;
    }
}

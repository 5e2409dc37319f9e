package dev.sotto.bench.federation;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.crypto.secagg.Control;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.MaskedSum;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.Topics;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/// What it takes to read a round's chunks from the broker, check them and add them, as a slot of the coordinator
/// does, beside what it takes to read them and do nothing: on one thread, in turns, from the same log.
final class Ingest {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    /// Both, in MB (10^6 bytes) a second.
    ///
    /// @param bare    of wall time, read and forgotten
    /// @param bareCpu of the thread's processor time
    /// @param added   of wall time, checked and added
    record Figures(double bare, double bareCpu, double added, double addedCpu) {}

    private final Primitives primitives = new BouncyCastlePrimitives();
    private final KafkaClients kafka;
    private final Topics topics;
    private final List<String> organisations;
    private final Directory directory;
    private final Map<String, Manifest> manifests = new HashMap<>();
    private Instant since = Instant.EPOCH;
    private Routed routed;

    /// Of the last attempt in the log.
    Ingest(KafkaClients kafka, Topics topics, List<String> organisations, Directory directory)
            throws PeerMisbehaved, MalformedMessage {
        this.kafka = kafka;
        this.topics = topics;
        this.organisations = List.copyOf(organisations);
        this.directory = directory;
        try (Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            Control control = Control.START;
            for (ConsumerRecord<byte[], byte[]> record : KafkaClients.read(reader, topics.control(), Instant.EPOCH)) {
                Envelope envelope = Envelope.decode(Bytes.given(record.value()));
                if (envelope.type() == MessageType.ROUND_OPENED) {
                    since = Instant.ofEpochMilli(record.timestamp());
                }
                if (envelope.type() != MessageType.MODEL_KEYS) {
                    control = control.next(primitives, directory, envelope);
                }
            }
            List<Envelope> said = new ArrayList<>();
            for (String organisation : organisations) {
                for (ConsumerRecord<byte[], byte[]> record :
                        KafkaClients.read(reader, topics.inbox(organisation), since)) {
                    said.add(Envelope.decode(Bytes.given(record.value())));
                }
            }
            Attempt last = control.attempts().getLast();
            routed = last.routed(
                    primitives,
                    directory,
                    last.roster(primitives, directory),
                    said.stream()
                            .filter(e -> e.type() == MessageType.SHARES_DEALT)
                            .toList());
            for (Envelope envelope : said) {
                if (envelope.type() == MessageType.UPDATE_MANIFEST
                        && envelope.transcript().equals(routed.t2())) {
                    manifests.put(envelope.sender(), Manifest.verify(primitives, directory, routed, envelope));
                }
            }
        }
    }

    /// Each `times` times, the best of them.
    Figures measure(int times) {
        double[] bare = new double[2];
        double[] added = new double[2];
        for (int i = 0; i < times; i++) {
            best(bare, pass(false));
            best(added, pass(true));
        }
        return new Figures(bare[0], bare[1], added[0], added[1]);
    }

    private static void best(double[] most, double[] now) {
        for (int i = 0; i < most.length; i++) {
            most[i] = Math.max(most[i], now[i]);
        }
    }

    private double[] pass(boolean add) {
        MaskedSum sum = new MaskedSum(routed.roster().opened());
        long bytes = 0;
        try (Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (String organisation : organisations) {
                partitions.addAll(KafkaClients.partitions(reader, topics.updates(organisation)));
            }
            long began = System.nanoTime();
            long beganCpu = cpu();
            Iterator<ConsumerRecord<byte[], byte[]>> records = KafkaClients.records(reader, partitions, since);
            while (records.hasNext()) {
                ConsumerRecord<byte[], byte[]> record = records.next();
                bytes += record.value().length;
                if (add) {
                    add(sum, record);
                }
            }
            double mb = bytes / 1e6;
            if (add && !sum.members().stream().allMatch(sum::isComplete)) {
                throw new IllegalStateException("a chunk is missing");
            }
            return new double[] {mb / ((System.nanoTime() - began) / 1e9), mb / ((cpu() - beganCpu) / 1e9)};
        }
    }

    private void add(MaskedSum sum, ConsumerRecord<byte[], byte[]> record) {
        String member = record.topic().substring(topics.updatesPrefix().length());
        try {
            Envelope envelope = Envelope.decode(Bytes.given(record.value()));
            Manifest manifest = manifests.get(member);
            if (manifest != null && envelope.transcript().equals(routed.t2())) {
                sum.add(member, manifest.chunk(primitives, directory, envelope));
            }
        } catch (MalformedMessage | PeerMisbehaved e) {
            throw new IllegalStateException("an honest member's chunk is refused", e);
        }
    }

    private static long cpu() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}

package dev.sotto.bench.federation;

import dev.sotto.participant.kafka.KafkaClients;
import dev.sotto.schemas.Topics;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/// The same round without any security: what secure aggregation is measured against. Each member sends its update as
/// float32 in chunks of the same bytes to its own topic, a thread for each partition adds them and publishes the next
/// version, each member reads it. Same broker, same TLS, same clients with the same settings, transactions included.
///
/// There are no signatures, no phases, no commitments, and everybody trusts everybody.
final class Plain implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(50);
    /// Of a chunk, as many as a secured one has bytes for.
    private static final int CHUNK = 786_432 / Float.BYTES;

    private final KafkaClients kafka;
    private final Topics topics;
    private final Shape shape;
    private final BlockingQueue<Long> arrived = new LinkedBlockingQueue<>();
    private final List<Thread> threads = new ArrayList<>();
    private final BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();

    /// Starts the threads.
    ///
    /// @param topics    of a federation of their own, which are there
    /// @param trainings of the members
    Plain(KafkaClients kafka, Topics topics, Shape shape, List<LightTraining> trainings) {
        this.kafka = kafka;
        this.topics = topics;
        this.shape = shape;
        for (int partition = 0; partition < shape.partitions(); partition++) {
            int own = partition;
            run("plain-slot-" + own, () -> add(own));
        }
        for (int member = 0; member < trainings.size(); member++) {
            int own = member;
            run(member(own), () -> member(own, trainings.get(own)));
        }
    }

    @FunctionalInterface
    private interface Work {
        void run() throws InterruptedException;
    }

    private void run(String name, Work work) {
        threads.add(Thread.ofPlatform().name(name).daemon().start(() -> {
            try {
                work.run();
            } catch (InterruptedException | org.apache.kafka.common.errors.InterruptException e) {
                Thread.currentThread().interrupt();
            } catch (RuntimeException | Error e) {
                failures.add(e);
            }
        }));
    }

    private static String member(int number) {
        return "m%03d".formatted(number + 1);
    }

    /// Waits until every member has the next version.
    ///
    /// @return when the last one had it, as [System#nanoTime]
    long await() throws InterruptedException {
        long last = 0;
        for (int i = 0; i < shape.members(); i++) {
            Long one = arrived.poll(PATIENCE.plus(shape.training()).toSeconds(), java.util.concurrent.TimeUnit.SECONDS);
            if (one == null) {
                throw new IllegalStateException("a plain round does not end: " + failures);
            }
            last = Math.max(last, one);
        }
        return last;
    }

    // ---- a member ----

    private void member(int number, LightTraining training) throws InterruptedException {
        float[] model = new float[shape.coordinates()];
        try (Producer<byte[], byte[]> writer = kafka.writer("plain-" + member(number), PATIENCE);
                Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            writer.initTransactions();
            seek(reader, List.of(topics.models()));
            for (long round = 0; !Thread.interrupted(); round++) {
                Thread.sleep(training.takes());
                float[] delta = training.delta(model.length, round, 0.001);
                publish(writer, topics.updates(member(number)), round, delta, IntStream.range(0, chunks()));
                for (int missing = chunks(); missing > 0; ) {
                    for (ConsumerRecord<byte[], byte[]> record : reader.poll(POLL)) {
                        read(record).get(model, index(record) * CHUNK, size(index(record)));
                        missing--;
                    }
                }
                arrived.add(System.nanoTime());
            }
        }
    }

    // ---- who adds ----

    private void add(int partition) {
        List<String> from = IntStream.range(0, shape.members())
                .mapToObj(m -> topics.updates(member(m)))
                .toList();
        int[] own = IntStream.range(0, chunks())
                .filter(i -> i % shape.partitions() == partition)
                .toArray();
        if (own.length == 0) {
            return;
        }
        float[] model = new float[shape.coordinates()];
        float[] sum = new float[shape.coordinates()];
        try (Producer<byte[], byte[]> writer = kafka.writer("plain-slot-" + partition, PATIENCE);
                Consumer<byte[], byte[]> reader = kafka.reader(PATIENCE)) {
            writer.initTransactions();
            List<TopicPartition> all = from.stream()
                    .map(topic -> new TopicPartition(topic, partition))
                    .toList();
            reader.assign(all);
            reader.seekToBeginning(all);
            for (long round = 0; !Thread.currentThread().isInterrupted(); round++) {
                for (int missing = own.length * shape.members(); missing > 0; ) {
                    for (ConsumerRecord<byte[], byte[]> record : reader.poll(POLL)) {
                        FloatBuffer chunk = read(record);
                        int at = index(record) * CHUNK;
                        for (int i = 0; i < chunk.limit(); i++) {
                            sum[at + i] += chunk.get(i);
                        }
                        missing--;
                    }
                }
                for (int index : own) {
                    for (int i = index * CHUNK; i < index * CHUNK + size(index); i++) {
                        model[i] += sum[i] / shape.members();
                        sum[i] = 0;
                    }
                }
                publish(writer, topics.models(), round, model, IntStream.of(own));
            }
        }
    }

    // ---- chunks ----

    private void publish(Producer<byte[], byte[]> writer, String topic, long round, float[] values, IntStream indices) {
        writer.beginTransaction();
        indices.forEach(index -> {
            byte[] bytes = new byte[size(index) * Float.BYTES];
            ByteBuffer.wrap(bytes)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asFloatBuffer()
                    .put(values, index * CHUNK, size(index));
            byte[] key = (round + "/" + index).getBytes(StandardCharsets.US_ASCII);
            var _ = writer.send(new ProducerRecord<>(topic, index % shape.partitions(), key, bytes));
        });
        writer.commitTransaction();
    }

    private void seek(Consumer<byte[], byte[]> reader, List<String> names) {
        List<TopicPartition> all = new ArrayList<>();
        for (String name : names) {
            all.addAll(KafkaClients.partitions(reader, name));
        }
        reader.assign(all);
        reader.seekToBeginning(all);
    }

    private static FloatBuffer read(ConsumerRecord<byte[], byte[]> record) {
        return ByteBuffer.wrap(record.value()).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer();
    }

    private static int index(ConsumerRecord<byte[], byte[]> record) {
        String key = new String(record.key(), StandardCharsets.US_ASCII);
        return Integer.parseInt(key.substring(key.indexOf('/') + 1));
    }

    private int chunks() {
        return (shape.coordinates() + CHUNK - 1) / CHUNK;
    }

    private int size(int index) {
        return Math.min(CHUNK, shape.coordinates() - index * CHUNK);
    }

    @Override
    public void close() {
        threads.forEach(Thread::interrupt);
        try {
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package dev.sotto.coordinator.slots;

import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.model.ModelPart;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.MaskedSum;
import dev.sotto.crypto.secagg.Parameters;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.crypto.secagg.Survivors;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UpdateChunk;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/// One partition number: it adds the masked chunks that lie there as they arrive, and when the sum may be unmasked,
/// makes its chunks of the next version of it and publishes them, with what the director needs, in one transaction.
///
/// It looks at what its replica knows and does what is missing, on a thread of its own. It keeps one sum of its
/// chunks, its chunks of the present version, and of a member only which chunks are in; what does not survive is
/// read again from the log and taken out.
final class Slot implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Slot.class);
    private static final Duration POLL = Duration.ofMillis(50);

    /// What all slots of a replica have.
    record Setup(
            Settings settings,
            KafkaClients kafka,
            Primitives primitives,
            Secret roundSecret,
            Supplier<View> view,
            java.util.function.Consumer<Throwable> failed) {}

    private final int slot;
    private final Setup setup;
    private final Settings settings;
    private final Topics topics;
    private final Thread thread;
    private volatile boolean closed;
    private volatile long behind;

    // On the thread only; done is the T4 of the last attempt in which there is nothing left to do:
    private Optional<Work> work = Optional.empty();
    private Optional<Bytes> done = Optional.empty();
    private View.@Nullable Version version;
    private SortedMap<Integer, ModelPart> parts = new TreeMap<>();

    /// An attempt, in this slot.
    private static final class Work {
        private final View.Attempt attempt;
        private final MaskedSum sum;
        private final Map<String, Long> bytes = new TreeMap<>();
        private final Map<String, Manifest> manifests = new HashMap<>();
        /// What the director has asked last, and how far must be read before that is answered.
        private Bytes asked = Bytes.EMPTY;
        private Map<TopicPartition, Long> ends = Map.of();
        /// What the director was told last.
        private Optional<SlotRecord.Delivered> told = Optional.empty();
        private Optional<UnmaskedSum> unmasked = Optional.empty();

        Work(View.Attempt attempt, Sample sample) {
            this.attempt = attempt;
            this.sum = new MaskedSum(attempt.routed().roster().opened(), sample);
        }
    }

    Slot(int slot, Setup setup) {
        this.slot = slot;
        this.setup = setup;
        this.settings = setup.settings();
        this.topics = settings.topics();
        this.thread = Thread.ofPlatform().name("slot-" + slot).unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    @Override
    public void close() {
        closed = true;
        try {
            thread.join(TimeUnit.SECONDS.toMillis(2));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// Records of the attempt that lie in the log and are not read yet.
    long behind() {
        return behind;
    }

    private void run() {
        // First: only then does the log of this slot end.
        try (Writer writer = new Writer(setup.kafka().writer(topics.slotTransactionalId(slot)));
                Consumer<byte[], byte[]> reader = setup.kafka().reader()) {
            findDone();
            while (!closed) {
                look(setup.view().get(), reader, writer);
                behind = KafkaClients.lag(reader);
            }
        } catch (MalformedMessage e) {
            fail(new IllegalStateException("a log holds what no coordinator of this version wrote", e));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) {
            fail(e);
        }
    }

    private void fail(Throwable cause) {
        if (!closed) {
            setup.failed().accept(cause);
        }
    }

    /// Whether an earlier owner has finished the last attempt.
    private void findDone() {
        setup.kafka().readToEnd(List.of(new TopicPartition(topics.slots(), slot)), Instant.EPOCH, record -> {
            try {
                switch (SlotRecord.parse(Bytes.given(record.value()))) {
                    case SlotRecord.Summed summed -> done = Optional.of(summed.t4());
                    case SlotRecord.Failed failed -> done = Optional.of(failed.t4());
                    default -> {}
                }
            } catch (MalformedMessage e) {
                throw new IllegalStateException("a log holds what no coordinator of this version wrote", e);
            }
        });
    }

    private void look(View view, Consumer<byte[], byte[]> reader, Writer writer)
            throws InterruptedException, MalformedMessage {
        Optional<View.Attempt> attempt =
                view.attempt().filter(open -> !indices(open).isEmpty());
        if (attempt.isEmpty()) {
            forget(reader);
            Thread.sleep(POLL);
            return;
        }
        View.Attempt open = attempt.get();
        if (open.unmasking().map(Unmasking::t4).equals(done) && done.isPresent()) {
            forget(reader);
            Thread.sleep(POLL);
            return;
        }
        if (work.filter(mine -> mine.attempt.routed().t2().equals(open.routed().t2()))
                .isEmpty()) {
            forget(reader);
            work = Optional.of(new Work(open, new Sample.Slot(slot, settings.partitions())));
        }
        Work mine = work.orElseThrow();
        if (mine.unmasked.isEmpty()) {
            follow(mine, open, reader);
            if (!view.question().equals(mine.asked)) {
                mine.asked = view.question();
                mine.ends = reader.endOffsets(reader.assignment());
            }
            if (reader.assignment().isEmpty()) {
                Thread.sleep(POLL);
            } else {
                reader.poll(POLL).forEach(record -> take(mine, record, MaskedSum::add));
            }
            tell(mine, reader, writer);
        }
        if (open.unmasking().isPresent()) {
            sum(view, open, open.unmasking().get(), mine, reader, writer);
        }
    }

    private void forget(Consumer<byte[], byte[]> reader) {
        if (work.isPresent()) {
            work = Optional.empty();
            reader.assign(List.of());
        }
    }

    // ---- what members send ----

    private void follow(Work mine, View.Attempt open, Consumer<byte[], byte[]> reader) {
        List<TopicPartition> joining = new ArrayList<>();
        open.manifests().forEach((member, manifest) -> {
            if (mine.manifests.putIfAbsent(member, manifest) == null) {
                joining.add(updates(member));
            }
        });
        if (!joining.isEmpty()) {
            List<TopicPartition> all = new ArrayList<>(reader.assignment());
            all.addAll(joining);
            reader.assign(all);
            KafkaClients.seek(reader, joining, open.since());
        }
    }

    private TopicPartition updates(String member) {
        return new TopicPartition(topics.updates(member), slot);
    }

    @FunctionalInterface
    private interface Change {
        void apply(MaskedSum sum, String member, UpdateChunk chunk);
    }

    private void take(Work mine, ConsumerRecord<byte[], byte[]> record, Change change) {
        String member = record.topic().substring(topics.updatesPrefix().length());
        Manifest manifest = mine.manifests.get(member);
        if (manifest == null || record.value() == null) {
            return;
        }
        try {
            Envelope envelope = Envelope.decode(Bytes.given(record.value()));
            if (envelope.type() != MessageType.UPDATE_CHUNK
                    || !envelope.transcript().equals(mine.attempt.routed().t2())) {
                return;
            }
            change.apply(mine.sum, member, manifest.chunk(setup.primitives(), mine.attempt.directory(), envelope));
            mine.bytes.merge(member, (long) record.value().length, Long::sum);
        } catch (MalformedMessage | PeerMisbehaved e) {
            LOG.warnf("%s: a chunk is refused: %s", member, e.getMessage());
        }
    }

    /// Tells what is complete: when that changes, and when the director has asked and all is read that was there
    /// then.
    private void tell(Work mine, Consumer<byte[], byte[]> reader, Writer writer) {
        boolean read = mine.ends.entrySet().stream().allMatch(end -> reader.position(end.getKey()) >= end.getValue());
        Bytes answered = read
                ? mine.asked
                : mine.told.map(SlotRecord.Delivered::question).orElse(Bytes.EMPTY);
        List<SlotRecord.Delivery> deliveries = new ArrayList<>();
        mine.manifests.forEach((member, manifest) -> {
            if (mine.sum.isComplete(member)) {
                deliveries.add(new SlotRecord.Delivery(member, manifest.hash(), mine.bytes.getOrDefault(member, 0L)));
            }
        });
        SlotRecord.Delivered now =
                new SlotRecord.Delivered(slot, answered, mine.attempt.routed().t2(), deliveries);
        boolean changed = mine.told
                .map(before -> !before.question().equals(now.question())
                        || before.deliveries().size() != now.deliveries().size())
                .orElse(!deliveries.isEmpty() || answered.size() > 0);
        if (changed) {
            var _ = writer.write(List.of(entry(now)));
            mine.told = Optional.of(now);
        }
    }

    private Writer.Entry entry(SlotRecord record) {
        return new Writer.Entry(topics.slots(), slot, record.getClass().getSimpleName(), record.encode());
    }

    // ---- the sum ----

    private void sum(
            View view,
            View.Attempt open,
            Unmasking unmasking,
            Work mine,
            Consumer<byte[], byte[]> reader,
            Writer writer)
            throws MalformedMessage, InterruptedException {
        Survivors survivors = unmasking.survivors();
        try {
            if (mine.unmasked.isEmpty()) {
                if (!survivors.ids().stream().allMatch(mine.sum::isComplete)) {
                    return;
                }
                Optional<Unmasker> unmasker = open.machine().unmasker(unmasking, open.revealed());
                if (unmasker.isEmpty()) {
                    return;
                }
                try (Unmasker seeds = unmasker.get()) {
                    for (String member : List.copyOf(mine.sum.members())) {
                        if (!survivors.ids().contains(member)) {
                            takeOut(mine, member, reader);
                        }
                    }
                    mine.unmasked = Optional.of(mine.sum.unmask(
                            survivors, seeds, Runtime.getRuntime().availableProcessors()));
                }
                reader.assign(List.of());
                Optional<Bytes> scalars = mine.unmasked.get().scalars();
                if (scalars.isPresent()) {
                    var _ = writer.write(List.of(entry(new SlotRecord.Scalars(
                            unmasking.t4(), SlotCipher.scalars(setup.roundSecret(), unmasking, scalars.get())))));
                }
            }
            UnmaskedSum unmasked = mine.unmasked.get();
            Optional<Bytes> scalars = unmasked.scalars();
            Optional<SlotRecord.Scalars> told =
                    view.scalars().filter(sum -> sum.t4().equals(unmasking.t4()));
            if (scalars.isEmpty() && told.isPresent()) {
                scalars = Optional.of(SlotCipher.openScalars(
                        setup.roundSecret(), unmasking, told.get().sealed()));
            }
            if (scalars.isEmpty()) {
                Thread.sleep(POLL);
                return;
            }
            publish(open, unmasking, unmasked, UnmaskedSum.totals(survivors, scalars.get()), writer);
        } catch (BoxRefused e) {
            throw new MalformedMessage("the scalars do not decrypt: round-secret.key is another one here");
        } catch (AggregateOutOfRange e) {
            var _ = writer.write(
                    List.of(entry(new SlotRecord.Failed(slot, unmasking.t4(), String.valueOf(e.getMessage())))));
            done = Optional.of(unmasking.t4());
        } catch (PeerMisbehaved e) {
            // With more shares the director finds the same, and ends the attempt.
            done = Optional.of(unmasking.t4());
        }
    }

    private void takeOut(Work mine, String member, Consumer<byte[], byte[]> reader) {
        LOG.infof("slot %d: %s did not survive: its chunks are taken out of the sum", slot, member);
        TopicPartition its = updates(member);
        reader.assign(List.of(its));
        KafkaClients.seek(reader, List.of(its), mine.attempt.since());
        long end = Objects.requireNonNull(reader.endOffsets(List.of(its)).get(its));
        while (mine.sum.members().contains(member) && reader.position(its) < end) {
            reader.poll(POLL).forEach(record -> take(mine, record, MaskedSum::remove));
        }
    }

    private void publish(View.Attempt open, Unmasking unmasking, UnmaskedSum unmasked, Totals totals, Writer writer)
            throws AggregateOutOfRange, MalformedMessage {
        load(open);
        int size = Math.toIntExact(settings.adapter().layout().size());
        int count = ModelPart.count(size, vectors());
        View.Version next = new View.Version(
                open.before().number() + 1, open.routed().roster().opened().context(), unmasking.t4(), open.since());
        SortedMap<Integer, Bytes> hashes = new TreeMap<>();
        // Each chunk takes the place of the one that it is made of; until all have, they are no version's.
        version = null;
        try (Secret key = key(next)) {
            var _ = writer.<AggregateOutOfRange>write(receiver -> {
                for (int index : indices(open)) {
                    ModelPart made = unmasked.next(Objects.requireNonNull(parts.get(index)), index, totals, step(open));
                    parts.put(index, made);
                    made.chunks(size).forEach((at, plain) -> {
                        hashes.put(at, Enc.sha256(plain));
                        receiver.accept(new Writer.Entry(
                                topics.models(),
                                slot,
                                next.number() + "/" + at,
                                ModelCipher.seal(key, settings.federation(), next.number(), at, count, plain)
                                        .encode()));
                    });
                }
                receiver.accept(entry(new SlotRecord.Summed(
                        slot,
                        unmasking.t4(),
                        SlotCipher.part(
                                setup.roundSecret(),
                                unmasking,
                                slot,
                                unmasked.part(hashes).encode()))));
            });
        }
        version = next;
        done = Optional.of(unmasking.t4());
        LOG.infof("slot %d: %d of %d chunks of version %d are published", slot, hashes.size(), count, next.number());
    }

    private UnmaskedSum.ServerStep step(View.Attempt open) {
        return (adapter, decoded, vectors, round) ->
                settings.optimizer().step(adapter, decoded, vectors, round, open.members());
    }

    // ---- the present version ----

    /// Reads this slot's chunks of the version that the attempt starts from, if they are not at hand.
    private void load(View.Attempt open) throws MalformedMessage {
        View.Version before = open.before();
        if (version != null && version.isSame(before)) {
            return;
        }
        int size = Math.toIntExact(settings.adapter().layout().size());
        Map<Integer, Bytes> plain = new HashMap<>();
        List<Integer> wanted = new ArrayList<>();
        for (int index : indices(open)) {
            wanted.addAll(ModelPart.indices(size, vectors(), from(open, index), to(open, index)));
        }
        // Other settings may have put them elsewhere.
        for (Collection<TopicPartition> where : List.of(models(slot, slot + 1), models(0, settings.partitions()))) {
            if (!plain.keySet().containsAll(wanted)) {
                read(before, where, Set.copyOf(wanted), plain);
            }
        }
        SortedMap<Integer, ModelPart> read = new TreeMap<>();
        for (int index : indices(open)) {
            read.put(index, ModelPart.of(size, vectors(), from(open, index), to(open, index), plain));
        }
        version = before;
        parts = read;
    }

    private List<TopicPartition> models(int from, int to) {
        return IntStream.range(from, to)
                .mapToObj(partition -> new TopicPartition(topics.models(), partition))
                .toList();
    }

    private void read(
            View.Version before, Collection<TopicPartition> where, Set<Integer> wanted, Map<Integer, Bytes> plain) {
        try (Secret key = key(before)) {
            setup.kafka().readToEnd(where, before.since(), record -> {
                try {
                    ModelChunk chunk = ModelChunk.parse(Bytes.given(record.value()));
                    if (chunk.version() == before.number() && wanted.contains(chunk.index())) {
                        plain.put(chunk.index(), ModelCipher.open(key, settings.federation(), chunk));
                    }
                } catch (MalformedMessage | BoxRefused e) {
                    // Another attempt's, under another key.
                }
            });
        }
    }

    private Secret key(View.Version of) {
        return of.context().modelKey(setup.roundSecret(), of.t4());
    }

    private int vectors() {
        return 1 + settings.optimizer().stateVectors();
    }

    /// The adapter's chunks that lie here.
    private List<Integer> indices(View.Attempt open) {
        var message = open.routed().roster().opened().message();
        var adapter = message.layout().getFirst();
        int all = Parameters.ring(message, adapter).chunks(adapter.size());
        return IntStream.range(0, all)
                .filter(index -> Sample.partition(index, settings.partitions()) == slot)
                .boxed()
                .toList();
    }

    private static int from(View.Attempt open, int index) {
        var message = open.routed().roster().opened().message();
        return index * Parameters.ring(message, message.layout().getFirst()).chunkCoordinates();
    }

    private static int to(View.Attempt open, int index) {
        var message = open.routed().roster().opened().message();
        var adapter = message.layout().getFirst();
        return from(open, index) + Parameters.ring(message, adapter).chunkSize(adapter.size(), index);
    }
}

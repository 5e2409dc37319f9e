package dev.sotto.coordinator.slots;

import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Director;
import dev.sotto.crypto.secagg.DirectorState;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.Topics;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/// Follows what the director decides, on a thread of its own, whether it is this replica that directs or another: the
/// same fold over `leader`, without proposing anything.
///
/// [#view] may be called from any thread.
final class Follower implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(50);
    /// Messages of one type, each of another transcript, that are kept of a member until it is known which one is of
    /// the attempt. An honest member signs one; what it signed in earlier attempts may be written again.
    private static final int KEPT = 64;

    private final Settings settings;
    private final Topics topics;
    private final KafkaClients kafka;
    private final Primitives primitives;
    private final Identity identity;
    private final Secret roundSecret;
    private final Consumer<Throwable> failed;
    private final Thread thread;
    private volatile View view = View.NOTHING;
    private volatile boolean closed;

    // On the thread only:
    private DirectorState state = DirectorState.START;
    private @Nullable Director machine;
    private @Nullable Directory directory;
    private int members;
    private Instant opened = Instant.EPOCH;
    private View.@Nullable Version made;
    private View.@Nullable Version before;
    private final Map<Bytes, Registry> registries = new HashMap<>();
    private final List<TopicPartition> inboxes = new ArrayList<>();
    private final List<Envelope> dealt = new ArrayList<>();
    private final List<Envelope> claimed = new ArrayList<>();
    private final List<Envelope> revealed = new ArrayList<>();
    private Bytes question = Bytes.EMPTY;
    private Optional<SlotRecord.Scalars> scalars = Optional.empty();

    Follower(
            Settings settings,
            KafkaClients kafka,
            Primitives primitives,
            Identity identity,
            Secret roundSecret,
            Consumer<Throwable> failed) {
        this.settings = settings;
        this.topics = settings.topics();
        this.kafka = kafka;
        this.primitives = primitives;
        this.identity = identity;
        this.roundSecret = roundSecret;
        this.failed = failed;
        this.thread = Thread.ofPlatform().name("follower").unstarted(this::run);
    }

    void start() {
        thread.start();
    }

    /// What it knows now.
    View view() {
        return view;
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

    private void run() {
        try (var log = kafka.reader();
                var heard = kafka.reader()) {
            TopicPartition leader = new TopicPartition(topics.leader(), 0);
            List<TopicPartition> followed = new ArrayList<>(List.of(leader));
            for (int slot = 0; slot < settings.partitions(); slot++) {
                followed.add(new TopicPartition(topics.slots(), slot));
            }
            List<ConsumerRecord<byte[], byte[]>> past = kafka.readToEnd(topics.leader(), 1);
            int open = Decisions.openAttempt(past);
            for (int i = 0; i < past.size(); i++) {
                decided(past.get(i), i < open, heard);
            }
            log.assign(followed);
            log.seekToBeginning(followed);
            if (!past.isEmpty()) {
                log.seek(leader, past.getLast().offset() + 1);
            }
            while (!closed) {
                for (ConsumerRecord<byte[], byte[]> record : log.poll(POLL)) {
                    if (record.value() == null) {
                        continue;
                    }
                    if (record.topic().equals(topics.leader())) {
                        decided(record, false, heard);
                    } else {
                        told(SlotRecord.parse(Bytes.given(record.value())), heard);
                    }
                }
                if (!inboxes.isEmpty()) {
                    heard.poll(POLL).forEach(this::said);
                }
                view = look();
            }
        } catch (MalformedMessage e) {
            fail(new IllegalStateException(
                    "a log holds what no coordinator of this version wrote: " + e.getMessage(), e));
        } catch (RuntimeException | Error e) {
            fail(e);
        }
    }

    private void fail(Throwable cause) {
        if (!closed) {
            failed.accept(cause);
        }
    }

    private void told(SlotRecord record, org.apache.kafka.clients.consumer.Consumer<byte[], byte[]> heard) {
        if (record instanceof SlotRecord.Asked asked) {
            // It is about every manifest that is there by now.
            catchUp(heard);
            question = asked.question();
        } else if (record instanceof SlotRecord.Scalars sum) {
            scalars = Optional.of(sum);
        }
    }

    // ---- what the director decided ----

    private void decided(
            ConsumerRecord<byte[], byte[]> record,
            boolean ended,
            org.apache.kafka.clients.consumer.Consumer<byte[], byte[]> heard)
            throws MalformedMessage {
        Decided decided = Decided.parse(Bytes.given(record.value()));
        if (!decided.transcript().equals(state.chain().head())) {
            // Overtaken: nobody has signed it.
            return;
        }
        Instant at = Instant.ofEpochMilli(record.timestamp());
        Bytes head = state.chain().head();
        if (decided.type() == MessageType.ROUND_OPENED) {
            open(RoundOpened.parse(decided.payload()), at, ended, heard);
        }
        Director now = Objects.requireNonNull(machine, "a decision before any round was opened");
        if (!ended && decided.type() == MessageType.SHARES_ROUTED) {
            catchUp(heard);
            for (Envelope envelope : dealt) {
                state = now.step(state, new Input.Received(envelope), at).state();
            }
            dealt.clear();
        }
        DirectorState.Transition next =
                now.step(state, ended ? new Input.Ended(decided) : new Input.Decision(decided), at);
        for (Output output : next.outputs()) {
            if (output instanceof Output.Refused refused) {
                throw new IllegalStateException(
                        "the leader's log does not fold: " + refused.fault().getMessage());
            }
        }
        state = next.state();
        if (decided.type() == MessageType.ROUND_CLOSED) {
            long number = RoundClosed.parse(decided.payload()).version();
            made = new View.Version(
                    number,
                    new RoundContext(
                            settings.federation(),
                            state.chain().round(),
                            state.chain().attempt()),
                    head,
                    opened);
        }
    }

    private void open(
            RoundOpened message,
            Instant at,
            boolean ended,
            org.apache.kafka.clients.consumer.Consumer<byte[], byte[]> heard)
            throws MalformedMessage {
        Registry registry = registry(message.registryHead());
        directory = registry.directory(settings.federation(), identity.key());
        members = registry.members().size();
        machine = new Director(
                primitives,
                identity,
                directory,
                roundSecret,
                Randomness.secure(),
                settings.grace(registry.members().size()));
        opened = at;
        before = message.adapterVersion() == 0
                ? new View.Version(
                        0, new RoundContext(settings.federation(), 0, 0), message.adapterDigest(), Instant.EPOCH)
                : Objects.requireNonNull(made, "a round starts from a version that no round made");
        dealt.clear();
        claimed.clear();
        revealed.clear();
        inboxes.clear();
        if (!ended) {
            message.cohort().forEach(member -> inboxes.add(new TopicPartition(topics.inbox(member), 0)));
            heard.assign(inboxes);
            KafkaClients.seek(heard, inboxes, at);
        }
    }

    /// As it was at that head.
    private Registry registry(Bytes head) throws MalformedMessage {
        if (!registries.containsKey(head)) {
            Registry registry = Registry.START;
            Directory own = registry.directory(settings.federation(), identity.key());
            registries.put(registry.head(), registry);
            try {
                for (ConsumerRecord<byte[], byte[]> record : kafka.readToEnd(topics.registry(), 1)) {
                    registry = registry.next(primitives, own, Envelope.decode(Bytes.given(record.value())));
                    registries.put(registry.head(), registry);
                }
            } catch (PeerMisbehaved e) {
                throw new IllegalStateException(
                        "the registry is not what this coordinator wrote: " + e.getMessage(), e);
            }
        }
        return Objects.requireNonNull(registries.get(head), "the registry lacks the head of a round");
    }

    // ---- what members said ----

    private void catchUp(org.apache.kafka.clients.consumer.Consumer<byte[], byte[]> heard) {
        if (inboxes.isEmpty()) {
            return;
        }
        Map<TopicPartition, Long> ends = heard.endOffsets(inboxes);
        while (!closed && ends.entrySet().stream().anyMatch(end -> heard.position(end.getKey()) < end.getValue())) {
            heard.poll(POLL).forEach(this::said);
        }
    }

    private void said(ConsumerRecord<byte[], byte[]> record) {
        if (record.value() == null) {
            return;
        }
        try {
            Envelope envelope = Envelope.decode(Bytes.given(record.value()));
            String organisation = record.topic().substring(topics.inboxPrefix().length());
            if (envelope.sender().equals(organisation)) {
                switch (envelope.type()) {
                    case SHARES_DEALT -> keep(dealt, envelope);
                    case UPDATE_MANIFEST -> keep(claimed, envelope);
                    case SHARES_REVEALED -> keep(revealed, envelope);
                    default -> {}
                }
            }
        } catch (MalformedMessage | PeerMisbehaved e) {
            // The director says so.
        }
    }

    /// Only what is signed takes a place, so that nobody else's record keeps a member's out; of a transcript the
    /// first counts.
    private void keep(List<Envelope> kept, Envelope envelope) throws PeerMisbehaved {
        var _ = Objects.requireNonNull(directory).verify(primitives, envelope, envelope.transcript());
        List<Envelope> before = kept.stream()
                .filter(one -> one.sender().equals(envelope.sender()))
                .toList();
        if (before.size() < KEPT
                && before.stream().noneMatch(one -> one.transcript().equals(envelope.transcript()))) {
            kept.add(envelope);
        }
    }

    private View look() {
        Optional<Unmasking> unmasking =
                state.phase() instanceof Phase.Reveal reveal ? Optional.of(reveal.unmasking()) : Optional.empty();
        Optional<Routed> routed = switch (state.phase()) {
            case Phase.Updates updates -> Optional.of(updates.routed());
            case Phase.Confirmation confirmation ->
                Optional.of(confirmation.survivors().routed());
            default -> unmasking.map(confirmed -> confirmed.survivors().routed());
        };
        return new View(question, routed.map(open -> attempt(open, unmasking)), scalars);
    }

    private View.Attempt attempt(Routed routed, Optional<Unmasking> unmasking) {
        Directory known = Objects.requireNonNull(directory);
        Optional<View.Attempt> last =
                view.attempt().filter(seen -> seen.routed().t2().equals(routed.t2()));
        Map<String, Manifest> manifests =
                new TreeMap<>(last.map(View.Attempt::manifests).orElse(Map.of()));
        for (Envelope envelope : claimed) {
            if (!manifests.containsKey(envelope.sender())) {
                try {
                    manifests.put(envelope.sender(), Manifest.verify(primitives, known, routed, envelope));
                } catch (PeerMisbehaved e) {
                    // The director says so.
                }
            }
        }
        claimed.clear();
        Map<String, Envelope> shares = new TreeMap<>();
        unmasking.ifPresent(confirmed -> revealed.stream()
                .filter(envelope -> envelope.transcript().equals(confirmed.t4()))
                .forEach(envelope -> shares.putIfAbsent(envelope.sender(), envelope)));
        return new View.Attempt(
                Objects.requireNonNull(machine),
                known,
                members,
                opened,
                routed,
                manifests,
                unmasking,
                shares.values(),
                Objects.requireNonNull(before));
    }
}

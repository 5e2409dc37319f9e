package dev.sotto.crypto.secagg;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/// A whole federation in memory: both machines, a log, and a clock that only the test moves. Seeded, so
/// every run is the same.
final class Federation {
    static final String NAME = "north";
    static final Primitives PRIMITIVES = new RememberedChecks(new BouncyCastlePrimitives());
    static final int CAP = 1024;
    static final VectorLayout ADAPTER = new VectorLayout(
            "adapter", true, List.of(new TensorLayout("a", List.of(7, 11), -2), new TensorLayout("b", List.of(5), 1)));

    private final Primitives primitives;
    private final SplittableRandom random;
    final Randomness randomness;
    final List<String> ids = new ArrayList<>();
    final Identity coordinator;
    final Directory directory;
    final Secret roundSecret;
    final Director director;
    final Map<String, Node> nodes = new TreeMap<>();
    final List<PeerMisbehaved> refusedByDirector = new ArrayList<>();
    final List<Output.Judged> judgements = new ArrayList<>();
    final List<Output.Disputed> disputes = new ArrayList<>();
    final List<Envelope> control = new ArrayList<>();
    final List<Envelope> inboxes = new ArrayList<>();
    final List<Decided> leader = new ArrayList<>();
    final List<Instant> leaderTimes = new ArrayList<>();
    /// Chunks in the log, by member and T2.
    final Map<String, Map<Bytes, List<Envelope>>> updates = new TreeMap<>();
    /// Whether members read `control` when the test says so ([Node#readNext]) and not at once.
    boolean asynchronous;
    /// Sees each message of the coordinator when it is first published.
    Consumer<Envelope> published = envelope -> {};
    DirectorState state = DirectorState.START;
    private static final Patience.Grace GRACE =
            new Patience.Grace(Duration.ofSeconds(5), Duration.ofSeconds(7), Duration.ofSeconds(6));

    Instant now = Instant.EPOCH;
    /// Changes what one member reads from `control`.
    final Map<String, UnaryOperator<Envelope>> tampered = new HashMap<>();
    /// Members that publish nothing any more.
    final Set<String> dead = new HashSet<>();
    /// Changes what a member publishes.
    final Map<String, UnaryOperator<Envelope>> lying = new HashMap<>();
    /// Sees whatever is drawn.
    Consumer<byte[]> drawn = bytes -> {};
    /// What the broker does to what is on its way to the director.
    Consumer<Deque<Input>> disturb = inputs -> {};
    /// Members that train until [Node#finish].
    final Set<String> slow = new HashSet<>();
    /// What a member encodes instead of an update of its own.
    final Map<String, Update> forced = new HashMap<>();
    /// A member dies right after it published this type.
    final Map<String, MessageType> dies = new HashMap<>();
    Optional<Totals> totals = Optional.empty();
    double[] mean = {};
    /// Who is asked to take part: everybody, unless a test says otherwise.
    List<String> cohort = ids;
    int ringBits = 24;
    Weighting weighting = Weighting.CLASSES;
    int weightCap = CAP;
    /// All but the scalars.
    List<VectorLayout> vectors = List.of(ADAPTER);
    UnmaskedSum.ServerStep step = FEDAVG;
    /// For the chunks of a vector.
    int threads = 1;

    /// One member with its own disk.
    final class Node {
        final String id;
        final Identity identity;
        final Secret deliverySeed;
        final Secret salt;
        final MemoryJournal journal = new MemoryJournal();
        final List<Envelope> spool = new ArrayList<>();
        final List<PeerMisbehaved> refused = new ArrayList<>();
        final List<MemberOutput> outputs = new ArrayList<>();
        Optional<Update> update = Optional.empty();
        /// What it has trained and not yet handed in.
        Optional<MemberInput.Trained> trained = Optional.empty();
        /// Sees each chunk instead of the spool.
        Optional<Consumer<Envelope>> spooled = Optional.empty();
        MemberRules rules = new MemberRules(Set.of(), 3, 3, 0, opened -> Optional.empty());
        Optional<Member> member = Optional.empty();
        MemberState state = new MemberState.Idle(Chain.START);
        /// How far it has read `control`.
        int position;

        Node(String id, Identity identity, Secret deliverySeed, Secret salt) {
            this.id = id;
            this.identity = identity;
            this.deliverySeed = deliverySeed;
            this.salt = salt;
        }

        void start() {
            member = Optional.of(new Member(
                    primitives, identity, deliverySeed, salt, directory, rules, randomness, journal, threads));
        }

        /// Loses memory, keeps the disk, reads the log from its start.
        void restart() {
            state = new MemberState.Idle(Chain.START);
            trained = Optional.empty();
            dead.remove(id);
            start();
            position = 0;
            while (!asynchronous && readNext()) {}
        }

        /// Reads the next message of `control`, if there is one. An attempt that has ended by then is only folded.
        boolean readNext() {
            if (position == control.size() || dead.contains(id)) {
                return false;
            }
            Envelope envelope = control.get(position++);
            boolean ended = control.subList(position, control.size()).stream()
                    .anyMatch(later ->
                            later.type() == MessageType.ROUND_CLOSED || later.type() == MessageType.ROUND_ABORTED);
            if (asynchronous && ended && envelope.type() == MessageType.ROUND_OPENED) {
                step(new MemberInput.Missed(envelope));
            } else {
                read(envelope);
            }
            return true;
        }

        /// Training ends, if it still goes on.
        void finish() {
            Optional<MemberInput.Trained> done = trained;
            trained = Optional.empty();
            if (!dead.contains(id)) {
                done.ifPresent(this::step);
            }
        }

        void read(Envelope envelope) {
            if (!dead.contains(id)) {
                Envelope seen =
                        tampered.getOrDefault(id, UnaryOperator.identity()).apply(envelope);
                step(new MemberInput.Read(seen, inboxes));
            }
        }

        void step(MemberInput input) {
            MemberState.Transition next = member.orElseThrow().step(state, input);
            state = next.state();
            for (MemberOutput output : next.outputs()) {
                if (dead.contains(id)) {
                    return;
                }
                outputs.add(output);
                perform(output);
            }
        }

        private void perform(MemberOutput output) {
            switch (output) {
                case MemberOutput.Publish publish -> {
                    Envelope sent =
                            lying.getOrDefault(id, UnaryOperator.identity()).apply(publish.envelope());
                    inboxes.add(sent);
                    pending.add(new Input.Received(sent));
                    if (dies.get(id) == sent.type()) {
                        dead.add(id);
                    }
                }
                case MemberOutput.Train train -> {
                    Update made = forced.getOrDefault(id, randomUpdate());
                    update = Optional.of(made);
                    spool.clear();
                    trained = Optional.of(new MemberInput.Trained(made, new Spool() {
                        @Override
                        public void write(Envelope chunk) {
                            spooled.orElse(spool::add).accept(chunk);
                        }

                        @Override
                        public void seal() {}
                    }));
                    if (!slow.contains(id)) {
                        finish();
                    }
                }
                case MemberOutput.SendSpool send -> {
                    if (!spool.isEmpty()) {
                        updates.computeIfAbsent(id, any -> new HashMap<>())
                                .put(spool.getFirst().transcript(), List.copyOf(spool));
                    }
                    journal.signed(state.chain().round(), state.chain().attempt(), MessageType.UPDATE_MANIFEST)
                            .ifPresent(manifest -> pending.add(new Input.Delivered(id, Enc.sha256(manifest.encode()))));
                }
                case MemberOutput.DeleteSpool delete -> spool.clear();
                case MemberOutput.Refused fault -> refused.add(fault.fault());
                case MemberOutput.Closed closed -> spool.clear();
                case MemberOutput.Aborted aborted -> spool.clear();
                case MemberOutput.NotLifted notLifted -> {}
            }
        }
    }

    final Deque<Input> pending = new ArrayDeque<>();

    Federation(int members, long seed) {
        this(members, seed, PRIMITIVES);
    }

    Federation(int members, long seed, Primitives primitives) {
        this.primitives = primitives;
        random = new SplittableRandom(seed);
        randomness = target -> {
            random.nextBytes(target);
            drawn.accept(target);
        };
        coordinator = new Identity(primitives, NAME, "coordinator", randomness.secret(32));
        roundSecret = randomness.secret(32);
        Map<String, Bytes> keys = new HashMap<>();
        Map<String, Bytes> deliveryKeys = new HashMap<>();
        List<Node> made = new ArrayList<>();
        for (int i = 0; i < members; i++) {
            String id = "org-" + (char) ('a' + i);
            ids.add(id);
            Secret delivery = randomness.secret(32);
            Node node = new Node(
                    id, new Identity(primitives, NAME, id, randomness.secret(32)), delivery, randomness.secret(32));
            keys.put(id, node.identity.key());
            deliveryKeys.put(id, primitives.kemKey(delivery));
            made.add(node);
        }
        directory = new Directory(NAME, coordinator.key(), keys, deliveryKeys);
        for (Node node : made) {
            node.rules = new MemberRules(
                    Set.copyOf(ids), 3, 3, Parameters.defaultMaxColluders(members), opened -> Optional.empty());
            node.start();
            nodes.put(node.id, node);
        }
        director = new Director(primitives, coordinator, directory, roundSecret, randomness, GRACE);
    }

    Node node(int index) {
        return java.util.Objects.requireNonNull(nodes.get(ids.get(index)));
    }

    Update randomUpdate() {
        Map<String, float[]> all = new HashMap<>();
        for (VectorLayout vector : vectors) {
            float[] values = new float[(int) vector.size()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(-0.3, 0.3);
            }
            all.put(vector.name(), values);
        }
        return new Update(all, 1 + random.nextInt(CAP), random.nextDouble(5), 100, 1000);
    }

    /// The layout of a round.
    private List<VectorLayout> layout() {
        List<VectorLayout> layout = new ArrayList<>(vectors);
        layout.add(Scalars.layout(weighting));
        return layout;
    }

    RoundOpened next(int maxDropouts, Bytes adapterDigest) {
        Chain chain = state.chain();
        long round = chain.closed() ? chain.round() + 1 : chain.round();
        long attempt = chain.closed() ? 1 : chain.attempt() + 1;
        int c = Parameters.defaultMaxColluders(cohort.size());
        Bytes nonce = randomness.bytes(32);
        return new RoundOpened(
                round,
                attempt,
                nonce,
                cohort,
                List.of(),
                Parameters.defaultThreshold(cohort.size(), c),
                maxDropouts,
                c,
                Math.max(3, c + 2),
                ringBits,
                layout(),
                weightCap,
                weighting.wireName(),
                new Deadlines(10, 10, 100, 10, 10),
                Bytes.zeros(32),
                round,
                adapterDigest,
                AnyPlan.with(plan -> {}),
                Bytes.zeros(32),
                director.roundKey(round, attempt, nonce),
                Bytes.zeros(32),
                chain.head());
    }

    void open(RoundOpened message) {
        pending.add(new Input.Open(message));
    }

    /// Runs until nothing moves and no attempt is open, moving the clock to the next deadline when
    /// nothing else happens.
    void run() {
        for (int idle = 0; idle < 400; idle++) {
            while (!pending.isEmpty()) {
                disturb.accept(pending);
                direct(pending.removeFirst());
            }
            boolean judging = state.phase() instanceof DirectorState.Phase.Judging;
            if (!state.chain().open() && !state.deciding() && !judging) {
                return;
            }
            now = now.plusSeconds(1);
            direct(new Input.Tick());
        }
        throw new AssertionError("the attempt hangs in " + state.phase());
    }

    void direct(Input input) {
        DirectorState.Transition next = director.step(state, input, now);
        state = next.state();
        for (Output output : next.outputs()) {
            switch (output) {
                case Output.Decide decide -> {
                    leader.add(decide.decided());
                    leaderTimes.add(now);
                    pending.addFirst(new Input.Decision(decide.decided()));
                }
                case Output.Publish publish -> publish(publish.envelope());
                case Output.Refused fault -> refusedByDirector.add(fault.fault());
                case Output.Judged judged -> judgements.add(judged);
                case Output.Disputed disputed -> disputes.add(disputed);
                case Output.Unmask unmask -> {
                    try (Unmasker unmasker = unmask.unmasker()) {
                        pending.add(sum(unmask.unmasking(), unmasker));
                    } catch (AggregateOutOfRange e) {
                        pending.add(new Input.Abort("AggregateOutOfRange", String.valueOf(e.getMessage()), List.of()));
                    }
                }
            }
        }
    }

    private void publish(Envelope envelope) {
        if (control.contains(envelope)) {
            return;
        }
        control.add(envelope);
        if (envelope.type() == MessageType.ROUND_CLOSED) {
            before = version;
            version = made;
        }
        published.accept(envelope);
        if (!asynchronous) {
            for (Node node : nodes.values()) {
                while (node.readNext()) {}
            }
        }
    }

    /// The director's process dies, and its successor folds the leader's log and reads the inboxes again.
    void restartDirector() {
        state = DirectorState.START;
        pending.clear();
        int open = leader.size();
        for (int i = 0; i < leader.size(); i++) {
            open = switch (leader.get(i).type()) {
                case ROUND_OPENED -> i;
                case ROUND_CLOSED, ROUND_ABORTED -> leader.size();
                default -> open;
            };
        }
        Instant present = now;
        for (int i = 0; i < leader.size(); i++) {
            now = leaderTimes.get(i);
            if (i > open && leader.get(i).type() == MessageType.SHARES_ROUTED) {
                inboxes.stream()
                        .filter(envelope -> envelope.type() == MessageType.SHARES_DEALT)
                        .forEach(envelope -> state = director.step(state, new Input.Received(envelope), now)
                                .state());
            }
            direct(i < open ? new Input.Ended(leader.get(i)) : new Input.Decision(leader.get(i)));
        }
        now = present;
        // What a fold would propose is in the log already.
        pending.clear();
        inboxes.forEach(envelope -> pending.add(new Input.Received(envelope)));
        inboxes.stream()
                .filter(envelope -> envelope.type() == MessageType.UPDATE_MANIFEST
                        && updates.getOrDefault(envelope.sender(), Map.of()).containsKey(envelope.transcript()))
                .forEach(
                        manifest -> pending.add(new Input.Delivered(manifest.sender(), Enc.sha256(manifest.encode()))));
    }

    private static final UnmaskedSum.ServerStep FEDAVG = (adapter, decoded, optimiser, round) -> {
        for (int i = 0; i < adapter.length; i++) {
            adapter[i] = (float) (adapter[i] + decoded.getFirst()[i]);
        }
    };

    /// The version that the open round starts from.
    ModelVersion version = new ModelVersion(
            0, new ModelHeader(Optional.empty(), ADAPTER.size()), new float[(int) ADAPTER.size()], List.of());

    /// Every chunk in the log.
    List<Envelope> chunks() {
        List<Envelope> chunks = new ArrayList<>();
        ids.forEach(id -> chunks.addAll(chunks(id)));
        return chunks;
    }

    /// Those of one member.
    List<Envelope> chunks(String member) {
        List<Envelope> chunks = new ArrayList<>();
        updates.getOrDefault(member, Map.of()).values().forEach(chunks::addAll);
        return chunks;
    }

    private Input.Close sum(Unmasking unmasking, Unmasker unmasker) throws AggregateOutOfRange {
        Survivors survivors = unmasking.survivors();
        MaskedSum sum = new MaskedSum(survivors.routed().roster().opened());
        for (Envelope envelope : chunks()) {
            if (survivors.ids().contains(envelope.sender())
                    && envelope.transcript().equals(survivors.routed().t2())) {
                try {
                    sum.add(envelope.sender(), UpdateChunk.parse(envelope.payload()));
                } catch (MalformedMessage e) {
                    throw new AssertionError(e);
                }
            }
        }
        UnmaskedSum unmasked = sum.unmask(survivors, unmasker, threads);
        totals = Optional.of(unmasked.totals());
        mean = unmasked.decoded(vectors.getFirst());
        made = unmasked.next(version, step);
        return new Input.Close(made.version(), made.digest(NAME), unmasked.digest());
    }

    /// What the last sum gave; it counts when the round is closed.
    private ModelVersion made = version;

    /// The version before [#version].
    ModelVersion before = version;

    /// The plaintext weighted mean of these members' updates, clipped to the ranges.
    double[] plainMean(List<String> survivors) {
        double[] sum = new double[(int) ADAPTER.size()];
        long weight = 0;
        for (String id : survivors) {
            Update update =
                    java.util.Objects.requireNonNull(nodes.get(id)).update.orElseThrow();
            weight += update.weight();
            float[] values = java.util.Objects.requireNonNull(update.vectors().get("adapter"));
            for (int i = 0; i < sum.length; i++) {
                double range = i < 77 ? 0.25 : 2;
                sum[i] += Math.clamp(values[i], -range, range) * update.weight();
            }
        }
        for (int i = 0; i < sum.length; i++) {
            sum[i] /= weight;
        }
        return sum;
    }

    /// A journal that survives [Node#restart].
    static final class MemoryJournal implements Journal {
        private final Map<List<Long>, List<Envelope>> signed = new HashMap<>();
        private final Map<Bytes, List<String>> confirmed = new HashMap<>();
        private final Map<Bytes, SurvivorsLifted> lifted = new HashMap<>();

        @Override
        public List<Envelope> signed(long round, long attempt) {
            return List.copyOf(signed.getOrDefault(List.of(round, attempt), List.of()));
        }

        @Override
        public void recordSigned(long round, long attempt, Envelope envelope) {
            signed.computeIfAbsent(List.of(round, attempt), key -> new ArrayList<>())
                    .add(envelope);
        }

        /// A liar keeps what it published instead of what its machine signed.
        void replace(long round, long attempt, Envelope before, Envelope now) {
            signed.getOrDefault(List.of(round, attempt), new ArrayList<>())
                    .replaceAll(envelope -> envelope.equals(before) ? now : envelope);
        }

        @Override
        public Optional<List<String>> confirmed(Bytes adapterDigest) {
            return Optional.ofNullable(confirmed.get(adapterDigest));
        }

        @Override
        public Optional<SurvivorsLifted> lifted(Bytes adapterDigest) {
            return Optional.ofNullable(lifted.get(adapterDigest));
        }

        @Override
        public void recordLifted(SurvivorsLifted allowed) {
            lifted.put(allowed.adapterDigest(), allowed);
        }

        @Override
        public void recordConfirmed(Bytes adapterDigest, List<String> survivors) {
            confirmed.put(adapterDigest, survivors);
        }
    }
}

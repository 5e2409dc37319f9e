package dev.sotto.bench;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Director;
import dev.sotto.crypto.secagg.DirectorState;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.crypto.secagg.Journal;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.MaskedSum;
import dev.sotto.crypto.secagg.Member;
import dev.sotto.crypto.secagg.MemberInput;
import dev.sotto.crypto.secagg.MemberOutput;
import dev.sotto.crypto.secagg.MemberRules;
import dev.sotto.crypto.secagg.MemberState;
import dev.sotto.crypto.secagg.Parameters;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.crypto.secagg.Spool;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.crypto.secagg.Update;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;

/// One whole round in one process, by number of members, coordinates and dropouts: what each role computes and sends.
/// No training, no disk, no network; dropped members die after they dealt their shares.
final class Scale {
    private static final Bytes ZERO = Bytes.zeros(32);

    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Randomness randomness = Randomness.secure();
    private final int members;
    private final int dropouts;
    private final VectorLayout adapter;
    private final Map<String, Node> nodes = new TreeMap<>();
    private final Deque<Input> pending = new ArrayDeque<>();
    private final List<Envelope> inboxes = new ArrayList<>();
    private final Directory directory;
    private final Director director;
    private DirectorState state = DirectorState.START;
    private Optional<Routed> routed = Optional.empty();
    private long coordinatorNanos;
    private long sumNanos;
    private long unmaskNanos;
    private boolean closed;

    private static final class Node implements Journal, Spool {
        final String id;
        final List<Envelope> signed = new ArrayList<>();
        final List<Envelope> chunks = new ArrayList<>();
        Optional<Member> member = Optional.empty();
        MemberState state = new MemberState.Idle(Chain.START);
        boolean dead;
        long nanos;
        long bytes;

        Node(String id) {
            this.id = id;
        }

        @Override
        public List<Envelope> signed(long round, long attempt) {
            return List.copyOf(signed);
        }

        @Override
        public void recordSigned(long round, long attempt, Envelope envelope) {
            signed.add(envelope);
            bytes += envelope.payload().size();
        }

        @Override
        public Optional<List<String>> confirmed(Bytes adapterDigest) {
            return Optional.empty();
        }

        @Override
        public Optional<SurvivorsLifted> lifted(Bytes adapterDigest) {
            return Optional.empty();
        }

        @Override
        public void recordLifted(SurvivorsLifted lifted) {
            throw new UnsupportedOperationException("nobody lifts here");
        }

        @Override
        public void recordConfirmed(Bytes adapterDigest, List<String> survivors) {}

        @Override
        public void write(Envelope chunk) {
            chunks.add(chunk);
            bytes += chunk.payload().size();
        }

        @Override
        public void seal() {}
    }

    private Scale(int members, int coordinates, int dropouts) {
        this.members = members;
        this.dropouts = dropouts;
        this.adapter =
                new VectorLayout("adapter", true, List.of(new TensorLayout("t", List.of(coordinates / 100, 100), -3)));
        Identity coordinator = new Identity(primitives, "scale", "coordinator", randomness.secret(32));
        Map<String, Bytes> keys = new HashMap<>();
        Map<String, Bytes> deliveryKeys = new HashMap<>();
        Map<String, Identity> identities = new HashMap<>();
        for (int i = 0; i < members; i++) {
            String id = String.format(Locale.ROOT, "org-%03d", i);
            Identity identity = new Identity(primitives, "scale", id, randomness.secret(32));
            identities.put(id, identity);
            keys.put(id, identity.key());
            try (Secret delivery = randomness.secret(32)) {
                deliveryKeys.put(id, primitives.kemKey(delivery));
            }
            nodes.put(id, new Node(id));
        }
        this.directory = new Directory("scale", coordinator.key(), keys, deliveryKeys);
        this.director = new Director(
                primitives, coordinator, directory, randomness.secret(32), randomness, Duration.ofSeconds(5));
        MemberRules rules = new MemberRules(Set.copyOf(nodes.keySet()), 3, 3, colluders(), opened -> Optional.empty());
        for (Node node : nodes.values()) {
            node.member = Optional.of(new Member(
                    primitives,
                    Objects.requireNonNull(identities.get(node.id)),
                    randomness.secret(32),
                    randomness.secret(32),
                    directory,
                    rules,
                    randomness,
                    node,
                    1));
        }
    }

    private int colluders() {
        return Parameters.defaultMaxColluders(members);
    }

    private RoundOpened opened() {
        Bytes nonce = randomness.bytes(32);
        int threshold = Parameters.defaultThreshold(members, colluders());
        int minSurvivors = Math.max(3, colluders() + 2);
        return new RoundOpened(
                0,
                1,
                nonce,
                List.copyOf(nodes.keySet()),
                threshold,
                members - Math.max(threshold, minSurvivors),
                colluders(),
                minSurvivors,
                24,
                List.of(adapter, Scalars.layout(Weighting.CLASSES)),
                1024,
                "classes",
                new Deadlines(10, 10, 100, 10, 10),
                ZERO,
                0,
                ZERO,
                new TrainingPlan(
                        "fedavg", "sft", "alpaca", 8, 16, List.of("q_proj"), 10, 8, 128, 1e-3, 0.0, 1.0, 0.0, 1e-3),
                ZERO,
                director.roundKey(0, 1, nonce),
                ZERO,
                Bytes.zeros(32));
    }

    private void run() throws PeerMisbehaved, AggregateOutOfRange {
        Instant now = Instant.EPOCH;
        pending.add(new Input.Open(opened()));
        for (int idle = 0; idle < 1000 && !closed; idle++) {
            while (!pending.isEmpty()) {
                direct(pending.removeFirst(), now);
            }
            now = now.plusSeconds(1);
            direct(new Input.Tick(), now);
        }
        if (!closed) {
            throw new IllegalStateException("the round did not close");
        }
    }

    private void direct(Input input, Instant now) throws PeerMisbehaved, AggregateOutOfRange {
        long began = System.nanoTime();
        DirectorState.Transition next = director.step(state, input, now);
        coordinatorNanos += System.nanoTime() - began;
        state = next.state();
        if (state.phase() instanceof DirectorState.Phase.Updates updates) {
            routed = Optional.of(updates.routed());
        }
        for (Output output : next.outputs()) {
            switch (output) {
                case Output.Decide decide -> pending.addFirst(new Input.Decision(decide.decided()));
                case Output.Publish publish -> {
                    closed |= publish.envelope().type() == MessageType.ROUND_CLOSED;
                    nodes.values().forEach(node -> step(node, new MemberInput.Read(publish.envelope(), inboxes)));
                }
                case Output.Unmask unmask -> pending.add(sum(unmask.unmasking(), unmask.unmasker()));
                case Output.Refused refused -> throw refused.fault();
                case Output.Judged judged -> throw new IllegalStateException(judged.toString());
                case Output.Disputed disputed -> throw new IllegalStateException(disputed.toString());
            }
        }
    }

    private void step(Node node, MemberInput input) {
        if (node.dead) {
            return;
        }
        long began = System.nanoTime();
        MemberState.Transition next = node.member.orElseThrow().step(node.state, input);
        node.nanos += System.nanoTime() - began;
        node.state = next.state();
        for (MemberOutput output : next.outputs()) {
            switch (output) {
                case MemberOutput.Publish publish -> {
                    inboxes.add(publish.envelope());
                    pending.add(new Input.Received(publish.envelope()));
                    int place = List.copyOf(nodes.keySet()).indexOf(node.id);
                    node.dead = publish.envelope().type() == MessageType.SHARES_DEALT && place < dropouts;
                }
                case MemberOutput.Train _ -> step(node, new MemberInput.Trained(update(), node));
                case MemberOutput.SendSpool _ -> {
                    Envelope manifest =
                            node.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow();
                    pending.add(new Input.Delivered(node.id, Enc.sha256(manifest.encode())));
                }
                case MemberOutput.Refused refused -> throw new IllegalStateException(refused.fault());
                case MemberOutput.DeleteSpool _,
                        MemberOutput.Closed _,
                        MemberOutput.Aborted _,
                        MemberOutput.NotLifted _ -> {}
            }
        }
    }

    private Update update() {
        float[] values = new float[Math.toIntExact(adapter.size())];
        SplittableRandom random = new SplittableRandom(values.length);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-0.1, 0.1);
        }
        return new Update(Map.of("adapter", values), 512, 1, 512, 0);
    }

    private Input.Close sum(Unmasking unmasking, Unmasker unmasker) throws PeerMisbehaved, AggregateOutOfRange {
        long began = System.nanoTime();
        MaskedSum sum = new MaskedSum(unmasking.survivors().routed().roster().opened());
        for (String survivor : unmasking.survivors().ids()) {
            Node node = Objects.requireNonNull(nodes.get(survivor));
            Manifest manifest = Manifest.verify(
                    primitives,
                    directory,
                    routed.orElseThrow(),
                    node.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow());
            for (Envelope chunk : node.chunks) {
                sum.add(survivor, manifest.chunk(primitives, directory, chunk));
            }
            node.chunks.clear();
        }
        sumNanos = System.nanoTime() - began;
        began = System.nanoTime();
        try (unmasker) {
            if (sum.unmask(unmasking.survivors(), unmasker, 1).totals().survivors() != members - dropouts) {
                throw new IllegalStateException("another number of survivors");
            }
        }
        unmaskNanos = System.nanoTime() - began;
        return new Input.Close(1, ZERO, ZERO);
    }

    private String row() {
        List<Node> survivors =
                nodes.values().stream().filter(node -> !node.dead).toList();
        double member =
                survivors.stream().mapToLong(node -> node.nanos).average().orElse(0) / 1e6;
        double bytes =
                survivors.stream().mapToLong(node -> node.bytes).average().orElse(0) / 1e6;
        return String.format(
                Locale.ROOT,
                "| %d | %d | %d | %.1f | %.1f | %.1f | %.1f | %.2f |",
                members,
                adapter.size(),
                dropouts,
                member,
                coordinatorNanos / 1e6,
                sumNanos / 1e6,
                unmaskNanos / 1e6,
                bytes);
    }

    /// Prints a table row by row.
    ///
    /// @param arguments pairs of members and coordinates; none: 3, 10, 30 and 100 members with 10⁴
    static void main(String[] arguments) throws PeerMisbehaved, AggregateOutOfRange {
        List<int[]> sizes = new ArrayList<>();
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            sizes.add(new int[] {Integer.parseInt(arguments[i]), Integer.parseInt(arguments[i + 1])});
        }
        if (sizes.isEmpty()) {
            for (int members : new int[] {3, 10, 30, 100}) {
                sizes.add(new int[] {members, 10_000});
            }
        }
        // Once for the compiler.
        new Scale(10, 100_000, 3).run();
        System.out.println(
                "| members | coordinates | dropped | member ms | director ms | sum ms | unmask ms | member sends MB |");
        System.out.println("|---|---|---|---|---|---|---|---|");
        for (int[] size : sizes) {
            for (int percent : size[0] == 3 ? new int[] {0} : new int[] {0, 10, 30}) {
                Scale scale = new Scale(size[0], size[1], size[0] * percent / 100);
                scale.run();
                System.out.println(scale.row());
            }
        }
    }
}

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
import dev.sotto.crypto.secagg.Patience;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.crypto.secagg.Spool;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.crypto.secagg.Update;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

/// One whole round in one process: both machines, no training, no network; chunks lie in files. Those who drop out
/// die after they dealt their shares. Each machine works on one thread.
///
/// The coordinator and three survivors are measured, alone: of the first and the last in the roster the time, of the
/// one in the middle the memory. For that each reads copies of its own. The others work beside one another.
final class Round {
    private static final Bytes ZERO = Bytes.zeros(32);

    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Randomness randomness = Randomness.secure();
    private final int members;
    private final int dropouts;
    private final int colluders;
    private final int threshold;
    private final VectorLayout adapter;
    private final Map<String, Node> nodes = new TreeMap<>();
    private final Deque<Input> pending = new ArrayDeque<>();
    private final List<Envelope> control = new ArrayList<>();
    private final List<Envelope> dealt = new ArrayList<>();
    private final Update sharedUpdate;
    private final Directory directory;
    private final Director director;
    private final Role coordinator = new Role(true);
    private final Role sum = new Role(false);
    private final Role unmask = new Role(false);
    private DirectorState state = DirectorState.START;
    private Instant now = Instant.EPOCH;
    private Optional<Routed> routed = Optional.empty();
    private long received;
    private boolean closed;

    private final class Node implements Journal, Spool {
        final String id;
        final Role role;
        final Optional<Path> spool;
        final boolean measured;
        final List<Envelope> signed = new ArrayList<>();
        final List<Envelope> published = new ArrayList<>();
        Optional<Member> member = Optional.empty();
        MemberState state = new MemberState.Idle(Chain.START);
        Optional<DataOutputStream> chunks = Optional.empty();
        boolean delivered;
        boolean dead;
        long sent;
        long received;

        Node(String id, Path spool, boolean measured, boolean weighed) {
            this.id = id;
            this.spool = Optional.of(spool);
            this.measured = measured;
            this.role = new Role(weighed);
        }

        /// What a member does with the next message of `control`.
        void read(Envelope envelope) {
            if (!dead) {
                role.turn(() -> {
                    boolean routing = envelope.type() == MessageType.SHARES_ROUTED;
                    List<Envelope> inboxes = routing ? dealt : List.of();
                    received += size(envelope)
                            + inboxes.stream().mapToLong(Round::size).sum();
                    step(
                            measured
                                    ? new MemberInput.Read(
                                            copy(envelope),
                                            inboxes.stream().map(Round::copy).toList())
                                    : new MemberInput.Read(envelope, inboxes));
                });
            }
        }

        private void step(MemberInput input) {
            List<MemberOutput> outputs = new ArrayList<>();
            role.work(() -> {
                MemberState.Transition next = member.orElseThrow().step(state, input);
                state = next.state();
                outputs.addAll(next.outputs());
            });
            for (MemberOutput output : outputs) {
                switch (output) {
                    case MemberOutput.Publish publish -> published.add(publish.envelope());
                    case MemberOutput.Train _ -> train();
                    case MemberOutput.SendSpool _ -> delivered = true;
                    case MemberOutput.Refused refused -> throw new IllegalStateException(refused.fault());
                    case MemberOutput.DeleteSpool _,
                            MemberOutput.Closed _,
                            MemberOutput.Aborted _,
                            MemberOutput.NotLifted _ -> {}
                }
            }
        }

        private void train() {
            try (DataOutputStream file =
                    new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(spool.orElseThrow())))) {
                chunks = Optional.of(file);
                step(new MemberInput.Trained(role.isWeighed() ? update() : sharedUpdate, this));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public List<Envelope> signed(long round, long attempt) {
            return List.copyOf(signed);
        }

        @Override
        public void recordSigned(long round, long attempt, Envelope envelope) {
            signed.add(envelope);
            sent += size(envelope);
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
            role.look();
            byte[] bytes = chunk.encode().toArray();
            sent += bytes.length;
            try {
                chunks.orElseThrow().writeInt(bytes.length);
                chunks.orElseThrow().write(bytes);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void seal() {}
    }

    /// @param folder for the chunks
    @SuppressWarnings("MissingSummary")
    Round(int members, int coordinates, int dropouts, Path folder) {
        this.members = members;
        this.dropouts = dropouts;
        this.colluders = Parameters.defaultMaxColluders(members);
        this.threshold = Parameters.defaultThreshold(members, colluders);
        this.adapter =
                new VectorLayout("adapter", true, List.of(new TensorLayout("t", List.of(coordinates / 100, 100), -3)));
        this.sharedUpdate = update();
        Identity signer = new Identity(primitives, "scale", "coordinator", randomness.secret(32));
        Map<String, Bytes> keys = new HashMap<>();
        Map<String, Bytes> deliveryKeys = new HashMap<>();
        Map<String, Secret> seeds = new TreeMap<>();
        for (int i = 0; i < members; i++) {
            String id = String.format(Locale.ROOT, "org-%03d", i);
            Secret seed = randomness.secret(32);
            seeds.put(id, seed);
            keys.put(id, primitives.identityKey(seed));
            try (Secret delivery = randomness.secret(32)) {
                deliveryKeys.put(id, primitives.kemKey(delivery));
            }
            boolean weighed = i == (members + dropouts) / 2;
            boolean measured = weighed || i == dropouts || i == members - 1;
            nodes.put(id, new Node(id, folder.resolve(id), measured, weighed));
        }
        this.directory = new Directory("scale", signer.key(), keys, deliveryKeys);
        this.director = new Director(
                primitives,
                signer,
                directory,
                randomness.secret(32),
                randomness,
                Patience.Grace.of(Duration.ofSeconds(5)));
        MemberRules rules = new MemberRules(Set.copyOf(nodes.keySet()), 3, 3, colluders, opened -> Optional.empty());
        Primitives shared = new Remembering(primitives);
        for (Node node : nodes.values()) {
            Primitives own = node.measured ? primitives : shared;
            node.member = Optional.of(new Member(
                    own,
                    new Identity(own, "scale", node.id, Objects.requireNonNull(seeds.get(node.id))),
                    randomness.secret(32),
                    randomness.secret(32),
                    directory,
                    rules,
                    randomness,
                    node,
                    1));
        }
    }

    private static long size(Envelope envelope) {
        return envelope.encode().size();
    }

    private static Envelope copy(Envelope envelope) {
        try {
            return Envelope.decode(envelope.encode());
        } catch (MalformedMessage e) {
            throw new IllegalStateException(e);
        }
    }

    private RoundOpened opened() {
        Bytes nonce = randomness.bytes(32);
        int minSurvivors = Math.max(3, colluders + 2);
        return new RoundOpened(
                0,
                1,
                nonce,
                List.copyOf(nodes.keySet()),
                List.of(),
                threshold,
                members - Math.max(threshold, minSurvivors),
                colluders,
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
                        "fedavg",
                        "sft",
                        "alpaca",
                        "lora",
                        8,
                        16,
                        List.of("q_proj"),
                        10,
                        8,
                        128,
                        1e-3,
                        0.0,
                        1.0,
                        0.0,
                        0.0,
                        1e-3),
                ZERO,
                director.roundKey(0, 1, nonce),
                ZERO,
                Bytes.zeros(32));
    }

    private Update update() {
        float[] values = new float[Math.toIntExact(adapter.size())];
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-0.1, 0.1);
        }
        return new Update(Map.of("adapter", values), 512, 1, 512, 0);
    }

    /// Runs it.
    Figures run() {
        pending.add(new Input.Open(opened()));
        for (int idle = 0; !closed; idle++) {
            if (idle == 1000) {
                throw new IllegalStateException("the round did not close");
            }
            List<Envelope> said = new ArrayList<>();
            coordinator.turn(() -> {
                while (!pending.isEmpty()) {
                    direct(pending.removeFirst(), said);
                }
                now = now.plusSeconds(1);
                direct(new Input.Tick(), said);
                while (!pending.isEmpty()) {
                    direct(pending.removeFirst(), said);
                }
            });
            said.forEach(this::tell);
        }
        List<Node> timed = nodes.values().stream()
                .filter(node -> node.measured && !node.role.isWeighed())
                .toList();
        Node weighed = nodes.values().stream()
                .filter(node -> node.role.isWeighed())
                .findFirst()
                .orElseThrow();
        return new Figures(
                members,
                Math.toIntExact(adapter.size()),
                dropouts,
                threshold,
                timed.stream().mapToDouble(node -> node.role.millis()).average().orElseThrow(),
                weighed.sent,
                weighed.received,
                weighed.role.peak(),
                coordinator.millis(),
                sum.millis(),
                unmask.millis(),
                control.stream().mapToLong(Round::size).sum(),
                received,
                coordinator.peak());
    }

    private void direct(Input input, List<Envelope> said) {
        List<Output> outputs = new ArrayList<>();
        // As its own copy, that its memory is its own.
        Input own = input instanceof Input.Received came ? new Input.Received(copy(came.envelope())) : input;
        if (input instanceof Input.Received came) {
            received += size(came.envelope());
        }
        coordinator.work(() -> {
            DirectorState.Transition next = director.step(state, own, now);
            state = next.state();
            outputs.addAll(next.outputs());
        });
        if (state.phase() instanceof DirectorState.Phase.Updates updates) {
            routed = Optional.of(updates.routed());
        }
        for (Output output : outputs) {
            switch (output) {
                case Output.Decide decide -> pending.addFirst(new Input.Decision(decide.decided()));
                case Output.Publish publish -> said.add(publish.envelope());
                case Output.Unmask sealed -> pending.add(sum(sealed.unmasking(), sealed.unmasker()));
                case Output.Refused refused -> throw new IllegalStateException(refused.fault());
                case Output.Judged judged -> throw new IllegalStateException(judged.toString());
                case Output.Disputed disputed -> throw new IllegalStateException(disputed.toString());
            }
        }
    }

    private void tell(Envelope envelope) {
        control.add(envelope);
        closed |= envelope.type() == MessageType.ROUND_CLOSED;
        List<Node> alone = nodes.values().stream().filter(node -> node.measured).toList();
        nodes.values().parallelStream().filter(node -> !node.measured).forEach(node -> node.read(envelope));
        alone.forEach(node -> node.read(envelope));
        int place = 0;
        for (Node node : nodes.values()) {
            for (Envelope published : node.published) {
                pending.add(new Input.Received(published));
                if (published.type() == MessageType.SHARES_DEALT) {
                    dealt.add(published);
                    node.dead = place < dropouts;
                }
            }
            node.published.clear();
            if (node.delivered) {
                node.delivered = false;
                Envelope manifest =
                        node.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow();
                pending.add(new Input.Delivered(node.id, Enc.sha256(manifest.encode())));
            }
            place++;
        }
    }

    /// The coordinator's aggregator.
    private Input.Close sum(Unmasking unmasking, Unmasker unmasker) {
        MaskedSum masked = new MaskedSum(unmasking.survivors().routed().roster().opened());
        sum.work(() -> {
            for (String survivor : unmasking.survivors().ids()) {
                add(masked, Objects.requireNonNull(nodes.get(survivor)));
            }
        });
        unmask.work(() -> {
            try (unmasker) {
                if (masked.unmask(unmasking.survivors(), unmasker, 1).totals().survivors() != members - dropouts) {
                    throw new IllegalStateException("another number of survivors");
                }
            } catch (AggregateOutOfRange e) {
                throw new IllegalStateException(e);
            }
        });
        coordinator.look();
        return new Input.Close(1, ZERO, ZERO);
    }

    private void add(MaskedSum masked, Node node) {
        try (DataInputStream file =
                new DataInputStream(new BufferedInputStream(Files.newInputStream(node.spool.orElseThrow())))) {
            Manifest manifest = Manifest.verify(
                    primitives,
                    directory,
                    routed.orElseThrow(),
                    node.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow());
            for (VectorLayout vector : List.of(adapter, Scalars.layout(Weighting.CLASSES))) {
                int chunks = manifest.hashes().stream()
                        .filter(hashes -> hashes.vector().equals(vector.name()))
                        .mapToInt(hashes -> hashes.chunks().size())
                        .sum();
                for (int i = 0; i < chunks; i++) {
                    Bytes bytes = Bytes.of(file.readNBytes(file.readInt()));
                    received += bytes.size();
                    masked.add(node.id, manifest.chunk(primitives, directory, Envelope.decode(bytes)));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (MalformedMessage | PeerMisbehaved e) {
            throw new IllegalStateException(e);
        }
    }
}

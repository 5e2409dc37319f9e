package dev.sotto.participant.audit;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.crypto.secagg.Chain;
import dev.sotto.crypto.secagg.Director;
import dev.sotto.crypto.secagg.DirectorState;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Identity;
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
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.crypto.secagg.Spool;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.crypto.secagg.Update;
import dev.sotto.participant.agent.FileJournal;
import dev.sotto.participant.model.ServerSide;
import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SealedBox;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/// A federation of the real state machines that writes its topics into lists, which a test then doctors: the
/// log of an audit. Seeded, so every run is the same.
final class RecordedFederation implements Log {
    static final String NAME = "north";
    static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    static final Bytes PUBLIC_SEED = Bytes.zeros(32);
    static final VectorLayout ADAPTER = new VectorLayout(
            "adapter",
            true,
            List.of(
                    new TensorLayout("layer.lora_A.weight", List.of(4, 9), 0),
                    new TensorLayout("layer.lora_B.weight", List.of(9, 4), 0)));
    static final ServerOptimizer OPTIMIZER = ServerOptimizer.FEDAVGM;

    final List<Envelope> registryLog = new ArrayList<>();
    final List<Envelope> control = new ArrayList<>();
    final Map<String, List<Envelope>> inboxes = new TreeMap<>();
    final Map<String, List<Envelope>> updates = new TreeMap<>();
    final List<ModelChunk> models = new ArrayList<>();
    final List<String> ids = List.of("bank", "clinic", "hospital", "ministry");
    final Map<String, Node> nodes = new TreeMap<>();
    final Identity coordinator;
    final Directory directory;
    /// A member says nothing more in a round after this.
    final Map<String, MessageType> dies = new HashMap<>();
    /// Whom the coordinator says that it drew the cohort from.
    List<String> candidates = List.of();
    /// What the coordinator opens instead.
    private final Map<String, Secret> seeds = new TreeMap<>();
    UnaryOperator<RoundOpened> terms = UnaryOperator.identity();
    /// The phase in which the coordinator aborts.
    Class<? extends DirectorState.Phase> abortsIn = DirectorState.Phase.Judging.class;
    DirectorState state = DirectorState.START;
    ModelVersion version;

    private final Path folder;
    private final SplittableRandom random;
    private final Randomness randomness;
    private final Secret roundSecret;
    private final Director director;
    private final Bytes registryHead;
    private final Deque<Input> pending = new ArrayDeque<>();
    private Instant now = Instant.EPOCH;

    /// A member with its keys and its disk.
    final class Node implements Spool {
        final Identity identity;
        final Secret deliverySeed;
        final Member member;
        MemberState state = new MemberState.Idle(Chain.START);
        boolean dead;
        private final List<Envelope> spool = new ArrayList<>();

        Node(String id, Path folder, Identity identity, Secret deliverySeed) throws IOException {
            this.identity = identity;
            this.deliverySeed = deliverySeed;
            this.member = new Member(
                    PRIMITIVES,
                    identity,
                    deliverySeed,
                    randomness.secret(32),
                    directory,
                    new MemberRules(
                            Set.copyOf(ids),
                            3,
                            3,
                            Parameters.defaultMaxColluders(ids.size()),
                            opened -> Optional.empty()),
                    randomness,
                    new FileJournal(folder.resolve(id)),
                    1);
        }

        @Override
        public void write(Envelope chunk) {
            spool.add(chunk);
        }

        @Override
        public void seal() {}
    }

    RecordedFederation(Path folder, long seed) {
        this.folder = folder;
        random = new SplittableRandom(seed);
        randomness = random::nextBytes;
        roundSecret = randomness.secret(32);
        coordinator = identity("coordinator");
        Registry registry = Registry.START;
        Map<String, Identity> identities = new TreeMap<>();
        Map<String, Secret> deliveries = new TreeMap<>();
        try {
            for (String id : ids) {
                Secret identitySeed = randomness.secret(32);
                Secret delivery = randomness.secret(32);
                Bytes deliveryKey = PRIMITIVES.kemKey(delivery);
                RegistryEntry enrolled = new RegistryEntry.Enrolled(
                        id,
                        1,
                        id + "-1",
                        PRIMITIVES.identityKey(identitySeed),
                        deliveryKey,
                        Registry.signDelivery(PRIMITIVES, identitySeed, NAME, id, deliveryKey),
                        "0a");
                Envelope entry = coordinator.sign(enrolled, registry.head());
                registry = registry.next(PRIMITIVES, new Directory(NAME, coordinator.key(), Map.of(), Map.of()), entry);
                registryLog.add(entry);
                seeds.put(id, identitySeed.copy());
                identities.put(id, new Identity(PRIMITIVES, NAME, id, identitySeed));
                deliveries.put(id, delivery);
                inboxes.put(id, new ArrayList<>());
                updates.put(id, new ArrayList<>());
            }
            registryHead = registry.head();
            directory = registry.directory(NAME, coordinator.key());
            for (String id : ids) {
                nodes.put(
                        id,
                        new Node(
                                id,
                                folder,
                                Objects.requireNonNull(identities.get(id)),
                                Objects.requireNonNull(deliveries.get(id))));
            }
        } catch (PeerMisbehaved | IOException e) {
            throw new AssertionError(e);
        }
        director = new Director(
                PRIMITIVES, coordinator, directory, roundSecret, randomness, Patience.Grace.of(Duration.ofSeconds(5)));
        version = ServerSide.first(PUBLIC_SEED, ADAPTER, OPTIMIZER);
        hand(version, version.digest(NAME), new RoundContext(NAME, 0, 0));
    }

    private Identity identity(String name) {
        return new Identity(PRIMITIVES, NAME, name, randomness.secret(32));
    }

    Node node(String id) {
        return Objects.requireNonNull(nodes.get(id));
    }

    Audit.Anchor anchor() {
        Map<String, Bytes> pinned = new TreeMap<>();
        nodes.forEach((id, node) -> pinned.put(id, node.identity.key()));
        return new Audit.Anchor(NAME, coordinator.key(), PUBLIC_SEED, Optional.of(pinned), Optional.empty());
    }

    /// Its word for the end of what was audited.
    Vouched vouches(String id, Audit audit) {
        return Vouched.sign(
                PRIMITIVES, Objects.requireNonNull(seeds.get(id)), NAME, id, audit.registryHead(), audit.controlHead());
    }

    Keys keys(String id) {
        return new MemberKeys(PRIMITIVES, NAME, id, node(id).deliverySeed);
    }

    // ---- the log ----

    @Override
    public List<Envelope> registry() {
        return registryLog;
    }

    @Override
    public List<Envelope> control() {
        return control;
    }

    @Override
    public List<Envelope> inbox(String organisation, Attempt attempt) {
        return inboxOf(organisation).stream()
                .filter(envelope -> attempt.transcripts().contains(envelope.transcript()))
                .toList();
    }

    @Override
    public List<Envelope> lifts(String organisation, Attempt attempt) {
        return inboxOf(organisation).stream()
                .filter(envelope -> envelope.type() == MessageType.SURVIVORS_LIFTED)
                .toList();
    }

    List<Envelope> inboxOf(String organisation) {
        return Objects.requireNonNull(inboxes.get(organisation));
    }

    List<Envelope> chunksOf(String organisation) {
        return Objects.requireNonNull(updates.get(organisation));
    }

    @Override
    public Iterator<Envelope> updates(String organisation, Attempt attempt) {
        return chunksOf(organisation).stream()
                .filter(chunk -> attempt.transcripts().contains(chunk.transcript()))
                .iterator();
    }

    @Override
    public Iterator<ModelChunk> version(long number, Attempt attempt) {
        return models.stream().filter(chunk -> chunk.version() == number).iterator();
    }

    // ---- rounds ----

    /// Runs an attempt to its end.
    void attempt() {
        nodes.values().forEach(node -> {
            node.dead = false;
            node.spool.clear();
        });
        pending.add(new Input.Open(terms.apply(opened())));
        for (int idle = 0; idle < 400; idle++) {
            while (!pending.isEmpty()) {
                direct(pending.removeFirst());
                if (abortsIn.isInstance(state.phase())) {
                    abortsIn = DirectorState.Phase.Judging.class;
                    pending.addFirst(new Input.Abort("Operator", "as the test wants", List.of()));
                }
            }
            if (!state.chain().open()) {
                return;
            }
            now = now.plusSeconds(10);
            pending.add(new Input.Tick());
        }
        throw new AssertionError("the attempt hangs in " + state.phase());
    }

    RoundOpened opened() {
        Chain chain = state.chain();
        long round = chain.closed() ? chain.round() + 1 : chain.round();
        long attempt = chain.closed() ? 1 : chain.attempt() + 1;
        Bytes nonce = randomness.bytes(32);
        return new RoundOpened(
                round,
                attempt,
                nonce,
                ids,
                candidates,
                3,
                1,
                1,
                3,
                24,
                NextLayout.of(
                        new VectorLayout("adapter", OPTIMIZER.weighted(), ADAPTER.tensors()),
                        OPTIMIZER.hasControl(),
                        version.header(),
                        10,
                        1e-3,
                        Weighting.CLASSES,
                        0),
                1024,
                Weighting.CLASSES.wireName(),
                new Deadlines(60, 60, 600, 60, 60),
                Bytes.zeros(32),
                version.version(),
                version.digest(NAME),
                AnyPlan.with(plan -> {
                    plan.algorithm = OPTIMIZER.wireName();
                    plan.rank = 4;
                    plan.alpha = 8;
                }),
                Bytes.zeros(32),
                director.roundKey(round, attempt, nonce),
                registryHead,
                chain.head());
    }

    private void direct(Input input) {
        DirectorState.Transition next = director.step(state, input, now);
        state = next.state();
        for (Output output : next.outputs()) {
            switch (output) {
                case Output.Decide decide -> pending.addFirst(new Input.Decision(decide.decided()));
                case Output.Publish publish -> publish(publish.envelope());
                case Output.Refused refused -> throw new AssertionError(refused.fault());
                case Output.Judged judged -> throw new AssertionError(judged.toString());
                case Output.Disputed disputed -> throw new AssertionError(disputed.toString());
                case Output.Unmask unmask -> {
                    try (Unmasker unmasker = unmask.unmasker()) {
                        pending.add(close(unmask.unmasking(), unmasker));
                    } catch (AggregateOutOfRange | PeerMisbehaved e) {
                        throw new AssertionError(e);
                    }
                }
            }
        }
    }

    private void publish(Envelope envelope) {
        control.add(envelope);
        List<Envelope> said = inboxes.values().stream().flatMap(List::stream).toList();
        nodes.forEach((id, node) -> step(id, node, new MemberInput.Read(envelope, said)));
    }

    private void step(String id, Node node, MemberInput input) {
        MemberState.Transition next = node.member.step(node.state, input);
        node.state = next.state();
        for (MemberOutput output : next.outputs()) {
            if (node.dead) {
                return;
            }
            switch (output) {
                case MemberOutput.Publish publish -> {
                    inboxOf(id).add(publish.envelope());
                    pending.add(new Input.Received(publish.envelope()));
                    node.dead = dies.get(id) == publish.envelope().type();
                }
                case MemberOutput.Train train -> step(id, node, new MemberInput.Trained(update(), node));
                case MemberOutput.SendSpool _ -> {
                    chunksOf(id).addAll(node.spool);
                    Envelope manifest = inboxOf(id).getLast();
                    pending.add(new Input.Delivered(id, Enc.sha256(manifest.encode())));
                }
                case MemberOutput.Refused refused -> throw new AssertionError(refused.fault());
                case MemberOutput.NotLifted notLifted -> throw new AssertionError(notLifted.why());
                case MemberOutput.DeleteSpool _ -> node.spool.clear();
                case MemberOutput.Closed closed -> closed.roundSeed().ifPresent(Secret::close);
                case MemberOutput.Aborted _ -> {}
            }
        }
    }

    private Update update() {
        float[] values = new float[(int) ADAPTER.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextDouble(-0.02, 0.02);
        }
        return new Update(Map.of("adapter", values), 1 + random.nextInt(1024), random.nextDouble(5), 100, 0);
    }

    private Input.Close close(Unmasking unmasking, Unmasker unmasker) throws AggregateOutOfRange, PeerMisbehaved {
        var survivors = unmasking.survivors();
        MaskedSum sum = new MaskedSum(survivors.routed().roster().opened());
        for (String id : survivors.ids()) {
            Envelope signed = inboxOf(id).stream()
                    .filter(envelope -> envelope.type() == MessageType.UPDATE_MANIFEST
                            && envelope.transcript().equals(survivors.routed().t2()))
                    .findFirst()
                    .orElseThrow();
            Manifest manifest = Manifest.verify(PRIMITIVES, directory, survivors.routed(), signed);
            for (Envelope chunk : chunksOf(id)) {
                if (chunk.transcript().equals(survivors.routed().t2())) {
                    sum.add(id, manifest.chunk(PRIMITIVES, directory, chunk));
                }
            }
        }
        UnmaskedSum unmasked = sum.unmask(survivors, unmasker, 1);
        version = unmasked.next(version, ServerSide.step(OPTIMIZER, ids.size()));
        hand(version, unmasking.t4(), survivors.routed().roster().opened().context());
        return new Input.Close(version.version(), version.digest(NAME), unmasked.digest());
    }

    /// Puts a version into `models`, and its key into `control`.
    void hand(ModelVersion made, Bytes t4, RoundContext context) {
        List<Bytes> chunks = made.chunks();
        try (Secret key = context.modelKey(roundSecret, t4)) {
            for (int i = 0; i < chunks.size(); i++) {
                models.add(ModelCipher.seal(key, NAME, made.version(), i, chunks.size(), chunks.get(i)));
            }
            List<SealedBox> boxes = new ArrayList<>();
            for (String id : ids) {
                Bytes info = RoundContext.modelInfo(NAME, made.digest(NAME), made.version(), id);
                Bytes box = PRIMITIVES.seal(
                        Objects.requireNonNull(directory.deliveryKeys().get(id)), info, key, randomness);
                boxes.add(new SealedBox(id, box));
            }
            control.add(
                    coordinator.sign(new ModelKeys(made.version(), made.digest(NAME), t4, boxes), made.digest(NAME)));
        } catch (InvalidKey e) {
            throw new AssertionError(e);
        }
    }

    /// Coordinator and members forget which survivors they sealed and confirmed: a disk that was set back.
    void forgetSets() throws IOException {
        state = new DirectorState(
                state.phase(),
                state.chain(),
                state.deciding(),
                state.silent(),
                Map.of(),
                Map.of(),
                state.eligible(),
                state.leftOut());
        for (String id : ids) {
            Files.deleteIfExists(folder.resolve(id).resolve("confirmed.log"));
        }
    }

    // ---- what a coordinator that lies says ----

    /// The end of the last round, as the coordinator tells it instead.
    void closeOtherwise(UnaryOperator<RoundClosed> lie) {
        Envelope told = control.removeLast();
        try {
            control.add(coordinator.sign(lie.apply(RoundClosed.parse(told.payload())), told.transcript()));
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    /// What the member's operator lifts.
    void lift(String id, SurvivorsLifted lifted) {
        inboxOf(id).add(node(id).identity.sign(lifted, lifted.adapterDigest()));
    }
}

package dev.sotto.participant.simulate;

import dev.sotto.algorithms.ServerRule;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
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
import dev.sotto.crypto.secagg.Recomputation;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.crypto.secagg.Spool;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.crypto.secagg.Update;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// A federation in one process: the real state machines, real masks, real sums, and recomputation by
/// every member; no network, no processes, no clock. It shows a recipe's mathematics. It protects nobody:
/// one process holds everybody's secrets.
///
/// Not thread-safe.
final class MaskedFederation {
    /// Of integer weights.
    static final int WEIGHT_CAP = 1024;

    /// Trains one organisation for one round.
    @FunctionalInterface
    interface LocalTraining {
        /// What it learned.
        ///
        /// @param vectors  the differences to what it was given, as [LocalUpdate] has them
        /// @param meanLoss over its steps
        /// @param examples it holds
        record Learned(Map<String, float[]> vectors, double meanLoss, long examples) {}

        /// Trains `organisation` from `version` in `round`.
        Learned train(String organisation, ModelVersion version, long round);
    }

    /// One closed round.
    ///
    /// @param version    that it made
    /// @param meanLoss   weighted, from the masked scalars
    /// @param maxError   the largest |secure mean − plaintext mean|
    /// @param errorBound what protocol §4 allows for it
    /// @param bytesUp    masked bytes of all members
    record Round(ModelVersion version, double meanLoss, double maxError, double errorBound, long bytesUp) {}

    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Randomness randomness;
    private final String federation = "simulation";
    private final ServerRule rule;
    private final long firstRound;
    private final int members;
    private final int ringBits;
    private final VectorLayout adapter;
    private final TrainingPlan plan;
    private final Directory directory;
    private final Director director;
    private final Map<String, Node> nodes = new TreeMap<>();
    private final Deque<Input> pending = new ArrayDeque<>();
    private final List<Envelope> inboxes = new ArrayList<>();
    private DirectorState state = DirectorState.START;
    private ModelVersion version;
    private ModelVersion before;
    private double errorBound;
    private double[] lastMean = {};
    private VectorLayout lastLayout;

    private static final class Node implements Spool {
        final String id;
        final MemoryJournal journal = new MemoryJournal();
        final List<Envelope> spool = new ArrayList<>();
        Optional<Member> member = Optional.empty();
        MemberState state = new MemberState.Idle(Chain.START);
        LocalTraining.Learned learned = new LocalTraining.Learned(Map.of(), 0, 1);
        int weight = 1;

        Node(String id) {
            this.id = id;
        }

        float[] delta() {
            return Objects.requireNonNull(learned.vectors().get(LocalUpdate.ADAPTER));
        }

        @Override
        public void write(Envelope chunk) {
            spool.add(chunk);
        }

        @Override
        public void seal() {}
    }

    /// A federation that goes on from `start`.
    ///
    /// @param cohort     at least 3, in ascending order
    /// @param adapter    the layout of the vector; its ranges are set round by round
    /// @param firstRound the number that the server's rule has for the next round
    /// @param members    N of SCAFFOLD: the cohort and those that sit out
    /// @param ringBits   k
    MaskedFederation(
            List<String> cohort,
            ServerRule rule,
            VectorLayout adapter,
            ModelVersion start,
            long firstRound,
            int members,
            TrainingPlan plan,
            int ringBits,
            Randomness randomness) {
        this.randomness = randomness;
        this.rule = rule;
        this.firstRound = firstRound;
        this.members = members;
        this.ringBits = ringBits;
        this.adapter = new VectorLayout(adapter.name(), rule.weighted(), adapter.tensors());
        this.plan = plan;
        this.lastLayout = this.adapter;
        this.version = start;
        this.before = version;
        Identity coordinator = identity("coordinator");
        Map<String, Identity> identities = new TreeMap<>();
        Map<String, Secret> deliveries = new TreeMap<>();
        Map<String, Bytes> keys = new TreeMap<>();
        Map<String, Bytes> deliveryKeys = new TreeMap<>();
        for (String id : cohort) {
            Identity identity = identity(id);
            Secret delivery = randomness.secret(32);
            identities.put(id, identity);
            deliveries.put(id, delivery);
            keys.put(id, identity.key());
            deliveryKeys.put(id, primitives.kemKey(delivery));
        }
        this.directory = new Directory(federation, coordinator.key(), keys, deliveryKeys);
        this.director = new Director(
                primitives,
                coordinator,
                directory,
                randomness.secret(32),
                randomness,
                Patience.Grace.of(Duration.ofSeconds(5)));
        MemberRules rules = new MemberRules(
                Set.copyOf(cohort), 3, 3, Parameters.defaultMaxColluders(cohort.size()), opened -> Optional.empty());
        for (String id : cohort) {
            Node node = new Node(id);
            node.member = Optional.of(new Member(
                    primitives,
                    Objects.requireNonNull(identities.get(id)),
                    Objects.requireNonNull(deliveries.get(id)),
                    randomness.secret(32),
                    directory,
                    rules,
                    randomness,
                    node.journal,
                    1));
            nodes.put(id, node);
        }
    }

    private Identity identity(String name) {
        return new Identity(primitives, federation, name, randomness.secret(32));
    }

    /// The present version.
    ModelVersion version() {
        return version;
    }

    /// Runs one round to its end.
    ///
    /// @throws IllegalStateException if it does not close, or a member's recomputation differs
    Round round(LocalTraining training) {
        nodes.values().forEach(node -> node.spool.clear());
        inboxes.clear();
        pending.add(new Input.Open(opened()));
        while (!pending.isEmpty()) {
            direct(pending.removeFirst(), training);
        }
        if (state.chain().open()) {
            throw new IllegalStateException("the round stopped in " + state.phase());
        }
        long bytes = nodes.values().stream()
                .flatMap(node -> node.spool.stream())
                .mapToLong(chunk -> chunk.payload().size())
                .sum();
        ModelHeader.Made made = version.header().made().orElseThrow();
        return new Round(version, made.totals().meanLoss(), maxError(), errorBound, bytes);
    }

    private RoundOpened opened() {
        Chain chain = state.chain();
        int n = nodes.size();
        int c = Parameters.defaultMaxColluders(n);
        int minSurvivors = Math.max(3, c + 2);
        int threshold = Parameters.defaultThreshold(n, c);
        Bytes nonce = randomness.bytes(32);
        return new RoundOpened(
                chain.round() + 1,
                1,
                nonce,
                List.copyOf(nodes.keySet()),
                List.of(),
                threshold,
                n - Math.max(threshold, minSurvivors),
                c,
                minSurvivors,
                ringBits,
                NextLayout.of(
                        adapter,
                        rule.optimizer().hasControl(),
                        version.header(),
                        plan.steps(),
                        plan.learningRate(),
                        Weighting.CLASSES,
                        0),
                WEIGHT_CAP,
                Weighting.CLASSES.wireName(),
                new Deadlines(60, 60, 3600, 60, 60),
                Bytes.zeros(32),
                version.version(),
                version.digest(federation),
                plan,
                Bytes.zeros(32),
                director.roundKey(chain.round() + 1, 1, nonce),
                Bytes.zeros(32),
                chain.head());
    }

    private void direct(Input input, LocalTraining training) {
        DirectorState.Transition next = director.step(state, input, Instant.EPOCH);
        state = next.state();
        for (Output output : next.outputs()) {
            switch (output) {
                case Output.Decide decide -> pending.addFirst(new Input.Decision(decide.decided()));
                case Output.Publish publish ->
                    nodes.values()
                            .forEach(node -> step(node, new MemberInput.Read(publish.envelope(), inboxes), training));
                case Output.Refused refused -> throw new IllegalStateException(refused.fault());
                case Output.Judged judged -> throw new IllegalStateException(judged.toString());
                case Output.Disputed disputed -> throw new IllegalStateException(disputed.toString());
                case Output.Unmask unmask -> {
                    try (Unmasker unmasker = unmask.unmasker()) {
                        pending.add(close(unmask.unmasking(), unmasker));
                    } catch (AggregateOutOfRange | PeerMisbehaved e) {
                        throw new IllegalStateException(e);
                    }
                }
            }
        }
    }

    private void step(Node node, MemberInput input, LocalTraining training) {
        MemberState.Transition next = node.member.orElseThrow().step(node.state, input);
        node.state = next.state();
        for (MemberOutput output : next.outputs()) {
            switch (output) {
                case MemberOutput.Publish publish -> {
                    inboxes.add(publish.envelope());
                    pending.add(new Input.Received(publish.envelope()));
                }
                case MemberOutput.Train train -> {
                    node.learned =
                            training.train(node.id, version, node.state.chain().round());
                    node.weight = Weighting.CLASSES.weight(node.learned.examples(), WEIGHT_CAP);
                    Update update = new Update(
                            node.learned.vectors(), node.weight, node.learned.meanLoss(), node.learned.examples(), 0);
                    step(node, new MemberInput.Trained(update, node), training);
                }
                case MemberOutput.SendSpool send ->
                    node.journal
                            .signed(
                                    node.state.chain().round(),
                                    node.state.chain().attempt(),
                                    MessageType.UPDATE_MANIFEST)
                            .ifPresent(manifest ->
                                    pending.add(new Input.Delivered(node.id, Enc.sha256(manifest.encode()))));
                case MemberOutput.Closed closed -> recompute(closed);
                case MemberOutput.NotLifted notLifted -> throw new IllegalStateException(notLifted.why());
                case MemberOutput.DeleteSpool delete -> node.spool.clear();
                case MemberOutput.Refused refused -> throw new IllegalStateException(refused.fault());
                case MemberOutput.Aborted aborted ->
                    throw new IllegalStateException(aborted.reason() + ": " + aborted.detail());
            }
        }
    }

    private List<Envelope> chunks() {
        return nodes.values().stream().flatMap(node -> node.spool.stream()).toList();
    }

    private Input.Close close(Unmasking unmasking, Unmasker unmasker) throws AggregateOutOfRange, PeerMisbehaved {
        var survivors = unmasking.survivors();
        MaskedSum sum = new MaskedSum(survivors.routed().roster().opened());
        for (Node node : nodes.values()) {
            Envelope signed = node.journal
                    .signed(state.chain().round(), state.chain().attempt(), MessageType.UPDATE_MANIFEST)
                    .orElseThrow();
            Manifest manifest = Manifest.verify(primitives, directory, survivors.routed(), signed);
            for (Envelope chunk : node.spool) {
                sum.add(node.id, manifest.chunk(primitives, directory, chunk));
            }
        }
        UnmaskedSum unmasked = sum.unmask(survivors, unmasker, 1);
        errorBound = errorBound(survivors.routed().roster().opened().message(), unmasked);
        before = version;
        version = unmasked.next(before, serverStep());
        return new Input.Close(version.version(), version.digest(federation), unmasked.digest());
    }

    private double errorBound(RoundOpened opened, UnmaskedSum unmasked) throws AggregateOutOfRange {
        VectorLayout vector = opened.layout().getFirst();
        var codec = new FixedPoint(Ring.of(ringBits), vector, nodes.size(), WEIGHT_CAP);
        double worst = 0;
        for (int tensor = 0; tensor < vector.tensors().size(); tensor++) {
            worst = Math.max(worst, codec.errorBound(tensor, unmasked.totals()));
        }
        lastMean = unmasked.decoded(vector);
        lastLayout = vector;
        return worst;
    }

    /// The secure mean against the mean of the clipped updates with the same integer weights.
    private double maxError() {
        double[] plain = new double[lastMean.length];
        double total = 0;
        for (Node node : nodes.values()) {
            double weight = adapter.weighted() ? node.weight : 1;
            total += weight;
            int at = 0;
            for (var tensor : lastLayout.tensors()) {
                for (long i = 0; i < tensor.size(); i++, at++) {
                    plain[at] += weight * Math.clamp(node.delta()[at], -tensor.range(), tensor.range());
                }
            }
        }
        double worst = 0;
        for (int i = 0; i < plain.length; i++) {
            worst = Math.max(worst, Math.abs(lastMean[i] - plain[i] / total));
        }
        return worst;
    }

    private UnmaskedSum.ServerStep serverStep() {
        return (weights, decoded, vectors, round) -> rule.step(weights, decoded, vectors, firstRound + round, members);
    }

    private void recompute(MemberOutput.Closed closed) {
        try (Secret seed = closed.roundSeed().orElseThrow()) {
            Recomputation.check(
                    primitives,
                    directory,
                    closed.unmasking().orElseThrow(),
                    seed,
                    inboxes,
                    chunks(),
                    new Sample.All(),
                    before,
                    version,
                    serverStep(),
                    closed.message());
        } catch (PeerMisbehaved e) {
            throw new IllegalStateException(e);
        }
    }
}

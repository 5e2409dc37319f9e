package dev.sotto.crypto.examples;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
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
import dev.sotto.crypto.secagg.Spool;
import dev.sotto.crypto.secagg.UnmaskedSum;
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
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/// A round of the real machines in one process: lists in place of Kafka, no disk, a clock that is moved. The last
/// member
/// dies in training.
final class WholeRound {
    private static final List<String> COHORT = List.of("acme", "bank", "court", "dairy");
    private static final int WEIGHT_CAP = 1024;
    private static final VectorLayout ADAPTER =
            new VectorLayout("adapter", true, List.of(new TensorLayout("w", List.of(4), 0)));
    private static final TrainingPlan PLAN = new TrainingPlan(
            "fedavg", "sft", "alpaca", "lora", 8, 16, List.of("q_proj"), 10, 8, 128, 0.1, 0, 1, 0, 0, 0.1);

    private final Primitives primitives = new BouncyCastlePrimitives();
    private final Randomness randomness = Randomness.secure();
    private final Map<String, Party> parties = new TreeMap<>();
    private final Directory directory;
    private final Director director;
    private final Deque<Input> pending = new ArrayDeque<>();
    private final List<Envelope> inboxes = new ArrayList<>();
    private DirectorState state = DirectorState.START;
    private Instant now = Instant.EPOCH;
    private ModelVersion version = new ModelVersion(
            0, new ModelHeader(Optional.empty(), ADAPTER.size()), new float[(int) ADAPTER.size()], List.of());

    /// What a member keeps on its disk; here in memory.
    private static final class Memory implements Journal {
        private final Map<String, List<Envelope>> signed = new HashMap<>();
        private final Map<Bytes, List<String>> confirmed = new HashMap<>();

        @Override
        public List<Envelope> signed(long round, long attempt) {
            return List.copyOf(signed.getOrDefault(round + "/" + attempt, List.of()));
        }

        @Override
        public void recordSigned(long round, long attempt, Envelope envelope) {
            signed.computeIfAbsent(round + "/" + attempt, _ -> new ArrayList<>())
                    .add(envelope);
        }

        @Override
        public Optional<List<String>> confirmed(Bytes adapterDigest) {
            return Optional.ofNullable(confirmed.get(adapterDigest));
        }

        @Override
        public void recordConfirmed(Bytes adapterDigest, List<String> survivors) {
            confirmed.put(adapterDigest, survivors);
        }

        @Override
        public Optional<SurvivorsLifted> lifted(Bytes adapterDigest) {
            return Optional.empty();
        }

        @Override
        public void recordLifted(SurvivorsLifted lifted) {
            throw new UnsupportedOperationException("nobody operates this member");
        }
    }

    private static final class Party implements Spool {
        private final String id;
        private final Member member;
        private final Memory journal;
        private final List<Envelope> chunks = new ArrayList<>();
        private MemberState state = new MemberState.Idle(Chain.START);

        private Party(String id, Member member, Memory journal) {
            this.id = id;
            this.member = member;
            this.journal = journal;
        }

        @Override
        public void write(Envelope chunk) {
            chunks.add(chunk);
        }

        @Override
        public void seal() {}
    }

    // example: members
    WholeRound() {
        Identity coordinator = identity("coordinator");
        Map<String, Identity> identities = new TreeMap<>();
        Map<String, Secret> deliveries = new TreeMap<>();
        Map<String, Bytes> keys = new TreeMap<>();
        Map<String, Bytes> deliveryKeys = new TreeMap<>();
        for (String id : COHORT) {
            Identity identity = identity(id);
            Secret delivery = randomness.secret(32);
            identities.put(id, identity);
            deliveries.put(id, delivery);
            keys.put(id, identity.key());
            deliveryKeys.put(id, primitives.kemKey(delivery));
        }
        // Everybody's public keys, as each member has pinned them.
        directory = new Directory("north", coordinator.key(), keys, deliveryKeys);
        // K, the coordinator's secret, is the first 32 bytes here.
        director = new Director(
                primitives,
                coordinator,
                directory,
                randomness.secret(32),
                randomness,
                Patience.Grace.of(Duration.ofSeconds(5)));
        // At least 3 members, at least 3 survivors, 1 colluder; policy has no objection to any plan.
        MemberRules rules = new MemberRules(Set.copyOf(COHORT), 3, 3, 1, _ -> Optional.empty());
        identities.forEach((id, identity) -> {
            Memory journal = new Memory();
            Member member = new Member(
                    primitives,
                    identity,
                    deliveries.getOrDefault(id, randomness.secret(32)),
                    randomness.secret(32), // salt of what it draws
                    directory,
                    rules,
                    randomness,
                    journal,
                    1); // thread
            parties.put(id, new Party(id, member, journal));
        });
    }
    // end

    private Identity identity(String name) {
        return new Identity(primitives, "north", name, randomness.secret(32));
    }

    // example: opening
    private RoundOpened opened() {
        int colluders = Parameters.defaultMaxColluders(COHORT.size());
        int threshold = Parameters.defaultThreshold(COHORT.size(), colluders);
        Bytes nonce = randomness.bytes(32);
        return new RoundOpened(
                0, // round
                1, // attempt
                nonce,
                COHORT,
                List.of(), // no cohort is drawn
                threshold,
                1, // may drop out
                colluders,
                3, // survivors at least
                24, // bits
                NextLayout.of(ADAPTER, false, version.header(), PLAN.steps(), 0.1, Weighting.CLASSES, 0),
                WEIGHT_CAP,
                Weighting.CLASSES.wireName(),
                new Deadlines(60, 60, 3600, 60, 60), // seconds
                Bytes.zeros(32), // digest of the base model
                version.version(),
                version.digest("north"),
                PLAN,
                Bytes.zeros(32), // which K
                director.roundKey(0, 1, nonce),
                Bytes.zeros(32), // head of the registry
                state.chain().head());
    }
    // end

    // example: loop
    /// Runs a round in which each member learned what `updates` says; who is not in it dies in training.
    ///
    /// @return the adapter that it makes
    float[] run(Map<String, float[]> updates) throws PeerMisbehaved, AggregateOutOfRange {
        pending.add(new Input.Open(opened()));
        while (!pending.isEmpty()) {
            direct(pending.removeFirst(), updates);
            if (pending.isEmpty() && state.chain().open()) {
                now = state.ends().orElseThrow(); // nobody says anything more: the deadline comes
                pending.add(new Input.Tick());
            }
        }
        return version.adapter();
    }

    private void direct(Input input, Map<String, float[]> updates) throws PeerMisbehaved, AggregateOutOfRange {
        DirectorState.Transition next = director.step(state, input, now);
        state = next.state();
        for (Output output : next.outputs()) {
            switch (output) {
                // The leader's log: what was decided comes back before it is said.
                case Output.Decide decide -> pending.addFirst(new Input.Decision(decide.decided()));
                case Output.Publish publish -> {
                    for (Party party : parties.values()) {
                        step(party, new MemberInput.Read(publish.envelope(), inboxes), updates);
                    }
                }
                case Output.Unmask unmask -> {
                    try (Unmasker unmasker = unmask.unmasker()) {
                        pending.add(close(unmask.unmasking(), unmasker));
                    }
                }
                case Output.Refused refused -> throw refused.fault();
                case Output.Judged _, Output.Disputed _ -> throw new IllegalStateException(output.toString());
            }
        }
    }

    private void step(Party party, MemberInput input, Map<String, float[]> updates) throws PeerMisbehaved {
        MemberState.Transition next = party.member.step(party.state, input);
        party.state = next.state();
        for (MemberOutput output : next.outputs()) {
            switch (output) {
                case MemberOutput.Publish publish -> {
                    inboxes.add(publish.envelope());
                    pending.add(new Input.Received(publish.envelope()));
                }
                case MemberOutput.Train _ -> {
                    float[] learned = updates.get(party.id);
                    if (learned != null) {
                        Update update = new Update(Map.of("adapter", learned), 16, 0.7, 16, 0);
                        step(party, new MemberInput.Trained(update, party), updates);
                    }
                }
                case MemberOutput.SendSpool _ ->
                    pending.add(new Input.Delivered(
                            party.id, Enc.sha256(manifest(party).encode())));
                case MemberOutput.Refused refused -> throw refused.fault();
                // Here members could recompute the round: see Recomputation.
                case MemberOutput.Closed closed -> closed.roundSeed().ifPresent(Secret::close);
                case MemberOutput.DeleteSpool _ -> party.chunks.clear();
                case MemberOutput.Aborted _, MemberOutput.NotLifted _ ->
                    throw new IllegalStateException(output.toString());
            }
        }
    }
    // end

    // example: sum
    private Input.Close close(Unmasking unmasking, Unmasker unmasker) throws PeerMisbehaved, AggregateOutOfRange {
        var survivors = unmasking.survivors();
        MaskedSum sum = new MaskedSum(survivors.routed().roster().opened());
        for (Party party : parties.values()) {
            if (!survivors.ids().contains(party.id)) {
                continue;
            }
            Manifest manifest = Manifest.verify(primitives, directory, survivors.routed(), manifest(party));
            for (Envelope chunk : party.chunks) {
                sum.add(party.id, manifest.chunk(primitives, directory, chunk));
            }
        }
        UnmaskedSum unmasked = sum.unmask(survivors, unmasker, 1);
        // FedAvg: the adapter moves by the mean.
        version = unmasked.next(version, (adapter, mean, _, _) -> {
            for (int i = 0; i < adapter.length; i++) {
                adapter[i] += (float) mean.getFirst()[i];
            }
        });
        return new Input.Close(version.version(), version.digest("north"), unmasked.digest());
    }
    // end

    private static Envelope manifest(Party party) {
        return party.journal.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow();
    }
}

package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.fixedpoint.Rounding;
import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.crypto.shamir.Shamir;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.UpdateChunk;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Attacks that take more than one false message (protocol §8, "Adversary"); single false messages are in
/// [RefusalTest]. Each test says who notices, when, and by which reason, and that nothing was revealed.
class AdversaryTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);
    private static final String VICTIM = "org-b";

    private final Federation federation = new Federation(4, 21);

    private static Message parse(Envelope envelope) {
        try {
            return Message.parse(envelope.type(), envelope.payload());
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private Federation.Node node(String id) {
        return Objects.requireNonNull(federation.nodes.get(id));
    }

    private boolean signed(String id, long attempt, MessageType type) {
        return node(id).journal.signed(0, attempt).stream().anyMatch(envelope -> envelope.type() == type);
    }

    private void runRound() {
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
    }

    private void until(Class<? extends Phase> phase) {
        while (!phase.isInstance(federation.state.phase())) {
            federation.direct(federation.pending.removeFirst());
        }
    }

    private static RoundOpened with(RoundOpened o, Bytes adapter, TrainingPlan plan) {
        return Terms.changed(o, terms -> {
            terms.adapterDigest = adapter;
            terms.plan = plan;
        });
    }

    private void victimIsOpened(UnaryOperator<RoundOpened> lie) {
        federation.tampered.put(
                VICTIM,
                envelope -> parse(envelope) instanceof RoundOpened opened
                        ? federation.coordinator.sign(lie.apply(opened), envelope.transcript())
                        : envelope);
    }

    /// Pasquini et al., CCS 2022: the victim trains on another adapter, so that its part of the sum can be
    /// told apart. Its keys are signed over another T0, which ends it at the roster: it is never masked.
    @Test
    void modelSwappedForOneMember_neverReachesASum() {
        victimIsOpened(opened -> with(opened, Bytes.utf8("another adapter, 32 bytes long!!"), opened.plan()));
        runRound();
        assertThat(federation.refusedByDirector)
                .anyMatch(fault -> fault.reason() == Refusal.OTHER_TRANSCRIPT
                        && fault.who().equals(VICTIM));
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(3);
        assertThat(signed(VICTIM, 1, MessageType.UPDATE_MANIFEST)).isFalse();
        assertThat(node(VICTIM).refused).extracting(PeerMisbehaved::reason).contains(Refusal.OTHER_TRANSCRIPT);
    }

    @Test
    void planSwappedForOneMember_neverReachesASum() {
        victimIsOpened(opened -> {
            TrainingPlan p = opened.plan();
            return with(
                    opened,
                    opened.adapterDigest(),
                    new TrainingPlan(
                            p.algorithm(),
                            p.objective(),
                            p.template(),
                            p.loraMode(),
                            p.loraRank(),
                            p.loraAlpha(),
                            p.targetModules(),
                            1,
                            1,
                            p.maxTokens(),
                            p.learningRate(),
                            p.weightDecay(),
                            p.clipNorm(),
                            p.beta(),
                            p.proximalMu(),
                            p.baseLearningRate()));
        });
        runRound();
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(3);
        assertThat(signed(VICTIM, 1, MessageType.UPDATE_MANIFEST)).isFalse();
    }

    /// Bonawitz et al., CCS 2017, §6: half of the members are told that the victim survived, half that it
    /// dropped out, to get both kinds of share. No set finds t confirmations, nobody reveals anything.
    @Test
    void bothSharesThroughTwoSurvivorSets_nobodyReveals() {
        List<String> deceived = List.of("org-c", "org-d");
        for (String id : deceived) {
            federation.tampered.put(
                    id,
                    envelope -> parse(envelope) instanceof SurvivorsSealed sealed
                            ? federation.coordinator.sign(
                                    new SurvivorsSealed(sealed.survivors().stream()
                                            .filter(one -> !one.organisation().equals(VICTIM))
                                            .toList()),
                                    envelope.transcript())
                            : envelope);
        }
        runRound();
        assertThat(deceived).allMatch(id -> signed(id, 1, MessageType.SURVIVORS_CONFIRMED));
        assertThat(federation.ids).noneMatch(id -> signed(id, 1, MessageType.SHARES_REVEALED));
        assertThat(parse(federation.control.getLast()))
                .isInstanceOfSatisfying(
                        RoundAborted.class,
                        aborted -> assertThat(aborted.reason()).isEqualTo("TOO_FEW"));
    }

    /// With 2t > n + c, t honest confirmations of each of two sets need more members than there are, for
    /// every size and every c that the parameters allow.
    @Test
    void twoSets_anySizes_neverBothFindAThreshold() {
        for (int n = 3; n <= 255; n++) {
            for (int c = n == 3 ? 0 : 1; c < n; c++) {
                int t = Parameters.defaultThreshold(n, c);
                // Colluders confirm both, each honest member one.
                assertThat(2 * (t - c)).as("n %d c %d t %d", n, c, t).isGreaterThan(n - c);
            }
        }
    }

    /// The same round again with one member fewer: the difference would be its update. Also as a new round
    /// on the old adapter.
    @Test
    void newRoundOnAnOldAdapter_withOneMemberFewer_isNotConfirmed() {
        runRound();
        federation.nodes.values().forEach(node -> node.spool.clear());
        federation.dies.put("org-d", MessageType.SHARES_DEALT);
        RoundOpened again = federation.next(1, ADAPTER_0);
        assertThat(again.round()).isOne();
        federation.open(again);
        federation.run();
        // The director's own machine will not seal another set; a malicious one would find no confirmation.
        assertThat(parse(federation.control.getLast()))
                .isInstanceOfSatisfying(
                        RoundAborted.class,
                        aborted -> assertThat(aborted.reason()).isEqualTo("NeedsLift"));
        assertThat(node(VICTIM).journal.confirmed(ADAPTER_0)).contains(federation.ids);
    }

    /// An abort that one member never sees: it stays in the old attempt and takes part in no other.
    @Test
    void abortToldToHalfOfTheMembers_theOthersGoOnWithoutTheRest() {
        federation.open(federation.next(1, ADAPTER_0));
        until(Phase.Shares.class);
        federation.dead.add(VICTIM);
        federation.pending.clear();
        federation.direct(new Input.Abort("Operator", "test", List.of()));
        federation.direct(federation.pending.removeFirst());
        node(VICTIM).position = federation.control.size();
        federation.dead.clear();
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(3);
        assertThat(node(VICTIM).refused)
                .extracting(PeerMisbehaved::reason)
                .containsAnyOf(Refusal.OTHER_TRANSCRIPT, Refusal.FORKED_LOG, Refusal.UNEXPECTED_MESSAGE);
        assertThat(signed(VICTIM, 2, MessageType.KEYS_ADVERTISED)).isFalse();
    }

    /// A vector that comes when U3 is sealed is nobody's: it is not in the sum, and its masks come off as of
    /// a dropped member.
    @Test
    void lateMaskedVector_isVoid() throws Exception {
        federation.open(federation.next(1, ADAPTER_0));
        until(Phase.Updates.class);
        List<Input> late = new ArrayList<>();
        federation.pending.removeIf(input -> {
            boolean its = input instanceof Input.Delivered delivered
                            && delivered.member().equals("org-d")
                    || input instanceof Input.Received received
                            && received.envelope().sender().equals("org-d");
            if (its) {
                late.add(input);
            }
            return its;
        });
        assertThat(late).hasSize(2);
        while (federation.state.phase() instanceof Phase.Updates) {
            if (federation.pending.isEmpty()) {
                federation.now = federation.now.plusSeconds(1);
                federation.direct(new Input.Tick());
            } else {
                federation.direct(federation.pending.removeFirst());
            }
        }
        late.forEach(federation.pending::addFirst);
        federation.run();
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(3);
        double[] plain = federation.plainMean(List.of("org-a", "org-b", "org-c"));
        assertThat(federation.mean[0]).isCloseTo(plain[0], org.assertj.core.api.Assertions.within(1e-3));
    }

    /// The coordinator with all it holds after a round in which everybody survived, against one member: its
    /// self mask is known, its pair masks are not, and what is left is not its update.
    @Test
    void coordinatorWithEverythingItHolds_againstOneSurvivor_hasNoise() throws Exception {
        runRound();
        UpdateChunk masked =
                UpdateChunk.parse(federation.chunks(VICTIM).getFirst().payload());
        byte[] left = masked.masked().toArray();
        Unmasking unmasking = closed().unmasking().orElseThrow().recall(federation.inboxes);
        Routed routed = unmasking.survivors().routed();
        Secret self = revealedSelf(unmasking);
        new MaskStream()
                .subtractFrom(
                        Ring.K24,
                        left,
                        left.length,
                        0,
                        routed.roster().context().selfStreamKey(self, routed.t2(), VICTIM, "adapter"));
        byte[] plain = new byte[left.length];
        Update update = node(VICTIM).update.orElseThrow();
        var _ = new FixedPoint(Ring.K24, Federation.ADAPTER, 4, Federation.CAP)
                .encode(
                        Objects.requireNonNull(update.vectors().get("adapter")),
                        0,
                        update.weight(),
                        new Rounding(federation.randomness.secret(32), 0),
                        plain);
        int near = 0;
        for (int i = 0; i < plain.length / 3; i++) {
            if (Math.abs((long) Ring.K24.get(left, i) - Ring.K24.get(plain, i)) <= 1) {
                near++;
            }
        }
        assertThat(near)
                .as("of %d coordinates by chance 2^-22 each", plain.length / 3)
                .isZero();
    }

    /// b of the victim, from the shares that the coordinator opens.
    private Secret revealedSelf(Unmasking unmasking) throws Exception {
        Roster roster = unmasking.survivors().routed().roster();
        TreeMap<Integer, Secret> shares = new TreeMap<>();
        for (Envelope envelope : federation.inboxes) {
            if (envelope.type() == MessageType.SHARES_REVEALED) {
                var revealed = Unmasker.open(
                        Federation.PRIMITIVES,
                        federation.directory,
                        unmasking,
                        closed().roundSeed().orElseThrow(),
                        envelope);
                assertThat(revealed.maskShares()).as("never both kinds").isEmpty();
                revealed.selfShares().stream()
                        .filter(share -> share.owner().equals(VICTIM))
                        .forEach(
                                share -> shares.put(roster.indexOf(envelope.sender()) + 1, Secret.take(share.share())));
            }
        }
        return Shamir.combine(roster.opened().message().threshold(), shares);
    }

    /// A member that encodes a weight below nothing or above the cap spoils the sum and is not named: masks
    /// hide it. Nobody's version moves.
    @Test
    void weightOutOfRange_abortsTheRoundAndBlamesNobody() {
        for (int weight : new int[] {-5000, 50 * Federation.CAP}) {
            Federation spoiled = new Federation(4, weight);
            Update honest = spoiled.randomUpdate();
            spoiled.forced.put("org-c", new Update(honest.vectors(), weight, honest.meanLoss(), 100, 1000));
            spoiled.open(spoiled.next(1, ADAPTER_0));
            spoiled.run();
            assertThat(parse(spoiled.control.getLast())).isInstanceOfSatisfying(RoundAborted.class, aborted -> {
                assertThat(aborted.reason()).isEqualTo("AggregateOutOfRange");
                assertThat(aborted.detail()).doesNotContain("org-c");
            });
            assertThat(spoiled.version.version()).isZero();
        }
    }

    /// A decision that another director wrote on an older log is nobody's message.
    @Test
    void zombieDirectorsDecision_isNotSigned() {
        federation.open(federation.next(1, ADAPTER_0));
        until(Phase.Updates.class);
        Decided stale = federation.leader.get(1);
        var next = federation.director.step(federation.state, new Input.Decision(stale), federation.now);
        assertThat(next.outputs()).isEmpty();
        assertThat(next.state()).isEqualTo(federation.state);
    }

    /// Every bit counts: an envelope of which one bit is flipped is refused with a typed fault, whatever it
    /// carried. Prefixes and longer ones too.
    @Test
    @Tag("slow")
    void flippedBitOrTruncatedFrame_ofAnyMessage_isRefused() {
        federation.dies.put("org-d", MessageType.SHARES_DEALT);
        runRound();
        List<Envelope> all = new ArrayList<>(federation.control);
        all.addAll(federation.inboxes);
        all.addAll(federation.chunks());
        SplittableRandom random = new SplittableRandom(3);
        int tried = 0;
        for (Envelope real : all) {
            byte[] bytes = real.encode().toArray();
            for (int i = 0; i < 200; i++) {
                byte[] flipped = bytes.clone();
                flipped[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
                assertRefused(real, Bytes.of(flipped));
                tried++;
            }
            for (int size = 0; size < bytes.length; size += 1 + bytes.length / 50) {
                byte[] prefix = java.util.Arrays.copyOf(bytes, size);
                assertThatThrownBy(() -> Envelope.decode(Bytes.of(prefix))).isInstanceOf(MalformedMessage.class);
            }
            byte[] longer = java.util.Arrays.copyOf(bytes, bytes.length + 1);
            assertThatThrownBy(() -> Envelope.decode(Bytes.of(longer))).isInstanceOf(MalformedMessage.class);
        }
        assertThat(tried).isGreaterThan(4000);
    }

    private void assertRefused(Envelope real, Bytes altered) {
        assertThatThrownBy(() -> {
                    Envelope envelope = Envelope.decode(altered);
                    Message message = federation.directory.verify(Federation.PRIMITIVES, envelope, real.transcript());
                    throw new AssertionError("accepted " + message.type());
                })
                .as("a flipped bit in %s", real.type())
                .isInstanceOfAny(MalformedMessage.class, PeerMisbehaved.class);
    }

    @Test
    void chunks_duplicatedAndReordered_giveTheSameSum() throws Exception {
        runRound();
        List<Envelope> chunks = new ArrayList<>(federation.chunks());
        chunks.addAll(federation.chunks());
        MemberOutput.Closed closed = closed();
        for (int i = 0; i < 10; i++) {
            Collections.shuffle(chunks, new Random(i));
            Recomputation.check(
                    Federation.PRIMITIVES,
                    federation.directory,
                    closed.unmasking().orElseThrow(),
                    closed.roundSeed().orElseThrow(),
                    federation.inboxes,
                    chunks,
                    new Sample.All(),
                    federation.before,
                    federation.version,
                    federation.step,
                    closed.message());
        }
    }

    private MemberOutput.Closed closed() {
        return federation.node(0).outputs.stream()
                .filter(output -> output instanceof MemberOutput.Closed)
                .map(output -> (MemberOutput.Closed) output)
                .findFirst()
                .orElseThrow();
    }

    /// The broker brings each inbox message twice and in any order within a phase: the same sum.
    @Test
    @Tag("slow")
    void messages_duplicatedAndReordered_giveTheSameSum() {
        for (int seed = 0; seed < 20; seed++) {
            Federation shuffled = new Federation(5, 77);
            SplittableRandom random = new SplittableRandom(seed);
            int[] left = {3};
            shuffled.disturb = pending -> {
                List<Input> received = new ArrayList<>(pending.stream()
                        .filter(input -> input instanceof Input.Received)
                        .toList());
                if (received.size() < 2 || left[0]-- <= 0) {
                    return;
                }
                received.addAll(List.copyOf(received));
                Collections.shuffle(received, new Random(random.nextLong()));
                pending.removeAll(received);
                received.reversed().forEach(pending::addFirst);
            };
            shuffled.open(shuffled.next(1, ADAPTER_0));
            shuffled.run();
            assertThat(shuffled.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
            assertThat(shuffled.totals.orElseThrow().survivors()).isEqualTo(5);
            assertThat(Map.copyOf(shuffled.nodes).values()).allMatch(node -> node.refused.isEmpty());
        }
    }
}

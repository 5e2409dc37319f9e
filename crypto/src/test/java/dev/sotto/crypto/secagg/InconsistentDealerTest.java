package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.SurvivorsLifted;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// A dealer whose shares each match their commitment, but lie on no polynomial: nobody can see it before the
/// shares are revealed. Then it is named, left out of the round's further attempts, and spoils no
/// recomputation.
class InconsistentDealerTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);
    private static final String DEALER = "org-b";
    private static final String RECEIVER = "org-f";

    private final Federation federation = new Federation(6, 23);

    /// The dealer commits to shares for one receiver that are not those of its polynomials, and seals these.
    private void dealInconsistently() {
        Federation.Node dealer = node(DEALER);
        federation.lying.put(DEALER, envelope -> {
            if (envelope.type() != MessageType.SHARES_DEALT || !(dealer.state instanceof MemberState.Dealt state)) {
                return envelope;
            }
            Roster roster = state.roster();
            int place = roster.indexOf(RECEIVER);
            try (ReceivedShares other = new ReceivedShares(
                            DEALER,
                            federation.randomness.secret(32),
                            federation.randomness.secret(32),
                            federation.randomness.secret(32),
                            federation.randomness.secret(32));
                    Secret plain = other.plain()) {
                SharesDealt dealt = SharesDealt.parse(envelope.payload());
                List<Bytes> boxes = new ArrayList<>(dealt.boxes());
                boxes.set(
                        place - 1,
                        Federation.PRIMITIVES.seal(
                                roster.member(RECEIVER).channelKey(),
                                roster.context().shareInfo(roster.t1(), DEALER, RECEIVER),
                                plain,
                                federation.randomness));
                List<Bytes> mask = new ArrayList<>(dealt.maskShareCommitments());
                mask.set(place, commitment(roster, Kind.MASK, other.maskSalt(), other.maskShare()));
                List<Bytes> self = new ArrayList<>(dealt.selfShareCommitments());
                self.set(place, commitment(roster, Kind.SELF, other.selfSalt(), other.selfShare()));
                Envelope said = dealer.identity.sign(
                        new SharesDealt(
                                boxes, dealt.ciphertexts(), dealt.maskCommitment(), dealt.selfCommitment(), mask, self),
                        envelope.transcript());
                dealer.state = new MemberState.Dealt(
                        state.chain(),
                        roster,
                        Enc.sha256(said.encode()),
                        state.maskSeed(),
                        state.selfMask(),
                        state.channelSeed(),
                        state.ownShare(),
                        state.kemSecrets());
                return said;
            } catch (MalformedMessage | InvalidKey e) {
                throw new AssertionError(e);
            }
        });
    }

    private static Bytes commitment(Roster roster, Kind kind, Secret salt, Secret share) {
        return roster.context().shareCommitment(roster.t1(), DEALER, RECEIVER, kind, salt, share);
    }

    private Federation.Node node(String id) {
        return Objects.requireNonNull(federation.nodes.get(id));
    }

    private void attempt() {
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
    }

    private RoundAborted aborted() throws MalformedMessage {
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_ABORTED);
        return RoundAborted.parse(federation.control.getLast().payload());
    }

    private RoundClosed closed() throws MalformedMessage {
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        return RoundClosed.parse(federation.control.getLast().payload());
    }

    private void dieAfterDealing() {
        federation.dies.put(DEALER, MessageType.SHARES_DEALT);
    }

    @Test
    void dealerThatDropsOut_isNamedAndTheNextAttemptClosesWithoutIt() throws Exception {
        dealInconsistently();
        dieAfterDealing();
        attempt();
        assertThat(aborted().reason()).isEqualTo(Refusal.COMMITMENT.name());
        assertThat(aborted().blamed()).contains(DEALER);
        assertThat(aborted().roundSeeds()).hasSize(6);
        assertThat(federation.state.leftOut()).containsExactly(DEALER);

        federation.cohort =
                federation.ids.stream().filter(id -> !id.equals(DEALER)).toList();
        attempt();
        assertThat(closed().version()).isEqualTo(1);
        assertThat(federation.state.leftOut()).isEmpty();
    }

    @Test
    void aborted_forOtherReasonsAfterwards_staysLeftOutForTheRound() throws Exception {
        dealInconsistently();
        dieAfterDealing();
        attempt();
        federation.cohort =
                federation.ids.stream().filter(id -> !id.equals(DEALER)).toList();
        federation.open(federation.next(1, ADAPTER_0));
        federation.direct(federation.pending.removeFirst());
        federation.direct(federation.pending.removeFirst());
        federation.direct(new Input.Abort("Operator", "for another reason", List.of()));
        federation.run();
        assertThat(aborted().blamed()).isEmpty();
        assertThat(federation.state.leftOut()).containsExactly(DEALER);
        // A successor that folds nothing but the leader's log knows it too.
        DirectorState successor = DirectorState.START;
        for (Decided decided : federation.leader) {
            successor = federation
                    .director
                    .step(successor, new Input.Ended(decided), federation.now)
                    .state();
        }
        assertThat(successor.leftOut()).containsExactly(DEALER);
    }

    @Test
    void receiversThatRevealTooLate_areVoidAndTheRoundRecomputes() throws Exception {
        dealInconsistently();
        dieAfterDealing();
        Deque<Input> late = new ArrayDeque<>();
        federation.disturb = inputs -> inputs.removeIf(input -> input instanceof Input.Received received
                && received.envelope().type() == MessageType.SHARES_REVEALED
                && received.envelope().sender().equals(RECEIVER)
                && late.add(input));
        attempt();
        assertThat(late).hasSize(1);
        assertThat(closed().revealed()).extracting(NamedHash::organisation).doesNotContain(RECEIVER);
        // The late one lies in the log, where everybody reads it.
        assertThat(federation.inboxes)
                .anyMatch(envelope -> envelope.type() == MessageType.SHARES_REVEALED
                        && envelope.sender().equals(RECEIVER));
        recompute(closed(), federation.inboxes);
    }

    @Test
    void closed_namingSharesThatAreNotThereOrDoNotRebuild_isTheCoordinatorsFault() throws Exception {
        dealInconsistently();
        dieAfterDealing();
        federation.disturb = inputs -> inputs.removeIf(input -> input instanceof Input.Received received
                && received.envelope().type() == MessageType.SHARES_REVEALED
                && received.envelope().sender().equals(RECEIVER));
        attempt();
        RoundClosed real = closed();
        Envelope late = federation.inboxes.stream()
                .filter(envelope -> envelope.type() == MessageType.SHARES_REVEALED
                        && envelope.sender().equals(RECEIVER))
                .findFirst()
                .orElseThrow();
        List<NamedHash> withLate = new ArrayList<>(real.revealed());
        withLate.add(new NamedHash(RECEIVER, Enc.sha256(late.encode())));
        assertBlamesCoordinator(saying(real, withLate), federation.inboxes, "do not rebuild");
        List<Envelope> without = new ArrayList<>(federation.inboxes);
        without.remove(late);
        assertBlamesCoordinator(saying(real, withLate), without, "has not published");
        assertBlamesCoordinator(saying(real, real.revealed().subList(0, 2)), federation.inboxes, "shares of 2 members");
    }

    private static RoundClosed saying(RoundClosed real, List<NamedHash> revealed) {
        return new RoundClosed(real.version(), real.modelDigest(), real.aggregateDigest(), real.roundSeeds(), revealed);
    }

    private void assertBlamesCoordinator(RoundClosed closed, List<Envelope> inboxes, String why) {
        assertThatThrownBy(() -> recompute(closed, inboxes))
                .hasMessageContaining(why)
                .isInstanceOfSatisfying(
                        PeerMisbehaved.class, fault -> assertThat(fault.who()).isEqualTo("coordinator"));
    }

    private void recompute(RoundClosed closed, List<Envelope> inboxes) throws PeerMisbehaved {
        MemberOutput.Closed seen = node("org-a").outputs.stream()
                .filter(MemberOutput.Closed.class::isInstance)
                .map(MemberOutput.Closed.class::cast)
                .findFirst()
                .orElseThrow();
        try (Secret seed = seen.roundSeed().map(Secret::copy).orElseThrow()) {
            Recomputation.check(
                    Federation.PRIMITIVES,
                    federation.directory,
                    seen.unmasking().orElseThrow(),
                    seed,
                    inboxes,
                    federation.chunks(),
                    new Sample.All(),
                    federation.before,
                    federation.version,
                    federation.step,
                    closed);
        }
    }

    @Test
    void dealerThatSurvives_stopsTheAdapterUntilOperatorsLift() throws Exception {
        dealInconsistently();
        attempt();
        assertThat(aborted().blamed()).contains(DEALER);

        federation.cohort =
                federation.ids.stream().filter(id -> !id.equals(DEALER)).toList();
        attempt();
        assertThat(aborted().reason()).isEqualTo("NeedsLift");
        SurvivorsLifted lift = new SurvivorsLifted(ADAPTER_0, federation.ids, federation.cohort);
        federation.cohort.forEach(id -> node(id).step(new MemberInput.Lift(lift)));
        attempt();
        assertThat(closed().version()).isEqualTo(1);
    }

    @Test
    void sharesRevealed_secondDifferentOne_isEquivocationAndTheFirstCounts() throws Exception {
        List<Optional<Envelope>> second = new ArrayList<>();
        federation.disturb = inputs -> {
            for (Input input : List.copyOf(inputs)) {
                if (second.isEmpty()
                        && input instanceof Input.Received received
                        && received.envelope().type() == MessageType.SHARES_REVEALED
                        && received.envelope().sender().equals(DEALER)) {
                    Envelope again = sealedAgain(received.envelope());
                    second.add(Optional.of(again));
                    inputs.addLast(new Input.Received(again));
                }
            }
        };
        federation.dies.put(RECEIVER, MessageType.SURVIVORS_CONFIRMED);
        attempt();
        assertThat(second).hasSize(1);
        assertThat(federation.refusedByDirector)
                .anyMatch(fault ->
                        fault.reason() == Refusal.EQUIVOCATION && fault.who().equals(DEALER));
        assertThat(closed().revealed())
                .extracting(NamedHash::hash)
                .doesNotContain(Enc.sha256(second.getFirst().orElseThrow().encode()));
    }

    /// The same shares, sealed with other randomness.
    private Envelope sealedAgain(Envelope envelope) {
        DirectorState.Phase.Reveal reveal = (DirectorState.Phase.Reveal) federation.state.phase();
        Unmasking unmasking = reveal.unmasking();
        Opened opened = unmasking.survivors().routed().roster().opened();
        try (Secret seed = opened.context()
                        .roundKeySeed(federation.roundSecret, opened.message().nonce());
                Secret plain = Secret.take(
                        Unmasker.open(Federation.PRIMITIVES, federation.directory, unmasking, seed, envelope)
                                .encode()
                                .toArray())) {
            Bytes box = Federation.PRIMITIVES.seal(
                    opened.message().roundKey(),
                    opened.context().revealInfo(unmasking.t4(), DEALER),
                    plain,
                    federation.randomness);
            return node(DEALER).identity.sign(new SharesRevealed(box), envelope.transcript());
        } catch (PeerMisbehaved | InvalidKey e) {
            throw new AssertionError(e);
        }
    }
}

package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsSealed;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;

/// Which secrets a member still holds when (protocol §5, "No secret of an attempt touches a disk"): each is wiped
/// as soon as no later state needs it, and however an attempt ends, all are.
class MemberSecretsTest {
    private static final String MEMBER = "org-d";

    private static List<Secret> all(ReceivedShares shares) {
        return List.of(shares.maskShare(), shares.maskSalt(), shares.selfShare(), shares.selfSalt());
    }

    private static List<Secret> all(Collection<ReceivedShares> shares) {
        return shares.stream().flatMap(one -> all(one).stream()).toList();
    }

    private static List<Secret> secrets(MemberState state) {
        List<Secret> secrets = new ArrayList<>();
        switch (state) {
            case MemberState.Advertised s -> secrets.addAll(List.of(s.master(), s.selfMask(), s.channelSeed()));
            case MemberState.Dealt s -> {
                secrets.addAll(List.of(s.maskSeed(), s.selfMask(), s.channelSeed()));
                secrets.addAll(all(s.ownShare()));
                secrets.addAll(s.kemSecrets().values());
            }
            case MemberState.Complained s -> secrets.add(s.channelSeed());
            case MemberState.Training s -> {
                secrets.add(s.selfMask());
                secrets.addAll(s.pairSeeds().values());
                secrets.addAll(all(s.shares().values()));
            }
            case MemberState.Delivered s -> secrets.addAll(all(s.shares().values()));
            case MemberState.Confirmed s -> secrets.addAll(all(s.shares().values()));
            case MemberState.Idle s -> {}
            case MemberState.Bystander s -> {}
            case MemberState.Revealed s -> {}
        }
        return secrets;
    }

    /// A federation in which the test performs one member's steps: it trains only when told.
    private static final class ByHand {
        private final Federation federation = new Federation(4, 51);
        private final Federation.Node node = federation.node(1);
        private final Map<Class<?>, MemberState> seen = new LinkedHashMap<>();
        private MemberState state = new MemberState.Idle(Chain.START);
        private List<MemberOutput> said = List.of();
        private int read;

        ByHand() {
            federation.dead.add(node.id);
            federation.open(federation.next(1, Bytes.zeros(32)));
        }

        void step(MemberInput input) {
            seen.putIfAbsent(state.getClass(), state);
            MemberState.Transition next = node.member.orElseThrow().step(state, input);
            state = next.state();
            said = next.outputs();
            for (MemberOutput output : said) {
                if (output instanceof MemberOutput.Publish publish) {
                    federation.inboxes.add(publish.envelope());
                    federation.pending.add(new DirectorState.Input.Received(publish.envelope()));
                }
            }
        }

        void read(Message message) {
            step(new MemberInput.Read(
                    federation.coordinator.sign(message, state.chain().head()), federation.inboxes));
        }

        /// Goes on until the member stands there.
        ByHand until(Class<? extends MemberState> wanted) {
            for (int i = 0; i < 1000 && !wanted.isInstance(state); i++) {
                if (read < federation.control.size()) {
                    step(new MemberInput.Read(federation.control.get(read++), federation.inboxes));
                } else if (state instanceof MemberState.Training) {
                    train();
                } else if (!federation.pending.isEmpty()) {
                    federation.direct(federation.pending.removeFirst());
                } else {
                    federation.now = federation.now.plusSeconds(1);
                    federation.direct(new DirectorState.Input.Tick());
                }
            }
            assertThat(state).isInstanceOf(wanted);
            return this;
        }

        void train() {
            List<Envelope> spool = new ArrayList<>();
            step(new MemberInput.Trained(federation.randomUpdate(), new Spool() {
                @Override
                public void write(Envelope chunk) {
                    spool.add(chunk);
                }

                @Override
                public void seal() {}
            }));
            federation.updates.put(node.id, Map.of(spool.getFirst().transcript(), spool));
            Envelope manifest =
                    node.journal.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow();
            federation.pending.add(new DirectorState.Input.Delivered(node.id, Enc.sha256(manifest.encode())));
        }

        <S extends MemberState> S at(Class<S> type) {
            return type.cast(Objects.requireNonNull(seen.get(type)));
        }
    }

    private static void assertAll(Collection<Secret> secrets, boolean wiped) {
        assertThat(secrets).isNotEmpty().allMatch(secret -> secret.isWiped() == wiped);
    }

    /// Every state in which an attempt can end, with a secret in it.
    private static List<Class<? extends MemberState>> states() {
        return List.of(
                MemberState.Advertised.class,
                MemberState.Dealt.class,
                MemberState.Training.class,
                MemberState.Delivered.class,
                MemberState.Confirmed.class);
    }

    @Test
    void round_stepByStep_wipesWhatTheNextStateDoesNotNeed() {
        ByHand hand = new ByHand().until(MemberState.Advertised.class);
        assertAll(secrets(hand.state), false);
        hand.until(MemberState.Dealt.class);
        MemberState.Advertised advertised = hand.at(MemberState.Advertised.class);
        MemberState.Dealt dealt = (MemberState.Dealt) hand.state;
        // The master, and the dealer's own share of it, which nobody may ever reveal.
        assertAll(
                List.of(
                        advertised.master(),
                        dealt.ownShare().maskShare(),
                        dealt.ownShare().maskSalt()),
                true);
        assertAll(
                List.of(
                        dealt.maskSeed(),
                        dealt.selfMask(),
                        dealt.channelSeed(),
                        dealt.ownShare().selfShare(),
                        dealt.ownShare().selfSalt()),
                false);
        assertThat(dealt.kemSecrets().keySet()).containsExactlyInAnyOrder("org-c", "org-d");
        assertAll(dealt.kemSecrets().values(), false);
        hand.until(MemberState.Training.class);
        MemberState.Training training = (MemberState.Training) hand.state;
        assertAll(List.of(dealt.maskSeed(), dealt.channelSeed()), true);
        assertAll(dealt.kemSecrets().values(), true);
        assertThat(training.pairSeeds().keySet()).containsExactlyInAnyOrder("org-a", "org-c", "org-d");
        assertAll(training.pairSeeds().values(), false);
        assertAll(List.of(training.selfMask(), dealt.ownShare().selfShare()), false);
        assertThat(training.shares().keySet()).containsExactly("org-a", "org-b", "org-c", "org-d");
        // The manifest has not left: it is what this step returned.
        hand.train();
        assertThat(hand.said.getFirst()).isInstanceOf(MemberOutput.Publish.class);
        assertThat(hand.said.getLast()).isInstanceOf(MemberOutput.SendSpool.class);
        assertAll(List.of(training.selfMask()), true);
        assertAll(training.pairSeeds().values(), true);
        training.shares().forEach((dealer, shares) -> {
            assertAll(List.of(shares.selfShare(), shares.selfSalt()), false);
            assertAll(List.of(shares.maskShare(), shares.maskSalt()), dealer.equals("org-b"));
        });
        hand.until(MemberState.Confirmed.class);
        assertAll(List.of(training.shares().values().iterator().next().selfShare()), false);
        hand.until(MemberState.Revealed.class);
        assertAll(all(training.shares().values()), true);
        hand.until(MemberState.Idle.class);
        assertThat(hand.said).singleElement().isInstanceOfSatisfying(MemberOutput.Closed.class, closed -> {
            assertThat(closed.unmasking()).isPresent();
            Bytes key = Federation.PRIMITIVES.kemKey(closed.roundSeed().orElseThrow());
            assertThat(key)
                    .isEqualTo(closed.unmasking()
                            .orElseThrow()
                            .survivors()
                            .routed()
                            .roster()
                            .opened()
                            .message()
                            .roundKey());
        });
    }

    @Test
    void attempt_abortedInAnyState_wipesEverything() {
        for (Class<? extends MemberState> type : states()) {
            ByHand hand = new ByHand().until(type);
            List<Secret> secrets = secrets(hand.state);
            hand.read(new RoundAborted("Operator", "a test", List.of(), List.of(), Optional.empty()));
            assertThat(hand.state).isInstanceOf(MemberState.Idle.class);
            assertThat(hand.said).containsExactly(new MemberOutput.Aborted("Operator", "a test"));
            assertAll(secrets, true);
        }
    }

    @Test
    void attempt_closedInAnyState_wipesEverything() {
        for (Class<? extends MemberState> type : states()) {
            ByHand hand = new ByHand().until(type);
            List<Secret> secrets = secrets(hand.state);
            hand.read(new RoundClosed(
                    1, Bytes.zeros(32), Bytes.zeros(32), List.of(), List.of(new NamedHash("org-a", Bytes.zeros(32)))));
            assertThat(hand.state).isInstanceOf(MemberState.Idle.class);
            // Nothing was revealed: it was closed too early, and this member says so.
            assertThat(hand.said.getFirst())
                    .isInstanceOfSatisfying(
                            MemberOutput.Refused.class,
                            refused -> assertThat(refused.fault()).hasMessageContaining("RoundClosed came where"));
            assertThat(hand.node.journal.signed(0, 1, MessageType.DISPUTED)).isPresent();
            assertThat(hand.said.getLast()).isInstanceOfSatisfying(MemberOutput.Closed.class, closed -> {
                assertThat(closed.unmasking()).isEmpty();
                assertThat(closed.roundSeed()).isEmpty();
            });
            assertAll(secrets, true);
        }
    }

    @Test
    void unexpectedMessage_inAnyState_wipesEverythingAndDeclines() {
        for (Class<? extends MemberState> type : states()) {
            ByHand hand = new ByHand().until(type);
            List<Secret> secrets = secrets(hand.state);
            boolean early = type == MemberState.Advertised.class || type == MemberState.Dealt.class;
            Message unexpected = early
                    ? new SurvivorsSealed(List.of(new NamedHash("org-a", Bytes.zeros(32))))
                    : new RosterSealed(List.of(Bytes.zeros(1)));
            hand.read(unexpected);
            assertThat(hand.state).isInstanceOf(MemberState.Bystander.class);
            assertDeclined(hand, "UNEXPECTED_MESSAGE", unexpected.type().wireName() + " came where");
            assertAll(secrets, true);
        }
    }

    private static void assertDeclined(ByHand hand, String reason, String detail) {
        assertThat(hand.said).last().isInstanceOfSatisfying(MemberOutput.Publish.class, publish -> {
            RoundDeclined declined = (RoundDeclined) ClosedRound.parse(publish.envelope());
            assertThat(declined.reason()).isEqualTo(reason);
            assertThat(declined.detail()).contains(detail);
        });
    }

    @Test
    void givingUp_inAnyState_wipesEverythingAndDeclines() {
        for (Class<? extends MemberState> type : states()) {
            ByHand hand = new ByHand().until(type);
            List<Secret> secrets = secrets(hand.state);
            hand.step(new MemberInput.GaveUp("OutOfDisk", "no room for the spool"));
            assertThat(hand.state)
                    .isInstanceOfSatisfying(
                            MemberState.Bystander.class,
                            now -> assertThat(now.why()).isEqualTo("OutOfDisk"));
            assertDeclined(hand, "OutOfDisk", "no room for the spool");
            assertAll(secrets, true);
            // Once is enough.
            hand.step(new MemberInput.GaveUp("OutOfDisk", "again"));
            assertThat(hand.said).isEmpty();
        }
    }

    @Test
    void notFinite_update_wipesEverythingAndPublishesNothingOfIt() {
        ByHand hand = new ByHand().until(MemberState.Training.class);
        List<Secret> secrets = secrets(hand.state);
        float[] diverged = new float[(int) Federation.ADAPTER.size()];
        diverged[80] = Float.NaN;
        hand.step(new MemberInput.Trained(new Update(Map.of("adapter", diverged), 1, 1, 1, 1), new Spool() {
            @Override
            public void write(Envelope chunk) {
                throw new AssertionError("a chunk of it was written");
            }

            @Override
            public void seal() {
                throw new AssertionError("it was sealed");
            }
        }));
        assertDeclined(hand, "NotFinite", "coordinate 3 of b");
        assertAll(secrets, true);
        assertThat(hand.node.journal.signed(0, 1, MessageType.UPDATE_MANIFEST)).isEmpty();
    }

    /// A member that has not delivered when the survivors are sealed stops, and wipes.
    @Test
    void survivorsSealed_whileTraining_wipesEverything() {
        ByHand hand = new ByHand().until(MemberState.Training.class);
        List<Secret> secrets = secrets(hand.state);
        hand.read(new SurvivorsSealed(List.of(new NamedHash("org-a", Bytes.zeros(32)))));
        assertThat(hand.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).contains("before this member had delivered"));
        assertThat(hand.said).isEmpty();
        assertAll(secrets, true);
    }

    private static void assertLeftOut(
            Class<? extends MemberState> type, Predicate<MemberOutput> outputs, Message message, String why) {
        ByHand hand = new ByHand().until(type);
        List<Secret> secrets = secrets(hand.state);
        hand.read(message);
        assertThat(hand.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).isEqualTo(why));
        assertThat(hand.said).allMatch(outputs);
        assertAll(secrets, true);
    }

    /// The machine is deterministic: another run's messages of the others are this run's too.
    @Test
    void leftOut_ofAnySet_wipesEverything() {
        ByHand other = new ByHand().until(MemberState.Confirmed.class);
        List<Envelope> control = other.federation.control;
        var roster = (RosterSealed) ClosedRound.parse(control.get(1));
        List<Bytes> without = new ArrayList<>(roster.keysAdvertised());
        without.remove(1);
        assertLeftOut(
                MemberState.Advertised.class, output -> false, new RosterSealed(without), "left out of the roster");
        var routed = (SharesRouted) ClosedRound.parse(control.get(2));
        assertLeftOut(
                MemberState.Dealt.class,
                output -> false,
                new SharesRouted(routed.dealers().stream()
                        .filter(named -> !named.organisation().equals("org-b"))
                        .toList()),
                "left out of U2");
        var sealed = (SurvivorsSealed) ClosedRound.parse(control.get(3));
        assertLeftOut(
                MemberState.Delivered.class,
                output -> output instanceof MemberOutput.DeleteSpool,
                new SurvivorsSealed(sealed.survivors().stream()
                        .filter(named -> !named.organisation().equals("org-b"))
                        .toList()),
                "left out of the survivors");
    }

    /// A complaint keeps the channel seed, and nothing else, until the abort that it asked for.
    @Test
    void complaint_untilTheAbort_keepsOnlyTheChannelSeed() {
        ByHand hand = new ByHand();
        Identity liar = hand.federation.node(3).identity;
        hand.federation.lying.put(MEMBER, envelope -> {
            if (!(ClosedRound.parse(envelope) instanceof SharesDealt dealt)) {
                return envelope;
            }
            List<Bytes> boxes = new ArrayList<>(dealt.boxes());
            boxes.set(1, boxes.get(0));
            return liar.sign(
                    new SharesDealt(
                            boxes,
                            dealt.ciphertexts(),
                            dealt.maskCommitment(),
                            dealt.selfCommitment(),
                            dealt.maskShareCommitments(),
                            dealt.selfShareCommitments()),
                    envelope.transcript());
        });
        hand.until(MemberState.Complained.class);
        assertAll(secrets(hand.at(MemberState.Dealt.class)), true);
        List<Secret> kept = secrets(hand.state);
        assertAll(kept, false);
        assertThat(hand.said).first().isInstanceOfSatisfying(MemberOutput.Refused.class, refused -> {
            assertThat(refused.fault().who()).isEqualTo(MEMBER);
            assertThat(refused.fault().reason()).isEqualTo(Refusal.SEALED_SHARE);
        });
        hand.until(MemberState.Idle.class);
        assertThat(hand.said.getFirst())
                .isInstanceOfSatisfying(
                        MemberOutput.Publish.class,
                        publish -> assertThat(publish.envelope().type()).isEqualTo(MessageType.CHANNEL_OPENED));
        assertAll(kept, true);
    }
}

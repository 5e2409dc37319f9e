package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ChannelOpened;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SealedBox;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// What the director proposes and when, and what it passes over: it says nothing that was not decided first, and
/// one thing at a time.
class DirectorStepTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);
    private static final Instant FAR = Instant.EPOCH.plusSeconds(1_000_000);

    private final Federation federation = new Federation(4, 81);

    private static Federation at(Class<? extends Phase> phase) {
        Federation federation = new Federation(4, 81);
        federation.open(federation.next(1, ADAPTER_0));
        go(federation, phase);
        return federation;
    }

    private static void go(Federation federation, Class<? extends Phase> phase) {
        for (int i = 0; i < 1000 && !phase.isInstance(federation.state.phase()); i++) {
            federation.direct(federation.pending.removeFirst());
        }
        assertThat(federation.state.phase()).isInstanceOf(phase);
    }

    private static DirectorState.Transition step(Federation federation, Input input) {
        return federation.director.step(federation.state, input, federation.now);
    }

    private static void assertPassedOver(Federation federation, Input input) {
        assertThat(step(federation, input)).isEqualTo(new DirectorState.Transition(federation.state, List.of()));
    }

    private static Message decided(DirectorState.Transition next) {
        Decided decided = ((Output.Decide) next.outputs().getFirst()).decided();
        assertThat(next.outputs()).hasSize(1);
        assertThat(next.state().deciding()).isTrue();
        try {
            return Message.parse(decided.type(), decided.payload());
        } catch (dev.sotto.schemas.MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private static Input received(Federation federation, int member, Message message, Bytes transcript) {
        return new Input.Received(federation.node(member).identity.sign(message, transcript));
    }

    // proposals

    @Test
    void open_whenNothingIsOpen_isDecidedFirstAndSaidThen() {
        RoundOpened message = federation.next(1, ADAPTER_0);
        DirectorState.Transition next = step(federation, new Input.Open(message));
        assertThat(decided(next)).isEqualTo(message);
        assertThat(next.state().chain()).isEqualTo(Chain.START);
        Decided decided = ((Output.Decide) next.outputs().getFirst()).decided();
        assertThat(decided.transcript()).isEqualTo(Chain.START.head());
        DirectorState.Transition after =
                federation.director.step(next.state(), new Input.Decision(decided), federation.now);
        assertThat(after.outputs())
                .containsExactly(new Output.Publish(federation.coordinator.sign(message, Chain.START.head())));
        assertThat(after.state().deciding()).isFalse();
        assertThat(after.state().chain().open()).isTrue();
    }

    @Test
    void anything_whileAProposalIsOnItsWay_isNotProposedToo() {
        Federation waiting = at(Phase.Keys.class);
        waiting.state =
                waiting.director.step(waiting.state, new Input.Tick(), FAR).state();
        assertThat(waiting.state.deciding()).isTrue();
        for (Input input : List.of(
                new Input.Tick(),
                new Input.Abort("Operator", "test", List.of()),
                new Input.Close(1, Bytes.zeros(32), Bytes.zeros(32)),
                new Input.Open(federation.next(1, ADAPTER_0)))) {
            assertThat(waiting.director.step(waiting.state, input, FAR).outputs())
                    .isEmpty();
        }
    }

    @Test
    void open_whileOpenOrNotTheNext_isNotProposed() {
        Federation open = at(Phase.Keys.class);
        assertPassedOver(open, new Input.Open(federation.next(1, ADAPTER_0)));
        Federation ended = new Federation(4, 81);
        ended.open(ended.next(1, ADAPTER_0));
        ended.run();
        assertPassedOver(ended, new Input.Open(federation.next(1, ADAPTER_0)));
    }

    /// The operator's parameters, refused before anybody hears of them.
    @Test
    void open_infeasible_isTheCallersBug() {
        RoundOpened two = federation.next(2, ADAPTER_0);
        assertThatThrownBy(() -> step(federation, new Input.Open(two)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("threshold 3 exceeds n - maxDropouts = 2");
    }

    @Test
    void roundKey_ofAnAttempt_isOfItsSeed() {
        Bytes nonce = Enc.hash("nonce");
        Bytes key = federation.director.roundKey(3, 2, nonce);
        Secret seed = new dev.sotto.crypto.mask.RoundContext(Federation.NAME, 3, 2)
                .roundKeySeed(federation.roundSecret, nonce);
        assertThat(key).isEqualTo(Federation.PRIMITIVES.kemKey(seed));
    }

    // decisions

    @Test
    void decision_thatNoDirectorMakes_isABug() {
        Federation keys = at(Phase.Keys.class);
        Bytes head = keys.state.chain().head();
        SurvivorsSealed early = new SurvivorsSealed(List.of(new dev.sotto.schemas.NamedHash("org-a", Bytes.zeros(32))));
        assertThatThrownBy(() ->
                        step(keys, new Input.Decision(new Decided(MessageType.SURVIVORS_SEALED, head, early.encode()))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("decides SurvivorsSealed in phase Keys");
        assertThatThrownBy(() -> step(
                        keys,
                        new Input.Decision(new Decided(MessageType.ROSTER_SEALED, head, Bytes.utf8("no roster")))))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("what no director writes");
    }

    // abort and close

    private static void assertSeeds(Federation federation, List<SealedBox> seeds, Opened opened, Bytes t4)
            throws BoxRefused {
        assertThat(seeds).extracting(SealedBox::organisation).isEqualTo(federation.ids);
        for (int i = 0; i < seeds.size(); i++) {
            Federation.Node node = federation.node(i);
            Secret seed = Federation.PRIMITIVES.open(
                    node.deliverySeed,
                    opened.context().closedInfo(t4, node.id),
                    seeds.get(i).box());
            assertThat(Federation.PRIMITIVES.kemKey(seed))
                    .isEqualTo(opened.message().roundKey());
        }
    }

    /// A `RoundAborted` after step 10 may have begun carries the sealed seed, earlier ones nothing to open.
    @Test
    void abort_inAnyPhase_carriesTheSeedOnceSharesAreRevealed() throws BoxRefused {
        Input abort = new Input.Abort("Operator", "a test", List.of(Bytes.utf8("evidence")));
        for (Class<? extends Phase> phase :
                List.of(Phase.Keys.class, Phase.Shares.class, Phase.Updates.class, Phase.Confirmation.class)) {
            assertThat(decided(step(at(phase), abort)))
                    .isEqualTo(new RoundAborted(
                            "Operator", "a test", List.of(Bytes.utf8("evidence")), List.of(), Optional.empty()));
        }
        Federation reveal = at(Phase.Reveal.class);
        Unmasking unmasking = ((Phase.Reveal) reveal.state.phase()).unmasking();
        RoundAborted aborted = (RoundAborted) decided(step(reveal, abort));
        Opened opened = unmasking.survivors().routed().roster().opened();
        assertSeeds(reveal, aborted.roundSeeds(), opened, unmasking.t4());
        go(reveal, Phase.Summing.class);
        aborted = (RoundAborted) decided(step(reveal, abort));
        assertSeeds(reveal, aborted.roundSeeds(), opened, unmasking.t4());
    }

    @Test
    void abort_betweenAttempts_isPassedOver() {
        assertPassedOver(federation, new Input.Abort("Operator", "a test", List.of()));
    }

    @Test
    void close_onceMasksAreOff_handsEveryMemberTheSeed() throws BoxRefused {
        Input close = new Input.Close(1, Enc.hash("model"), Enc.hash("sum"));
        Federation federation = at(Phase.Reveal.class);
        assertPassedOver(federation, close);
        go(federation, Phase.Summing.class);
        Unmasking unmasking = ((Phase.Summing) federation.state.phase()).unmasking();
        RoundClosed closed = (RoundClosed) decided(step(federation, close));
        assertThat(closed.version()).isOne();
        assertThat(closed.modelDigest()).isEqualTo(Enc.hash("model"));
        assertThat(closed.aggregateDigest()).isEqualTo(Enc.hash("sum"));
        assertSeeds(
                federation,
                closed.roundSeeds(),
                unmasking.survivors().routed().roster().opened(),
                unmasking.t4());
    }

    // what members send

    @Test
    void received_whenNobodyWasAsked_isPassedOver() {
        assertPassedOver(federation, received(federation, 0, new SurvivorsConfirmed(), Bytes.zeros(32)));
        Federation summing = at(Phase.Summing.class);
        Bytes head = summing.state.chain().head();
        assertPassedOver(summing, received(summing, 0, new SurvivorsConfirmed(), head));
        assertPassedOver(summing, received(summing, 0, new Complaint("org-b", "SEALED_SHARE"), head));
        assertPassedOver(summing, received(summing, 0, new ChannelOpened(Bytes.zeros(32)), head));
        assertPassedOver(summing, new Input.Delivered("org-a", Bytes.zeros(32)));
        assertPassedOver(summing, new Input.Tick());
    }

    @Test
    void received_sameMessageAgain_isNoEquivocation() {
        Federation keys = new Federation(4, 81);
        keys.dead.add("org-d");
        keys.open(keys.next(1, ADAPTER_0));
        while (!keys.pending.isEmpty()) {
            keys.direct(keys.pending.removeFirst());
        }
        assertThat(keys.state.phase()).isInstanceOf(Phase.Keys.class);
        assertThat(keys.inboxes).hasSize(3);
        keys.inboxes.forEach(envelope -> assertPassedOver(keys, new Input.Received(envelope)));
    }

    @Test
    void delivered_otherThanTheManifest_isPassedOver() {
        Federation updates = at(Phase.Updates.class);
        Envelope manifest = updates.node(0)
                .journal
                .signed(0, 1, MessageType.UPDATE_MANIFEST)
                .orElseThrow();
        Bytes hash = Enc.sha256(manifest.encode());
        assertPassedOver(updates, new Input.Delivered("org-a", hash));
        updates.direct(new Input.Received(manifest));
        assertPassedOver(updates, new Input.Delivered("org-a", Bytes.zeros(32)));
        assertPassedOver(updates, new Input.Delivered("org-b", hash));
        updates.direct(new Input.Delivered("org-a", hash));
        assertThat(((Phase.Updates) updates.state.phase()).delivered()).containsOnlyKeys("org-a");
        // The same manifest again changes nothing, and is no equivocation.
        updates.direct(new Input.Received(manifest));
        assertThat(updates.refusedByDirector).isEmpty();
    }

    private static void assertRefused(Federation federation, Input input, Refusal reason, String who) {
        DirectorState.Transition next = step(federation, input);
        assertThat(next.state()).isEqualTo(federation.state);
        assertThat(next.outputs()).singleElement().isInstanceOfSatisfying(Output.Refused.class, refused -> {
            assertThat(refused.fault().reason()).isEqualTo(reason);
            assertThat(refused.fault().who()).isEqualTo(who);
        });
    }

    @Test
    void complaint_outsideU2_isRefused() {
        Federation updates = new Federation(5, 81);
        updates.dies.put("org-e", MessageType.KEYS_ADVERTISED);
        updates.open(updates.next(1, ADAPTER_0));
        while (!(updates.state.phase() instanceof Phase.Updates)) {
            if (updates.pending.isEmpty()) {
                updates.now = updates.now.plusSeconds(1);
                updates.direct(new Input.Tick());
            } else {
                updates.direct(updates.pending.removeFirst());
            }
        }
        Bytes head = updates.state.chain().head();
        assertRefused(
                updates,
                received(updates, 4, new Complaint("org-a", "SEALED_SHARE"), head),
                Refusal.NOT_A_SUBSET,
                "org-e");
        assertRefused(
                updates,
                received(updates, 0, new Complaint("org-e", "SEALED_SHARE"), head),
                Refusal.NOT_A_SUBSET,
                "org-a");
        assertRefused(
                updates,
                received(updates, 0, new Complaint("org-b", "SEALED_SHARE"), Bytes.zeros(32)),
                Refusal.OTHER_TRANSCRIPT,
                "org-a");
        Message aborted = decided(step(updates, received(updates, 0, new Complaint("org-b", "SEALED_SHARE"), head)));
        assertThat(((RoundAborted) aborted).reason()).isEqualTo("Complaint");
        assertThat(((RoundAborted) aborted).detail()).contains("org-a could not open a share");
        assertThat(Director.isComplaint((RoundAborted) aborted)).isTrue();
    }

    @Test
    void channelOpened_byOthersOrNotAtAll_judgesNothing() {
        Federation judging = at(Phase.Updates.class);
        judging.pending.clear();
        judging.dead.add("org-b");
        judging.direct(received(
                judging,
                1,
                new Complaint("org-a", "SEALED_SHARE"),
                judging.state.chain().head()));
        go(judging, Phase.Judging.class);
        Bytes head = judging.state.chain().head();
        assertPassedOver(judging, received(judging, 2, new ChannelOpened(Bytes.zeros(32)), head));
        assertRefused(
                judging,
                received(judging, 1, new ChannelOpened(Bytes.zeros(32)), Bytes.zeros(32)),
                Refusal.OTHER_TRANSCRIPT,
                "org-b");
        assertPassedOver(judging, received(judging, 2, new SurvivorsConfirmed(), head));
        DirectorState.Transition next = step(judging, received(judging, 1, new ChannelOpened(Bytes.zeros(32)), head));
        assertThat(next.outputs()).containsExactly(new Output.Judged("org-b", "org-b", "org-a"));
        assertThat(next.state().phase()).isInstanceOf(Phase.Between.class);
        assertThat(next.state().leftOut()).contains("org-b");
    }

    @Test
    void disputed_overWhateverTranscript_isToldToTheOperator() {
        Disputed disputed = new Disputed("OTHER_RESULT", List.of());
        assertThat(step(federation, received(federation, 2, disputed, Enc.hash("its T")))
                        .outputs())
                .containsExactly(new Output.Disputed("org-c", "OTHER_RESULT"));
    }

    @Test
    void lifted_malformed_isRefused() {
        SurvivorsLifted real = new SurvivorsLifted(ADAPTER_0, federation.ids, List.of("org-a", "org-b", "org-c"));
        Envelope signed = federation.node(1).identity.sign(real, ADAPTER_0);
        Envelope broken = new Envelope(
                signed.type(),
                signed.federation(),
                signed.sender(),
                signed.keyFingerprint(),
                signed.transcript(),
                Bytes.utf8("no lift"),
                signed.signature());
        assertRefused(federation, new Input.Received(broken), Refusal.MALFORMED, "org-b");
    }

    /// What is sealed on an adapter outlives the attempt, and is what a retry must seal.
    @Test
    void sealed_onAnAdapter_isRememberedAcrossAttempts() {
        Federation confirmation = at(Phase.Confirmation.class);
        assertThat(confirmation.state.sealed()).containsEntry(ADAPTER_0, confirmation.ids);
        confirmation.pending.clear();
        confirmation.direct(new Input.Abort("Operator", "test", List.of()));
        confirmation.direct(confirmation.pending.removeFirst());
        assertThat(confirmation.state.phase()).isInstanceOf(Phase.Between.class);
        assertThat(Objects.requireNonNull(confirmation.state.sealed().get(ADAPTER_0)))
                .isEqualTo(confirmation.ids);
    }

    /// Everybody but org-d is sealed, and the attempt aborted after that.
    private static Federation sealedWithoutTheLast() {
        Federation federation = new Federation(4, 82);
        federation.dies.put("org-d", MessageType.SHARES_DEALT);
        federation.open(federation.next(1, ADAPTER_0));
        drainUntil(federation, Phase.Confirmation.class);
        federation.pending.clear();
        federation.direct(new Input.Abort("Operator", "test", List.of()));
        federation.direct(federation.pending.removeFirst());
        federation.dies.clear();
        federation.nodes.values().forEach(node -> node.spool.clear());
        return federation;
    }

    private static void drainUntil(Federation federation, Class<? extends Phase> phase) {
        for (int i = 0; i < 1000 && !phase.isInstance(federation.state.phase()); i++) {
            if (federation.pending.isEmpty()) {
                federation.now = federation.now.plusSeconds(1);
                federation.direct(new Input.Tick());
            } else {
                federation.direct(federation.pending.removeFirst());
            }
        }
        assertThat(federation.state.phase()).isInstanceOf(phase);
    }

    /// What is decided once these have delivered, in this order, and after that the deadline has passed.
    private static Message decidedAfter(Federation federation, List<String> delivering) {
        federation.open(federation.next(1, ADAPTER_0));
        List<Input> delivered = new ArrayList<>();
        drainUntil(federation, Phase.Updates.class);
        while (!federation.pending.isEmpty()) {
            Input input = federation.pending.removeFirst();
            if (input instanceof Input.Delivered) {
                delivered.add(input);
            } else {
                federation.direct(input);
            }
        }
        for (String member : delivering) {
            Input its = delivered.stream()
                    .filter(input -> ((Input.Delivered) input).member().equals(member))
                    .findFirst()
                    .orElseThrow();
            DirectorState.Transition next = step(federation, its);
            if (!next.outputs().isEmpty()) {
                return decided(next);
            }
            federation.state = next.state();
        }
        return decided(federation.director.step(federation.state, new Input.Tick(), FAR));
    }

    /// Protocol §5, "One survivor set per adapter": exactly it, even if more delivered.
    @Test
    void sealed_beforeAndMoreDeliverNow_areSealedAgainAndNobodyElse() {
        Federation federation = sealedWithoutTheLast();
        federation.node(3).restart();
        SurvivorsSealed sealed =
                (SurvivorsSealed) decidedAfter(federation, List.of("org-d", "org-c", "org-b", "org-a"));
        assertThat(sealed.survivors())
                .extracting(dev.sotto.schemas.NamedHash::organisation)
                .containsExactly("org-a", "org-b", "org-c");
    }

    /// No lift helps a set that is too small for any sum.
    @Test
    void sealed_beforeAndTooFewDeliverNow_isAbortedForThat() {
        RoundAborted aborted = (RoundAborted) decidedAfter(sealedWithoutTheLast(), List.of("org-a", "org-b"));
        assertThat(aborted.reason()).isEqualTo("TOO_FEW");
        assertThat(aborted.detail()).isEqualTo("2 members for SurvivorsSealed, need 3");
    }

    @Test
    void revealed_byTooFew_isAborted() {
        Federation reveal = at(Phase.Reveal.class);
        reveal.pending.clear();
        Message decided = decided(reveal.director.step(reveal.state, new Input.Tick(), FAR));
        assertThat(decided).isInstanceOfSatisfying(RoundAborted.class, aborted -> {
            assertThat(aborted.reason()).isEqualTo("TOO_FEW");
            assertThat(aborted.detail()).isEqualTo("0 members revealed, need 3");
        });
    }

    @Test
    void sharesDealt_secondDifferentOne_isEquivocation() {
        Federation shares = at(Phase.Shares.class);
        Envelope first =
                shares.node(0).journal.signed(0, 1, MessageType.SHARES_DEALT).orElseThrow();
        shares.direct(new Input.Received(first));
        SharesDealt dealt = (SharesDealt) ClosedRound.parse(first);
        SharesDealt other = new SharesDealt(
                dealt.boxes(),
                dealt.ciphertexts(),
                Bytes.zeros(32),
                dealt.selfCommitment(),
                dealt.maskShareCommitments(),
                dealt.selfShareCommitments());
        assertRefused(shares, received(shares, 0, other, shares.state.chain().head()), Refusal.EQUIVOCATION, "org-a");
        assertPassedOver(shares, new Input.Received(first));
    }

    private static Federation openedAgainWithoutTheLast() {
        Federation federation = new Federation(5, 83);
        federation.open(federation.next(1, ADAPTER_0));
        drainUntil(federation, Phase.Keys.class);
        abort(federation);
        federation.cohort = federation.ids.subList(0, 4);
        federation.open(federation.next(0, ADAPTER_0));
        drainUntil(federation, Phase.Keys.class);
        return federation;
    }

    private static void abort(Federation federation) {
        federation.pending.clear();
        federation.direct(new Input.Abort("Operator", "test", List.of()));
        federation.direct(federation.pending.removeFirst());
        federation.pending.clear();
        assertThat(federation.state.phase()).isInstanceOf(Phase.Between.class);
    }

    /// Who is missing from a further attempt of a round was judged, and is left out until the round closes.
    @Test
    void leftOut_isWhoAFurtherAttemptIsOpenedWithout() {
        Federation federation = openedAgainWithoutTheLast();
        assertThat(federation.state.leftOut()).containsExactly("org-e");
        abort(federation);
        assertThat(federation.state.leftOut()).containsExactly("org-e");
        federation.open(federation.next(0, ADAPTER_0));
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(federation.state.leftOut()).isEmpty();
    }

    /// A new round may be opened without anybody, for whatever reason: that is no judgement.
    @Test
    void leftOut_ofANewRound_isNobody() {
        Federation federation = new Federation(5, 84);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        federation.cohort = federation.ids.subList(0, 4);
        federation.open(federation.next(0, Enc.hash("another adapter")));
        drainUntil(federation, Phase.Keys.class);
        assertThat(federation.state.leftOut()).isEmpty();
    }
}

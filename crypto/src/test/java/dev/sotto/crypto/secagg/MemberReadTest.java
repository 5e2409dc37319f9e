package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.UnknownFieldSet;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOfOtherVersion;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SealedBox;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;

/// What a member makes of `control`, message by message, and of what its own side tells it.
class MemberReadTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);

    private final Federation federation = new Federation(4, 71);
    private final Federation.Node node = federation.node(1);
    private final RoundOpened opened = federation.next(1, ADAPTER_0);

    private void read(Message message) {
        node.read(federation.coordinator.sign(message, node.state.chain().head()));
    }

    private static RoundOpened with(
            RoundOpened o, long round, long attempt, List<String> cohort, Bytes roundKey, Bytes previous) {
        return Terms.changed(o, terms -> {
            terms.round = round;
            terms.attempt = attempt;
            terms.cohort = cohort;
            terms.roundKey = roundKey;
            terms.previous = previous;
        });
    }

    private void rules(int smallestCohort, Function<RoundOpened, Optional<String>> policy) {
        node.rules = new MemberRules(Set.copyOf(federation.ids), smallestCohort, 3, 1, policy);
        node.start();
    }

    private void assertRefused(Refusal reason, String who, String detail) {
        assertThat(node.refused).hasSize(1);
        assertThat(node.refused.getFirst().reason()).isEqualTo(reason);
        assertThat(node.refused.getFirst().who()).isEqualTo(who);
        assertThat(node.refused.getFirst()).hasMessageContaining(detail);
    }

    private RoundDeclined declined() {
        return (RoundDeclined) ClosedRound.parse(
                node.journal.signed(0, 1, MessageType.ROUND_DECLINED).orElseThrow());
    }

    // what changes nothing

    @Test
    void control_messageOfAMember_changesNothing() {
        MemberState before = node.state;
        node.read(federation
                .node(0)
                .identity
                .sign(new RoundDeclined("POLICY", "no"), node.state.chain().head()));
        assertRefused(Refusal.UNKNOWN_SENDER, "org-a", "does not write control");
        assertThat(node.state).isSameAs(before);
        assertThat(node.journal.signed(0, 1)).isEmpty();
    }

    @Test
    void control_outOfOrder_changesNothing() {
        MemberState before = node.state;
        read(new RosterSealed(List.of(Bytes.zeros(1))));
        assertRefused(Refusal.UNEXPECTED_MESSAGE, "coordinator", "RosterSealed while no attempt is open");
        assertThat(node.state).isSameAs(before);
        node.refused.clear();
        read(opened);
        MemberState advertised = node.state;
        assertThat(advertised).isInstanceOf(MemberState.Advertised.class);
        read(with(
                opened,
                0,
                2,
                federation.ids,
                opened.roundKey(),
                node.state.chain().head()));
        assertRefused(Refusal.UNEXPECTED_MESSAGE, "coordinator", "RoundOpened while an attempt is open");
        assertThat(node.state).isSameAs(advertised);
    }

    @Test
    void roundOpened_notTheNext_changesNothing() {
        for (long[] wrong : new long[][] {{1, 1}, {0, 2}}) {
            node.refused.clear();
            read(with(opened, wrong[0], wrong[1], federation.ids, opened.roundKey(), opened.previous()));
            assertRefused(
                    Refusal.OTHER_ROUND,
                    "coordinator",
                    "opened round " + wrong[0] + " attempt " + wrong[1] + " after round -1 attempt 0");
            assertThat(node.state).isEqualTo(new MemberState.Idle(Chain.START));
        }
    }

    @Test
    void roundOpened_otherPrevious_isAForkedLog() {
        read(with(opened, 0, 1, federation.ids, opened.roundKey(), Bytes.utf8("another log, of 32 bytes length.")));
        assertRefused(Refusal.FORKED_LOG, "coordinator", "C_prev is not the end of this log");
    }

    // whether it takes part

    @Test
    void roundOpened_forOthers_isFoldedInSilence() {
        read(with(opened, 0, 1, List.of("org-a", "org-c", "org-d"), opened.roundKey(), opened.previous()));
        assertThat(node.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).isEqualTo("not in the cohort"));
        read(new RosterSealed(List.of(Bytes.zeros(1))));
        assertThat(node.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).isEqualTo("not in the cohort"));
        read(new RoundAborted("Operator", "test", List.of(), List.of(), Optional.empty()));
        assertThat(node.state).isInstanceOf(MemberState.Idle.class);
        assertThat(node.state.chain().attempt()).isOne();
        assertThat(node.outputs).containsExactly(new MemberOutput.Aborted("Operator", "test"));
    }

    // another version of the protocol

    /// As this program's, with a field that it does not know, and with whatever else a later version may have.
    private RoundOfOtherVersion of(int protocol, long round, List<String> cohort) {
        return new RoundOfOtherVersion(
                protocol,
                round,
                1,
                cohort,
                Bytes.of(dev.sotto.schemas.proto.RoundOpened.newBuilder()
                        .setProtocol(protocol)
                        .setRound(round)
                        .setAttempt(1)
                        .addAllCohort(cohort)
                        .setUnknownFields(UnknownFieldSet.newBuilder()
                                .addField(
                                        99,
                                        UnknownFieldSet.Field.newBuilder()
                                                .addVarint(7)
                                                .build())
                                .build())
                        .build()
                        .toByteArray()));
    }

    @Test
    void roundOpened_ofAnotherProtocolVersion_isDeclinedByName_andDisputedByNobody() {
        node.start();
        read(of(2, 0, federation.ids));
        assertRefused(Refusal.OTHER_PROTOCOL, "coordinator", "is of version 2 of the protocol, this program speaks");
        assertThat(declined().reason()).isEqualTo("OTHER_PROTOCOL");
        assertThat(declined().detail()).contains("update it");
        assertThat(node.journal.signed(0, 1)).hasSize(1);
        assertThat(node.state).isInstanceOf(MemberState.Bystander.class);
    }

    @Test
    void roundOpened_ofAnotherProtocolVersion_againOrForOthers_isNotDeclinedAgain() {
        node.start();
        read(of(2, 0, federation.ids));
        node.start();
        read(of(2, 0, federation.ids));
        assertThat(node.journal.signed(0, 1)).hasSize(1);
        Federation.Node other = federation.node(2);
        other.read(federation.coordinator.sign(
                of(2, 0, List.of("org-a")), other.state.chain().head()));
        assertThat(other.journal.signed(0, 1)).isEmpty();
        assertThat(other.refused.getFirst().reason()).isEqualTo(Refusal.OTHER_PROTOCOL);
    }

    @Test
    void roundOpened_ofAnotherProtocolVersion_outOfTurn_changesNothing() {
        node.start();
        MemberState before = node.state;
        read(of(2, 1, federation.ids));
        assertRefused(Refusal.OTHER_ROUND, "coordinator", "opened round 1 attempt 1 after round -1");
        assertThat(node.state).isSameAs(before);
    }

    @Test
    void roundOpened_thatNamesItsVersionWithoutNeed_isMalformed() {
        Bytes named = Bytes.of(dev.sotto.schemas.proto.RoundOpened.newBuilder()
                .setProtocol(1)
                .build()
                .toByteArray());
        assertThatThrownBy(() -> Message.parse(MessageType.ROUND_OPENED, named))
                .isInstanceOf(MalformedMessage.class)
                .hasMessageContaining("protocol is 1, must be 2");
    }

    private RoundOpened drawn(List<String> cohort) {
        return Terms.changed(opened, terms -> {
            terms.candidates = federation.ids;
            terms.cohort = cohort;
            terms.maxDropouts = 0;
            terms.threshold = 3;
        });
    }

    @Test
    void roundOpened_cohortThatItsSeedDraws_isJoinedByThoseOnly() {
        node.rules = new MemberRules(Set.copyOf(federation.ids), 3, 3, 0, o -> Optional.empty());
        node.start();
        List<String> cohort = SampledCohort.next(Chain.START, federation.ids, 3);
        read(drawn(cohort));
        assertThat(node.refused).isEmpty();
        if (cohort.contains(node.identity.name())) {
            assertThat(node.state).isInstanceOf(MemberState.Advertised.class);
        } else {
            assertThat(node.state)
                    .isInstanceOfSatisfying(
                            MemberState.Bystander.class,
                            now -> assertThat(now.why()).isEqualTo("not drawn into the cohort"));
        }
    }

    /// Whoever reads it sees it, also who is not in it; whoever is declines.
    @Test
    void roundOpened_cohortThatItsSeedDoesNotDraw_isRefusedByEverybody() {
        List<String> fair = SampledCohort.next(Chain.START, federation.ids, 3);
        for (String out : fair) {
            List<String> unfair =
                    federation.ids.stream().filter(id -> !id.equals(out)).toList();
            for (int i = 0; i < 4; i++) {
                Federation.Node any = new Federation(4, 71).node(i);
                any.read(federation.coordinator.sign(
                        drawn(unfair), any.state.chain().head()));
                assertThat(any.refused).singleElement().satisfies(fault -> {
                    assertThat(fault.reason()).isEqualTo(Refusal.OTHER_COHORT);
                    assertThat(fault).hasMessageContaining("the cohort is " + unfair + ", the seed draws " + fair);
                });
                assertThat(any.state)
                        .isInstanceOfSatisfying(
                                MemberState.Bystander.class,
                                now -> assertThat(now.fault()).isPresent());
                assertThat(any.journal.signed(0, 1, MessageType.ROUND_DECLINED).isPresent())
                        .isEqualTo(unfair.contains(any.identity.name()));
            }
        }
    }

    /// The seed is the round's, whatever came between.
    @Test
    void roundOpened_secondAttempt_keepsTheCohort() {
        List<String> cohort = SampledCohort.next(node.state.chain(), federation.ids, 3);
        read(drawn(cohort));
        read(new RoundAborted("Operator", "test", List.of(), List.of(), Optional.empty()));
        Chain chain = node.state.chain();
        assertThat(SampledCohort.next(chain, federation.ids, 3)).isEqualTo(cohort);
        assertThat(chain.closing()).isEqualTo(Chain.START.closing()).isNotEqualTo(chain.head());
    }

    @Test
    void roundOpened_invalidRoundKey_isDeclined() {
        read(with(opened, 0, 1, federation.ids, Bytes.zeros(1216), opened.previous()));
        assertRefused(Refusal.INVALID_KEY, "coordinator", "round key: X-Wing public key");
        assertThat(declined().reason()).isEqualTo("INVALID_KEY");
    }

    @Test
    void roundOpened_allApprovedAndAllowed_isJoined() {
        rules(4, o -> Optional.empty());
        read(opened);
        assertThat(node.state).isInstanceOf(MemberState.Advertised.class);
        assertThat(node.refused).isEmpty();
    }

    /// A policy may say much; the message keeps to its limit.
    @Test
    void declined_longReason_isCutForTheMessageOnly() {
        String why = "x".repeat(3000);
        rules(3, o -> Optional.of(why));
        read(opened);
        assertThat(declined().detail()).hasSize(Limits.DETAIL / 4).startsWith("coordinator: POLICY: xxx");
        assertThat(node.refused.getFirst()).hasMessageContaining(why);
        assertThat(node.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).contains(why));
    }

    /// Its own policy counts at the roster too: of four who were asked three answered.
    @Test
    void rosterSealed_smallerThanThePolicysCohort_isDeclined() {
        rules(4, o -> Optional.empty());
        federation.dead.add("org-d");
        federation.open(opened);
        federation.run();
        assertRefused(Refusal.POLICY, "coordinator", "the roster has 3 members, policy wants 4");
        assertThat(declined().reason()).isEqualTo("POLICY");
    }

    // restarted

    @Test
    void restarted_afterTheManifest_sendsWhatWasSignedAndTheSpool() {
        federation.open(opened);
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        List<Envelope> signed = node.journal.signed(0, 1);
        assertThat(signed)
                .extracting(Envelope::type)
                .containsExactly(MessageType.KEYS_ADVERTISED, MessageType.SHARES_DEALT, MessageType.UPDATE_MANIFEST);
        node.outputs.clear();
        node.restart();
        List<MemberOutput> expected = new ArrayList<>();
        signed.forEach(envelope -> expected.add(new MemberOutput.Publish(envelope)));
        expected.add(new MemberOutput.SendSpool());
        assertThat(node.outputs).isEqualTo(expected);
        assertThat(node.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).contains("restarted"));
        assertThat(node.journal.signed(0, 1)).isEqualTo(signed);
    }

    @Test
    void restarted_beforeTheManifest_sendsNoSpool() {
        federation.open(opened);
        while (!(federation.state.phase() instanceof Phase.Shares)) {
            federation.direct(federation.pending.removeFirst());
        }
        node.outputs.clear();
        node.restart();
        assertThat(node.outputs).hasSize(2).allMatch(MemberOutput.Publish.class::isInstance);
    }

    @Test
    void missed_attempt_isFoldedWithoutAWord() {
        Envelope open = federation.coordinator.sign(opened, Bytes.zeros(32));
        node.step(new MemberInput.Missed(open));
        assertThat(node.state)
                .isInstanceOfSatisfying(
                        MemberState.Bystander.class,
                        now -> assertThat(now.why()).isEqualTo("it ended before this member read it"));
        assertThat(node.outputs).isEmpty();
        assertThat(node.journal.signed(0, 1)).isEmpty();
    }

    // what its own side tells it

    @Test
    void trained_whenNothingWasAsked_changesNothing() {
        MemberState before = node.state;
        Spool none = new Spool() {
            @Override
            public void write(Envelope chunk) {
                throw new AssertionError("nothing may be written");
            }

            @Override
            public void seal() {
                throw new AssertionError("nothing may be sealed");
            }
        };
        node.step(new MemberInput.Trained(federation.randomUpdate(), none));
        node.step(new MemberInput.GaveUp("Operator", "stopped"));
        assertThat(node.state).isSameAs(before);
        assertThat(node.outputs).isEmpty();
        read(with(opened, 0, 1, List.of("org-a", "org-c", "org-d"), opened.roundKey(), opened.previous()));
        MemberState bystander = node.state;
        node.step(new MemberInput.GaveUp("Operator", "stopped"));
        assertThat(node.state).isEqualTo(bystander);
        assertThat(node.outputs).isEmpty();
    }

    @Test
    void trained_vectorMissingOrOfAnotherLength_isTheCallersBug() {
        for (Map<String, float[]> vectors : List.of(
                Map.<String, float[]>of(), Map.of("adapter", new float[81]), Map.of("adapter", new float[83]))) {
            Federation fresh = new Federation(4, 71);
            fresh.forced.put("org-b", new Update(vectors, 1, 1, 1, 1));
            fresh.open(fresh.next(1, ADAPTER_0));
            assertThatThrownBy(fresh::run).hasMessageContaining("must hold 82 coordinates of adapter");
        }
    }

    /// Chunks are written before the manifest leaves, and the spool is sealed once, after the last.
    @Test
    void trained_spool_isSealedAfterTheLastChunkAndBeforeTheManifest() {
        List<String> order = new ArrayList<>();
        federation.dead.add(node.id);
        federation.open(opened);
        MemberState state = new MemberState.Idle(Chain.START);
        int read = 0;
        while (!(state instanceof MemberState.Training)) {
            if (read == federation.control.size()) {
                federation.direct(
                        federation.pending.isEmpty()
                                ? new DirectorState.Input.Tick()
                                : federation.pending.removeFirst());
                continue;
            }
            var next = node.member
                    .orElseThrow()
                    .step(state, new MemberInput.Read(federation.control.get(read++), federation.inboxes));
            state = next.state();
            for (MemberOutput output : next.outputs()) {
                if (output instanceof MemberOutput.Publish publish) {
                    federation.inboxes.add(publish.envelope());
                    federation.pending.add(new DirectorState.Input.Received(publish.envelope()));
                }
            }
        }
        node.member.orElseThrow().step(state, new MemberInput.Trained(federation.randomUpdate(), new Spool() {
            @Override
            public void write(Envelope chunk) {
                assertThat(node.journal.signed(0, 1, MessageType.UPDATE_MANIFEST))
                        .isEmpty();
                order.add(chunk.type().wireName());
            }

            @Override
            public void seal() {
                assertThat(node.journal.signed(0, 1, MessageType.UPDATE_MANIFEST))
                        .isEmpty();
                order.add("sealed");
            }
        }));
        assertThat(order).containsExactly("UpdateChunk", "UpdateChunk", "sealed");
        assertThat(node.journal.signed(0, 1, MessageType.UPDATE_MANIFEST)).isPresent();
    }

    // the end

    private MemberOutput.Closed closed(UnaryOperator<RoundClosed> lie) {
        federation.tampered.put(
                node.id,
                envelope -> ClosedRound.parse(envelope) instanceof RoundClosed message
                        ? federation.coordinator.sign(lie.apply(message), envelope.transcript())
                        : envelope);
        federation.open(opened);
        federation.run();
        return node.outputs.stream()
                .filter(MemberOutput.Closed.class::isInstance)
                .map(MemberOutput.Closed.class::cast)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void closed_sealedSeed_isTheRoundKeys() {
        MemberOutput.Closed closed = closed(UnaryOperator.identity());
        assertThat(closed.unmasking()).isPresent();
        assertThat(Federation.PRIMITIVES.kemKey(closed.roundSeed().orElseThrow()))
                .isEqualTo(opened.roundKey());
        assertThat(closed.message().roundSeeds())
                .extracting(SealedBox::organisation)
                .isEqualTo(federation.ids);
    }

    /// Without the seed it cannot recompute; the round is closed all the same.
    @Test
    void closed_seedForAnotherOnly_isClosedWithoutIt() {
        MemberOutput.Closed closed = closed(message -> {
            List<SealedBox> boxes = new ArrayList<>(message.roundSeeds());
            boxes.set(1, new SealedBox("org-b", boxes.get(0).box()));
            return new RoundClosed(
                    message.version(), message.modelDigest(), message.aggregateDigest(), boxes, message.revealed());
        });
        assertThat(closed.roundSeed()).isEmpty();
        assertThat(closed.unmasking()).isPresent();
        assertThat(node.state).isInstanceOf(MemberState.Idle.class);
    }

    @Test
    void disputed_messageThatFillsAnEnvelope_isNamedByTheLogAlone() {
        for (int size : new int[] {Limits.ENVELOPE - 3 * Limits.DETAIL, Limits.ENVELOPE - Limits.DETAIL}) {
            Federation fresh = new Federation(3, 72);
            Federation.Node member = fresh.node(1);
            Envelope last = fresh.coordinator.sign(new RosterSealed(List.of(Bytes.zeros(size))), Bytes.zeros(32));
            member.state = new MemberState.Idle(
                    new Chain(Bytes.zeros(32), 0, 1, true, false, Bytes.zeros(32), Optional.of(last)));
            member.step(new MemberInput.Dispute(new PeerMisbehaved(Refusal.OTHER_RESULT, "coordinator", "test")));
            Disputed disputed = (Disputed) ClosedRound.parse(
                    member.journal.signed(0, 1, MessageType.DISPUTED).orElseThrow());
            assertThat(disputed.reason()).isEqualTo("OTHER_RESULT");
            assertThat(disputed.evidence()).hasSize(size < Limits.ENVELOPE - Limits.DETAIL ? 1 : 0);
        }
    }
}

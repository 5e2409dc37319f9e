package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.crypto.fixedpoint.FixedPoint;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Honest members, with and without dropouts: the sum is the plaintext sum of the survivors.
class RoundTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);

    private static void assertSumOf(Federation federation, List<String> survivors) {
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(survivors.size());
        FixedPoint codec = new FixedPoint(Ring.K24, Federation.ADAPTER, federation.ids.size(), Federation.CAP);
        double[] plain = federation.plainMean(survivors);
        for (int i = 0; i < plain.length; i++) {
            double bound = codec.errorBound(i < 77 ? 0 : 1, federation.totals.orElseThrow());
            assertThat(federation.mean[i]).isCloseTo(plain[i], within(bound * (1 + 1e-9)));
        }
        double loss = survivors.stream()
                .map(id -> java.util.Objects.requireNonNull(federation.nodes.get(id))
                        .update
                        .orElseThrow())
                .mapToDouble(update -> update.weight() * update.meanLoss())
                .sum();
        assertThat(federation.totals.orElseThrow().lossSum()).isCloseTo(loss, within(survivors.size() * 0x1p-21));
    }

    @Test
    void round_everybodyDelivers_sumsEverybody() {
        for (int members = 3; members <= 6; members++) {
            Federation federation = new Federation(members, members);
            federation.open(federation.next(0, ADAPTER_0));
            federation.run();
            assertSumOf(federation, federation.ids);
            federation.nodes.values().forEach(node -> {
                assertThat(node.refused).isEmpty();
                assertThat(node.state).isInstanceOf(MemberState.Idle.class);
            });
        }
    }

    /// Every subset of up to maxDropouts members, each dying after each message that it sends before
    /// delivering, up to six members. Those that die after `SharesDealt` are unmasked through their
    /// masters.
    @Test
    @Tag("slow")
    void round_everyDropoutPattern_sumsTheSurvivors() {
        for (int members = 4; members <= 6; members++) {
            int c = Parameters.defaultMaxColluders(members);
            int most = members - Math.max(Parameters.defaultThreshold(members, c), c + 2);
            for (int mask = 1; mask < 1 << members; mask++) {
                if (Integer.bitCount(mask) > most) {
                    continue;
                }
                for (MessageType last : List.of(MessageType.KEYS_ADVERTISED, MessageType.SHARES_DEALT)) {
                    Federation federation = new Federation(members, mask);
                    List<String> survivors = new ArrayList<>(federation.ids);
                    for (int i = 0; i < members; i++) {
                        if ((mask >> i & 1) == 1) {
                            federation.dies.put(federation.ids.get(i), last);
                            survivors.remove(federation.ids.get(i));
                        }
                    }
                    federation.open(federation.next(most, ADAPTER_0));
                    federation.run();
                    assertSumOf(federation, survivors);
                }
            }
        }
    }

    /// Every dropout pattern once more, dying later: after delivering they are still in the sum.
    @Test
    @Tag("slow")
    void round_membersDieAfterDelivering_areStillSummed() {
        for (MessageType last : List.of(MessageType.SURVIVORS_CONFIRMED, MessageType.SHARES_REVEALED)) {
            for (int i = 0; i < 4; i++) {
                Federation federation = new Federation(4, i);
                federation.dies.put(federation.ids.get(i), last);
                federation.open(federation.next(1, ADAPTER_0));
                federation.run();
                assertSumOf(federation, federation.ids);
            }
        }
    }

    @Test
    void round_memberDiesAndComesBack_sitsOutAndTakesPartInTheNext() {
        Federation federation = new Federation(4, 1);
        federation.dies.put("org-b", MessageType.SHARES_DEALT);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertSumOf(federation, List.of("org-a", "org-c", "org-d"));
        federation.dies.clear();
        federation.node(1).restart();
        federation.open(federation.next(1, Bytes.utf8("another adapter, 32 bytes long!!")));
        federation.run();
        assertSumOf(federation, federation.ids);
    }

    @Test
    void round_memberRestartsInTheMiddle_revealsNothingAndSignsNothingNew() {
        for (MessageType last :
                List.of(MessageType.KEYS_ADVERTISED, MessageType.SHARES_DEALT, MessageType.SURVIVORS_CONFIRMED)) {
            Federation federation = new Federation(4, 2);
            federation.dies.put("org-c", last);
            federation.open(federation.next(1, ADAPTER_0));
            while (!federation.dead.contains("org-c")) {
                federation.direct(federation.pending.removeFirst());
            }
            var signed = federation.node(2).journal.signed(0, 1);
            federation.dies.clear();
            federation.node(2).restart();
            federation.run();
            assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
            assertThat(federation.node(2).journal.signed(0, 1)).isEqualTo(signed);
        }
    }

    @Test
    void round_tooManyDropouts_abortsAndWipes() {
        Federation federation = new Federation(4, 3);
        federation.dies.put("org-a", MessageType.SHARES_DEALT);
        federation.dies.put("org-b", MessageType.SHARES_DEALT);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_ABORTED);
        assertThat(federation.totals).isEmpty();
        assertThat(federation.node(2).state).isInstanceOf(MemberState.Idle.class);
    }

    @Test
    void director_endedAttempts_foldFromDecisionsAlone() {
        Federation federation = new Federation(4, 6);
        federation.dies.put("org-a", MessageType.SHARES_DEALT);
        federation.dies.put("org-b", MessageType.SHARES_DEALT);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        federation.dies.clear();
        federation.node(0).restart();
        federation.node(1).restart();
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        DirectorState state = DirectorState.START;
        List<Envelope> signed = new ArrayList<>();
        for (var decided : federation.leader) {
            var next = federation.director.step(state, new DirectorState.Input.Ended(decided), federation.now);
            state = next.state();
            next.outputs().forEach(output -> signed.add(((DirectorState.Output.Publish) output).envelope()));
        }
        assertThat(signed).isEqualTo(federation.control);
        assertThat(state.chain()).isEqualTo(federation.state.chain());
        assertThat(state.sealed()).isEqualTo(federation.state.sealed());
    }

    @Test
    void member_readsEndedAttempts_foldsAndSaysNothing() {
        Federation federation = new Federation(4, 8);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        var node = federation.node(3);
        MemberState state = new MemberState.Idle(Chain.START);
        for (Envelope envelope : federation.control) {
            var next = node.member.orElseThrow().step(state, new MemberInput.Missed(envelope));
            state = next.state();
            assertThat(next.outputs())
                    .noneMatch(
                            output -> output instanceof MemberOutput.Publish || output instanceof MemberOutput.Refused);
        }
        assertThat(state).isEqualTo(new MemberState.Idle(federation.state.chain()));
    }

    /// A successor that folds the leader's log signs every message again, byte for byte.
    @Test
    void director_successorFoldsTheLeadersLog_signsTheSameBytes() {
        Federation federation = new Federation(4, 4);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        Federation replay = new Federation(4, 4);
        List<Envelope> signed = new ArrayList<>();
        DirectorState state = DirectorState.START;
        for (var decided : federation.leader) {
            for (var envelope : federation.inboxes) {
                state = replay.director
                        .step(state, new DirectorState.Input.Received(envelope), federation.now)
                        .state();
            }
            state = state.deciding(false);
            if (state.phase() instanceof DirectorState.Phase.Updates updates) {
                for (var manifest : updates.manifests().values()) {
                    state = replay.director
                            .step(
                                    state,
                                    new DirectorState.Input.Delivered(manifest.member(), manifest.hash()),
                                    federation.now)
                            .state();
                }
            }
            var next = replay.director.step(state, new DirectorState.Input.Decision(decided), federation.now);
            state = next.state();
            next.outputs().forEach(output -> {
                if (output instanceof DirectorState.Output.Publish publish) {
                    signed.add(publish.envelope());
                }
            });
        }
        assertThat(signed).isEqualTo(federation.control);
    }
}

package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;

/// For whom the director waits, and until when (protocol §5, "Deadlines are the director's"): each phase has its
/// own, nobody waits for who declined, and stragglers have their grace.
class DeadlineTest {
    private static final String LATE = "org-d";

    private Federation federation = new Federation(4, 61);

    private static RoundOpened with(RoundOpened o, Deadlines deadlines) {
        return Terms.changed(o, terms -> terms.deadlines = deadlines);
    }

    private void open() {
        federation.open(with(federation.next(1, Bytes.zeros(32)), new Deadlines(11, 12, 100, 13, 14)));
    }

    private void drain() {
        while (!federation.pending.isEmpty()) {
            federation.direct(federation.pending.removeFirst());
        }
    }

    /// What is said at `time` when nothing else happens: a decision, or nothing.
    private List<Output> tick(Instant time) {
        return federation
                .director
                .step(federation.state, new Input.Tick(), time)
                .outputs();
    }

    private void assertWaitsUntil(Instant end, MessageType decided) {
        assertThat(tick(end.minusNanos(1))).isEmpty();
        for (Instant late : List.of(end, end.plusSeconds(5))) {
            assertThat(tick(late))
                    .singleElement()
                    .isInstanceOfSatisfying(
                            Output.Decide.class,
                            decide -> assertThat(decide.decided().type()).isEqualTo(decided));
        }
    }

    /// The member answers to nothing from this message of `control` on.
    private static void silentFrom(Federation federation, String member, MessageType first) {
        federation.tampered.put(member, envelope -> {
            if (envelope.type() == first) {
                federation.dead.add(member);
            }
            return envelope;
        });
    }

    /// The phase has begun, and these answer no more.
    private void assertPhaseLasts(
            List<String> missing, Class<? extends Phase> phase, MessageType first, long seconds, MessageType decided) {
        Federation fresh = new Federation(4, 61);
        federation = fresh;
        fresh.now = Instant.EPOCH.plusSeconds(1000);
        missing.forEach(member -> silentFrom(fresh, member, first));
        open();
        drain();
        assertThat(fresh.state.phase()).isInstanceOf(phase);
        Instant end = fresh.now.plusSeconds(seconds);
        assertThat(fresh.state.ends()).contains(end);
        assertWaitsUntil(end, decided);
    }

    /// Two answer of four, with one dropout allowed: not enough, so no grace but the whole deadline.
    @Test
    void tooFewAnswer_waitsTheDeadlineAndAborts() {
        List<String> two = List.of("org-c", LATE);
        MessageType aborted = MessageType.ROUND_ABORTED;
        assertPhaseLasts(two, Phase.Keys.class, MessageType.ROUND_OPENED, 11, aborted);
        assertPhaseLasts(two, Phase.Shares.class, MessageType.ROSTER_SEALED, 12, aborted);
        assertPhaseLasts(two, Phase.Updates.class, MessageType.SHARES_ROUTED, 100, aborted);
        assertPhaseLasts(two, Phase.Confirmation.class, MessageType.SURVIVORS_SEALED, 13, aborted);
        assertPhaseLasts(two, Phase.Reveal.class, MessageType.UNMASK_REQUESTED, 14, aborted);
    }

    /// Three answer of four at once: the fourth has the grace, and not the deadline.
    @Test
    void enoughAnswer_theOthersHaveTheGrace() {
        List<String> one = List.of(LATE);
        assertPhaseLasts(one, Phase.Keys.class, MessageType.ROUND_OPENED, 5, MessageType.ROSTER_SEALED);
        assertPhaseLasts(one, Phase.Shares.class, MessageType.ROSTER_SEALED, 6, MessageType.SHARES_ROUTED);
        assertPhaseLasts(one, Phase.Updates.class, MessageType.SHARES_ROUTED, 7, MessageType.SURVIVORS_SEALED);
        assertPhaseLasts(one, Phase.Confirmation.class, MessageType.SURVIVORS_SEALED, 6, MessageType.UNMASK_REQUESTED);
    }

    @Test
    void enoughReveal_theOthersHaveTheGraceAndThenTheMasksComeOff() {
        silentFrom(federation, LATE, MessageType.UNMASK_REQUESTED);
        open();
        drain();
        assertThat(federation.state.phase()).isInstanceOf(Phase.Reveal.class);
        Instant end = federation.now.plusSeconds(6);
        assertThat(federation.state.ends()).contains(end);
        assertThat(tick(end.minusNanos(1))).isEmpty();
        assertThat(tick(end)).singleElement().isInstanceOf(Output.Unmask.class);
    }

    /// Until n − maxDropouts have delivered, and from then the larger of the grace and the time that they took.
    private void assertGrace(Duration took, Duration grace) {
        silentFrom(federation, LATE, MessageType.SHARES_ROUTED);
        open();
        Instant began = federation.now;
        List<Input> delivered = new java.util.ArrayList<>();
        while (!federation.pending.isEmpty()) {
            Input input = federation.pending.removeFirst();
            if (input instanceof Input.Delivered) {
                delivered.add(input);
            } else {
                federation.direct(input);
            }
        }
        assertThat(delivered).hasSize(3);
        federation.direct(delivered.get(0));
        federation.now = began.plus(took);
        federation.direct(delivered.get(1));
        assertThat(tick(federation.now.plus(grace))).isEmpty();
        federation.direct(delivered.get(2));
        Instant enough = federation.now;
        // One who says it again, later, does not begin the grace anew.
        federation.now = enough.plusMillis(1);
        federation.direct(delivered.get(0));
        assertWaitsUntil(enough.plus(grace), MessageType.SURVIVORS_SEALED);
    }

    @Test
    void training_enoughWereQuick_stragglersHaveTheGrace() {
        assertGrace(Duration.ofSeconds(2), Duration.ofSeconds(7));
    }

    @Test
    void training_enoughTookLong_stragglersHaveThatLong() {
        assertGrace(Duration.ofSeconds(30), Duration.ofSeconds(30));
    }

    @Test
    void judging_complainantIsSilent_waitsTheDeadlineOfShares() {
        open();
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        federation.dead.add(LATE);
        federation.pending.clear();
        federation.direct(new Input.Received(federation
                .node(3)
                .identity
                .sign(
                        new Complaint("org-a", "SEALED_SHARE"),
                        federation.state.chain().head())));
        drain();
        Instant end = federation.now.plusSeconds(12);
        assertThat(federation.state.ends()).contains(end);
        assertThat(tick(end.minusNanos(1))).isEmpty();
        assertThat(tick(end)).containsExactly(new Output.Judged(LATE, LATE, "org-a"));
    }

    /// It was asked and said no: the others need not wait.
    @Test
    void declined_inAnyPhase_isNotWaitedFor() {
        for (MessageType first : List.of(
                MessageType.ROUND_OPENED,
                MessageType.ROSTER_SEALED,
                MessageType.SHARES_ROUTED,
                MessageType.SURVIVORS_SEALED)) {
            Federation fresh = new Federation(4, 62);
            silentFrom(fresh, LATE, first);
            fresh.open(fresh.next(1, Bytes.zeros(32)));
            while (!fresh.pending.isEmpty()) {
                fresh.direct(fresh.pending.removeFirst());
            }
            int before = fresh.control.size();
            fresh.direct(new Input.Received(fresh.node(3)
                    .identity
                    .sign(
                            new RoundDeclined("POLICY", "not now"),
                            fresh.state.chain().head())));
            while (!fresh.pending.isEmpty()) {
                fresh.direct(fresh.pending.removeFirst());
            }
            assertThat(fresh.control.size()).as("from %s on", first).isGreaterThan(before);
        }
    }

    @Test
    void declined_overAnotherTranscript_isRefusedAndStillWaitedFor() {
        silentFrom(federation, LATE, MessageType.ROUND_OPENED);
        open();
        drain();
        federation.direct(new Input.Received(
                federation.node(3).identity.sign(new RoundDeclined("POLICY", "not now"), Bytes.zeros(32))));
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .containsExactly(Refusal.OTHER_TRANSCRIPT);
        assertThat(federation.state.silent()).isEmpty();
        assertThat(federation.state.phase()).isInstanceOf(Phase.Keys.class);
    }

    @Test
    void declined_lastAttempt_isWaitedForInTheNext() {
        open();
        federation.direct(federation.pending.removeFirst());
        federation.direct(federation.pending.removeFirst());
        federation.direct(new Input.Received(federation
                .node(3)
                .identity
                .sign(
                        new RoundDeclined("POLICY", "not now"),
                        federation.state.chain().head())));
        assertThat(federation.state.silent()).containsExactly(LATE);
        federation.pending.clear();
        federation.direct(new Input.Abort("Operator", "test", List.of()));
        drain();
        assertThat(federation.state.silent()).isEmpty();
        // Between attempts nobody is asked.
        federation.direct(new Input.Received(federation
                .node(3)
                .identity
                .sign(
                        new RoundDeclined("POLICY", "not now"),
                        federation.state.chain().head())));
        assertThat(federation.state.silent()).isEmpty();
        assertThat(federation.refusedByDirector).isEmpty();
    }
}

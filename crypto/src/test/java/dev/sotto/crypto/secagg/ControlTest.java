package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsSealed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Someone who took no part reads `control` and the inboxes, and verifies what the members verified.
class ControlTest {
    private final ClosedRound round = new ClosedRound();
    private final Federation federation = round.federation;
    private final Directory coordinator =
            new Directory(Federation.NAME, federation.coordinator.key(), Map.of(), Map.of());

    private Control fold(List<Envelope> control) throws PeerMisbehaved {
        Control fold = Control.START;
        for (Envelope envelope : control) {
            fold = fold.next(Federation.PRIMITIVES, coordinator, envelope);
        }
        return fold;
    }

    @Test
    void bystander_recomputesWhatTheMembersDid() throws Exception {
        Control control = fold(federation.control);
        assertThat(control.chain()).isEqualTo(federation.state.chain());
        Attempt attempt = control.attempts().getFirst();
        assertThat(attempt.transcripts()).hasSize(6).endsWith(control.chain().head());
        Roster roster = attempt.roster(Federation.PRIMITIVES, federation.directory);
        Routed routed = attempt.routed(Federation.PRIMITIVES, federation.directory, roster, federation.inboxes);
        Unmasking unmasking = attempt.unmasking(Federation.PRIMITIVES, federation.directory, attempt.survivors(routed));
        assertThat(unmasking).isEqualTo(round.unmasking);

        Recomputation recomputation = Recomputation.of(
                Federation.PRIMITIVES,
                federation.directory,
                unmasking,
                federation.inboxes,
                attempt.closed().orElseThrow());
        MaskedSum masked = recomputation.sum(federation.chunks(), new Sample.All(), (chunk, fault) -> {
            throw new AssertionError(fault);
        });
        assertThat(recomputation.incomplete(masked)).isEmpty();
        try (Unmasker unmasker = recomputation.rebuild(round.roundSeed)) {
            UnmaskedSum sum = masked.unmask(unmasking.survivors(), unmasker, 1);
            recomputation.checkSum(sum);
            ModelVersion made = recomputation.step(sum, federation.before, federation.step);
            assertThat(made.digest(Federation.NAME)).isEqualTo(federation.version.digest(Federation.NAME));
        }
    }

    @Test
    void chunks_missingOrContradictingTheManifest_areNamed() throws Exception {
        Recomputation recomputation = Recomputation.of(
                Federation.PRIMITIVES, federation.directory, round.unmasking, federation.inboxes, round.closed);
        List<Envelope> chunks = new ArrayList<>(federation.chunks());
        Envelope gone = chunks.removeFirst();
        var parsed = (dev.sotto.schemas.UpdateChunk) ClosedRound.parse(gone);
        Envelope other = round.sign(
                gone.sender(),
                new dev.sotto.schemas.UpdateChunk(
                        parsed.vector(),
                        parsed.index(),
                        Bytes.zeros(parsed.masked().size())),
                gone.transcript());
        chunks.add(other);
        List<Envelope> refused = new ArrayList<>();
        MaskedSum masked = recomputation.sum(chunks, new Sample.All(), (chunk, fault) -> {
            refused.add(chunk);
            assertThat(fault.reason()).isEqualTo(Refusal.OTHER_CHUNK);
            assertThat(fault.who()).isEqualTo(gone.sender());
        });
        assertThat(refused).containsExactly(other);
        assertThat(recomputation.incomplete(masked)).containsExactly(gone.sender());
    }

    @Test
    void control_withARecordRemovedReorderedOrReplaced_doesNotFold() {
        int last = federation.control.size() - 1;
        for (int i = 0; i < last; i++) {
            List<Envelope> removed = new ArrayList<>(federation.control);
            removed.remove(i);
            // Without its opening there is no attempt; later the next message continues another transcript.
            assertRefused(() -> fold(removed), Refusal.OTHER_TRANSCRIPT, "coordinator", "another transcript");
            List<Envelope> reordered = new ArrayList<>(federation.control);
            Collections.swap(reordered, i, i + 1);
            assertRefused(() -> fold(reordered), Refusal.OTHER_TRANSCRIPT, "coordinator", "another transcript");
        }
        // Another message, rightly signed over the same transcript: what follows does not continue it.
        Envelope sealed = federation.control.get(3);
        SurvivorsSealed said = (SurvivorsSealed) ClosedRound.parse(sealed);
        List<Envelope> replaced = new ArrayList<>(federation.control);
        replaced.set(
                3,
                federation.coordinator.sign(new SurvivorsSealed(said.survivors().subList(0, 4)), sealed.transcript()));
        assertRefused(() -> fold(replaced), Refusal.OTHER_TRANSCRIPT, "coordinator", "another transcript");
    }

    @Test
    void control_messageOutOfTurn_isRefused() throws Exception {
        Control opened = fold(federation.control.subList(0, 1));
        Envelope skipping = federation.coordinator.sign(
                new SharesRouted(((SharesRouted) ClosedRound.parse(federation.control.get(2))).dealers()),
                opened.chain().head());
        assertRefused(
                () -> opened.next(Federation.PRIMITIVES, coordinator, skipping),
                Refusal.UNEXPECTED_MESSAGE,
                "coordinator",
                "SharesRouted came where RosterSealed was due");
        RoundOpened first = round.opened.message();
        assertRefused(
                () -> opened.next(
                        Federation.PRIMITIVES,
                        coordinator,
                        federation.coordinator.sign(first, opened.chain().head())),
                Refusal.UNEXPECTED_MESSAGE,
                "coordinator",
                "while an attempt is open");
        Control closed = fold(federation.control);
        assertRefused(
                () -> closed.next(
                        Federation.PRIMITIVES,
                        coordinator,
                        federation.coordinator.sign(
                                new RoundAborted("X", "", List.of(), List.of(), Optional.empty()),
                                closed.chain().head())),
                Refusal.UNEXPECTED_MESSAGE,
                "coordinator",
                "while no attempt is open");
        assertRefused(
                () -> closed.next(Federation.PRIMITIVES, coordinator, round.sent("org-a", MessageType.SHARES_DEALT)),
                Refusal.UNKNOWN_SENDER,
                "org-a",
                "no part of a round");
    }

    @Test
    void attempt_aborted_hasItsReasonAndNoResult() throws Exception {
        Federation other = new Federation(4, 3);
        other.ids.forEach(other.dead::add);
        other.open(other.next(0, Bytes.zeros(32)));
        other.run();
        Control control = Control.START;
        Directory key = new Directory(Federation.NAME, other.coordinator.key(), Map.of(), Map.of());
        for (Envelope envelope : other.control) {
            control = control.next(Federation.PRIMITIVES, key, envelope);
        }
        Attempt attempt = control.attempts().getFirst();
        assertThat(attempt.aborted().orElseThrow().reason()).isEqualTo("TOO_FEW");
        assertThat(attempt.closed()).isEmpty();
        assertThat(attempt.said(RoundClosed.class)).isEmpty();
    }
}

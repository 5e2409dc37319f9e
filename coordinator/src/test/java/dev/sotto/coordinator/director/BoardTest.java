package dev.sotto.coordinator.director;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.schemas.MessageType;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class BoardTest {
    private static final String[] FOUR = {"a", "b", "c", "d"};

    private final Board board = new Board();
    private final BoardScript script = new BoardScript(board, Instant.parse("2026-03-01T12:00:00Z"));

    @Test
    void closedRound_hasItsFigures() {
        script.opened(0, 1, FOUR)
                .bytes(500, 7)
                .roster(FOUR)
                .routed("a", "b", "c")
                .sealed("a", "b", "c")
                .confirmed("a", "b")
                .closed(1.5, 6, "a", "b", "c");

        Board.Round round = board.rounds().rounds().getFirst();
        assertThat(board.rounds().current()).isNull();
        assertThat(round.survivors()).containsExactly("a", "b", "c");
        assertThat(round.dropped()).containsExactly(new Board.Dropped("d", "shares", Board.SILENT));
        assertThat(round.confirmed()).isEqualTo(2);
        assertThat(round.phases())
                .isEqualTo(Map.of(
                        "keys", 10.0,
                        "shares", 10.0,
                        "training", 10.0,
                        "confirmation", 10.0,
                        "reveal", 10.0,
                        "closing", 10.0));
        assertThat(round.phases().keySet()).containsExactlyElementsOf(Board.PHASES);
        assertThat(round.seconds()).isEqualTo(60);
        assertThat(round.closedAt()).isEqualTo(script.now());
        assertThat(round.bytesUp()).isEqualTo(500);
        assertThat(round.bytesDown()).as("read by four").isEqualTo(28);
        assertThat(round.meanLoss()).isEqualTo(1.5);
        assertThat(round.clipped()).isEqualTo(6);
        assertThat(round.clippedShare()).isEqualTo(6.0 / (3 * BoardScript.COORDINATES));
    }

    /// A director that begins later folds the decisions, and reads the versions' headers.
    @Test
    void totals_thatAreRecalled_areThoseOfTheVersionsRound() {
        script.opened(0, 1, FOUR)
                .roster(FOUR)
                .routed(FOUR)
                .sealed(FOUR)
                .confirmed(FOUR)
                .closedUnseen(1, FOUR);
        script.opened(1, 1, FOUR)
                .roster(FOUR)
                .routed(FOUR)
                .sealed(FOUR)
                .confirmed(FOUR)
                .closedUnseen(2, FOUR);
        assertThat(board.rounds().rounds()).extracting(Board.Round::meanLoss).containsOnlyNulls();
        board.recalled(2, new Totals(4, 10, 25, 8, 0, 0));
        board.recalled(7, new Totals(4, 10, 99, 0, 0, 0));
        assertThat(board.rounds().rounds()).extracting(Board.Round::meanLoss).containsExactly(null, 2.5);
        assertThat(board.rounds().rounds().getLast().clippedShare()).isEqualTo(8.0 / (4 * BoardScript.COORDINATES));
        assertThat(board.rounds().rounds().getLast().survivors()).containsExactly(FOUR);
    }

    /// The machine decides as soon as the last one has answered; only then the board hears of the answer.
    @Test
    void lastAnswer_heardOfAfterItsDecision_doesNotPutTheMemberBack() {
        script.opened(0, 1, FOUR).roster(FOUR);
        for (String id : List.of("a", "b", "c")) {
            script.said(id, MessageType.SHARES_DEALT);
        }
        script.routed(FOUR).said("d", MessageType.SHARES_DEALT);
        assertThat(places())
                .extracting(Board.Place::place)
                .containsExactly("training", "training", "training", "training");
    }

    @Test
    void members_moveThroughThePhases_andThoseLeftOutStayThere() {
        script.opened(0, 1, FOUR).said("a", MessageType.KEYS_ADVERTISED);
        assertThat(places())
                .containsExactly(
                        new Board.Place("a", "keys sent", 1, null),
                        new Board.Place("b", "asked", 0, null),
                        new Board.Place("c", "asked", 0, null),
                        new Board.Place("d", "asked", 0, null));
        script.roster("a", "b", "c")
                .routed("a", "b", "c")
                .said("a", MessageType.UPDATE_MANIFEST)
                .said("d", MessageType.UPDATE_MANIFEST);
        board.delivered("b");
        assertThat(places())
                .containsExactly(
                        new Board.Place("a", "sending", 2, null),
                        new Board.Place("b", "delivered", 3, null),
                        new Board.Place("c", "training", 2, null),
                        new Board.Place("d", "left out", 2, "keys"));
        Board.Current current = Objects.requireNonNull(board.rounds().current());
        assertThat(current.phase()).isEqualTo("training");
        assertThat(current.phaseEndsAt()).isEqualTo(script.now().plusSeconds(7200));
        assertThat(current.phases()).isEqualTo(Map.of("keys", 10.0, "shares", 10.0));
    }

    @Test
    void dropout_hasTheReasonThatIsKnown() {
        script.opened(0, 1, FOUR)
                .declined("b", 0, 1, "POLICY", "steps 4, mostSteps 3")
                .refused("c", "BAD_SIGNATURE")
                .roster("a", "d")
                .aborted("TOO_FEW", "2 members");
        assertThat(board.rounds().aborted().getFirst().dropped())
                .contains(new Board.Dropped("b", "keys", "POLICY"), new Board.Dropped("c", "keys", "BAD_SIGNATURE"))
                .doesNotContain(new Board.Dropped("b", "shares", "POLICY"));
        assertThat(board.sums().refused()).isEqualTo(Map.of("BAD_SIGNATURE", 1L));
    }

    @Test
    void refusalThatEndsTheAttempt_isTheReasonOfTheDropout() {
        script.opened(0, 1, FOUR)
                .said("a", MessageType.KEYS_ADVERTISED)
                .said("b", MessageType.KEYS_ADVERTISED)
                .said("c", MessageType.KEYS_ADVERTISED)
                .aborted("TOO_FEW", "3 members, need 4")
                .declined("d", 0, 1, "POLICY", "no");
        Board.Aborted aborted = board.rounds().aborted().getFirst();
        assertThat(aborted.phase()).isEqualTo("keys");
        assertThat(aborted.dropped()).containsExactly(new Board.Dropped("d", "keys", "POLICY"));
    }

    @Test
    void dispute_belongsToTheAttemptInWhichTheMemberStood() {
        script.round(0, 2, FOUR)
                .disputed("a", "WRONG_DIGEST")
                .disputed("a", "WRONG_DIGEST")
                .round(1, 1, FOUR)
                .disputed("a", "WRONG_DIGEST")
                .disputedElsewhere("b", "FORK");
        assertThat(board.rounds().disputed())
                .containsExactly(
                        new Board.Disputed("a", "WRONG_DIGEST", 0L, 1L),
                        new Board.Disputed("a", "WRONG_DIGEST", 1L, 1L),
                        new Board.Disputed("b", "FORK", null, null));
    }

    @Test
    void sums_addUpWhatTheRoundsHave() {
        script.round(0, 2, FOUR)
                .opened(1, 1, FOUR)
                .bytes(100, 10)
                .roster("a", "b", "c")
                .aborted("TOO_FEW", "3, need 4")
                .opened(1, 2, FOUR)
                .bytes(1, 1);
        Board.Sums sums = board.sums();
        assertThat(sums.closed()).isOne();
        assertThat(sums.aborted()).isEqualTo(Map.of("TOO_FEW", 1L));
        assertThat(sums.dropped()).isEqualTo(Map.of("keys", 1L, "shares", 3L));
        assertThat(sums.phaseCounts()).containsEntry("training", 1L);
        assertThat(sums.phaseSeconds()).containsEntry("training", 10.0);
        assertThat(sums.bytesUp()).isEqualTo(101);
        assertThat(sums.bytesDown()).isEqualTo(44);
    }

    private List<Board.Place> places() {
        return Objects.requireNonNull(board.rounds().current()).cohort();
    }
}

package dev.sotto.coordinator.dashboard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import dev.sotto.coordinator.director.Board;
import dev.sotto.coordinator.director.BoardScript;
import dev.sotto.coordinator.director.Member;
import dev.sotto.schemas.MessageType;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class ViewTest {
    private static final String[] FOUR = {"a", "b", "c", "d"};
    private static final Instant START = Instant.parse("2026-03-01T12:00:00Z");

    private final Board board = new Board();
    private final BoardScript script = new BoardScript(board, START);

    @Test
    void openAttempt_isAPictureOfPhasesAndLanes() {
        script.opened(2, 1, FOUR)
                .roster("a", "b", "c")
                .routed("a", "b", "c")
                .said("a", MessageType.UPDATE_MANIFEST)
                .declined("c", 2, 1, "POLICY", "no");
        View view = view(script.now().plusSeconds(100));
        View.Running running = Objects.requireNonNull(view.running());
        assertThat(running.phases())
                .extracting(View.Phase::name, View.Phase::state, phase -> plain(phase.time()))
                .containsExactly(
                        tuple("keys", "done", "10 s"),
                        tuple("shares", "done", "10 s"),
                        tuple("training", "now", ""),
                        tuple("confirmation", "next", ""),
                        tuple("reveal", "next", ""),
                        tuple("closing", "next", ""));
        assertThat(running.lanes().stream()
                        .map(lane -> lane.organisation() + " " + lane.place() + ": "
                                + lane.cells().stream().map(View.Cell::state).collect(Collectors.joining(" "))))
                .containsExactly(
                        "a sending: done done now next next next",
                        "b training: done done now next next next",
                        "c declined: done done out off off off",
                        "d left out: out off off off off off");
        assertThat(view.sentence()).isEqualTo("Round 2, attempt 1: training, 0 of 2 done.");
        assertThat(running.facts()).contains(new View.Fact("Time left", Words.whole("1 h 58 min")));
        View late = view(script.now().plusSeconds(7201));
        assertThat(Objects.requireNonNull(late.running()).facts()).contains(new View.Fact("Time left", "none"));
    }

    @Test
    void betweenRounds_itSaysWhyNoneIsOpen() {
        assertThat(view(START).sentence()).isEqualTo("No round is open.");
        script.round(0, 2, FOUR).round(1, 1, FOUR).round(2, 0.5, FOUR);
        View view = view(script.now());
        assertThat(view.running()).isNull();
        assertThat(view.curves())
                .extracting(Curve::name)
                .containsExactly("Mean loss", "Survivors", "Seconds from opening to closing");
        assertThat(view.curves().getFirst().summary()).isEqualTo("Mean loss, from round 0: 2.000 to round 2: 0.5000.");
    }

    @Test
    void closedRounds_areShownNewestFirst_withDisputesWhereTheyBelong() {
        for (int round = 0; round < 25; round++) {
            script.round(round, 1, FOUR);
            if (round == 23) {
                script.disputed("b", "WRONG_DIGEST");
            }
        }
        View view = view(script.now());
        assertThat(view.rounds()).hasSize(View.MOST_ROWS);
        assertThat(view.olderRounds()).isEqualTo(5);
        assertThat(view.rounds().get(0).round()).isEqualTo(24);
        assertThat(view.rounds().get(0).disputes()).isEmpty();
        assertThat(view.rounds().get(0).confirmed()).isEqualTo("4 of 4");
        assertThat(view.rounds().get(0).clipped()).isEqualTo("0.0750 %");
        assertThat(view.rounds().get(1).disputes()).containsExactly("b: WRONG_DIGEST");
    }

    @Test
    void trouble_isListedByRound() {
        script.opened(0, 1, FOUR)
                .declined("d", 0, 1, "POLICY", "steps 4")
                .roster("a", "b")
                .aborted("TOO_FEW", "2 members, need 3")
                .disputedElsewhere("a", "FORK");
        assertThat(view(script.now()).events())
                .containsExactly(
                        new View.Event("on another log", "disputed", "a", "FORK", ""),
                        new View.Event(
                                "0, attempt 1", "aborted", "c, d, a, b", "TOO_FEW", "in shares: 2 members, need 3"),
                        new View.Event("0, attempt 1", "declined", "d", "POLICY", "steps 4"));
    }

    @Test
    void members_haveTheirCertificatesEnd_andAnAlarmBeforeIt() {
        Instant now = START;
        List<Member> members = List.of(
                new Member(
                        "a",
                        "active",
                        "a",
                        "ab".repeat(32),
                        "1f",
                        now.plus(Duration.ofDays(400)),
                        now.minusSeconds(70),
                        "1",
                        null),
                new Member(
                        "b", "active", "b-g2", "cd".repeat(32), "2f", now.plus(Duration.ofDays(29)), null, null, null),
                new Member(
                        "c", "suspended", "c", "ef".repeat(32), "3f", now.minusSeconds(1), null, "1", "under review"),
                new Member("d", "left", null, null, null, null, now.minusSeconds(3), null, ""));
        List<View.Person> people =
                View.of("f", 20, board.rounds(), members, now).members();
        assertThat(people)
                .extracting(person -> plain(person.ends()))
                .containsExactly("2027-04-05, in 400 days", "2026-03-30, in 29 days", "2026-03-01, has ended", "");
        assertThat(people).extracting(View.Person::alarm).containsExactly(false, true, true, false);
        assertThat(people)
                .extracting(person -> plain(person.seen()))
                .containsExactly("1 min 10 s ago", "never", "never", "3 s ago");
        assertThat(people)
                .extracting(View.Person::state)
                .containsExactly("active", "active", "suspended: under review", "left");
        assertThat(people.getFirst().fingerprint()).startsWith("abab abab ").hasSize(64 + 15);
    }

    @Test
    void curve_isBrokenWhereARoundHasNoValue_andStaysInItsBox() {
        Curve curve = Curve.of("Mean loss", Map.of(0L, 2.0, 1L, 1.5, 3L, 1.1, 4L, 1.0), 10, false, false);
        assertThat(curve.line()).containsPattern("^M[^ML]+ [^ML]+L[^ML]+M[^ML]+L[^ML]+$");
        assertThat(curve.dots()).hasSize(4);
        for (List<Curve.Mark> marks : List.of(curve.dots(), curve.ticksX(), curve.ticksY())) {
            assertThat(marks).allSatisfy(mark -> {
                assertThat(mark.x()).isBetween(0.0, (double) Curve.WIDTH);
                assertThat(mark.y()).isBetween(0.0, (double) Curve.HEIGHT);
            });
        }
        assertThat(curve.ticksY()).extracting(Curve.Mark::text).containsExactly("1.0", "1.5", "2.0");
    }

    @Test
    void curve_ofOneOrOfEqualValues_hasAxes() {
        for (double value : new double[] {0, 1e-12, 3.25, 1e9, -4}) {
            Curve curve = Curve.of("Mean loss", Map.of(0L, value, 1L, value), 2, false, false);
            assertThat(curve.ticksY()).as("ticks of %s", value).hasSizeBetween(2, 8);
            assertThat(curve.line()).doesNotContain("NaN", "Infinity");
        }
    }

    @Test
    void curve_ofManyRounds_staysSmall() {
        Map<Long, Double> values = new HashMap<>();
        for (long round = 0; round < 100_000; round++) {
            values.put(round, 1.0 / (round + 1));
        }
        Curve curve = Curve.of("Mean loss", values, 100_000, false, false);
        assertThat(curve.line().length()).isLessThan(10_000);
        assertThat(curve.line()).as("in one piece").containsOnlyOnce("M");
        assertThat(curve.dots()).hasSizeLessThan(100);
        assertThat(curve.ticksX()).hasSizeLessThan(10);
    }

    @Test
    void quantities_areReadable() {
        assertThat(List.of(0L, 999L, 1_000L, 99_949L, 850_000L, 999_600L, 1_234_567_890L))
                .extracting(bytes -> plain(Words.bytes(bytes)))
                .containsExactly("0 B", "999 B", "1.0 kB", "99.9 kB", "850 kB", "1.0 MB", "1.2 GB");
        assertThat(List.of(0.04, 9.94, 9.95, 59.4, 60.0, 200.0, 7500.0, 1e6))
                .extracting(seconds -> plain(Words.seconds(seconds)))
                .containsExactly("0.0 s", "9.9 s", "10 s", "59 s", "1 min", "3 min 20 s", "2 h 5 min", "11 days");
    }

    private static String plain(String text) {
        return text.replace('\u00a0', ' ');
    }

    private View view(Instant now) {
        return View.of("f", 20, board.rounds(), List.of(), now);
    }
}

package dev.sotto.coordinator.dashboard;

import dev.sotto.coordinator.director.Board;
import dev.sotto.coordinator.director.Member;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The dashboard at one moment: texts in the order in which the page has them. It knows aggregates only, because
/// the coordinator does.
///
/// Texts are plain; the template escapes them. Ids, reasons and details come from members.
///
/// @param sentence  what goes on, in one sentence
/// @param running   the open attempt
/// @param curves    over the rounds
/// @param rounds    the last [#MOST_ROWS] that were closed, newest first
/// @param olderRounds how many more were closed
/// @param events    refusals, aborts, judgements and disputes, newest round first, [#MOST_ROWS] at most
/// @param olderEvents how many more there were
/// @param members   and former members
public record View(
        String federation,
        String sentence,
        List<Fact> facts,
        @Nullable Running running,
        List<Curve> curves,
        List<Closed> rounds,
        int olderRounds,
        List<Event> events,
        int olderEvents,
        List<Person> members,
        String time) {
    /// How many rounds and events are shown.
    public static final int MOST_ROWS = 20;

    private static final Duration SOON = Duration.ofDays(30);

    /// A figure about the federation.
    public record Fact(String name, String value) {}

    /// The open attempt.
    ///
    /// @param title  round and attempt
    /// @param phases in order
    /// @param lanes  one for each organisation
    public record Running(String title, List<Phase> phases, List<Lane> lanes, List<Fact> facts) {}

    /// A phase of the open attempt.
    ///
    /// @param state `done`, `now` or `next`
    /// @param time  how long it took, if it is over
    public record Phase(String name, String state, String time) {}

    /// An organisation's way through the phases.
    ///
    /// @param place in words
    /// @param cells one for each phase
    public record Lane(String organisation, String place, List<Cell> cells) {}

    /// What an organisation did in a phase.
    ///
    /// @param state `done`, `now`, `next`, `out` or `off` (after `out`)
    /// @param text  for those who do not see the picture
    public record Cell(String state, String text) {}

    /// A round that was closed.
    ///
    /// @param dropped who was left out, in which phase and why
    /// @param phases  seconds of each
    /// @param disputes what members say against it; empty if nothing
    public record Closed(
            long round,
            long attempt,
            String closedAt,
            String survivors,
            List<String> dropped,
            String confirmed,
            String loss,
            String clipped,
            String took,
            String phases,
            String up,
            String down,
            long version,
            String digest,
            List<String> disputes) {}

    /// Something that went wrong.
    ///
    /// @param kind `aborted`, `declined`, `judged` or `disputed`
    public record Event(String round, String kind, String who, String reason, String detail) {}

    /// An organisation.
    ///
    /// @param ends  when its certificate does
    /// @param alarm whether that is soon
    public record Person(
            String organisation, String state, String seen, String ends, boolean alarm, String fingerprint) {}

    /// Of a federation.
    ///
    /// @param rounds after which it is finished
    public static View of(String federation, long rounds, Board.Rounds board, List<Member> members, Instant now) {
        List<Event> events = events(board);
        return new View(
                federation,
                sentence(board, rounds),
                facts(board, rounds, members),
                board.current() == null ? null : running(board.current(), now),
                curves(board.rounds(), rounds),
                newest(board.rounds()).stream()
                        .map(round -> closed(round, board.disputed()))
                        .toList(),
                Math.max(0, board.rounds().size() - MOST_ROWS),
                events.stream().limit(MOST_ROWS).toList(),
                Math.max(0, events.size() - MOST_ROWS),
                members.stream().map(member -> person(member, now)).toList(),
                Words.time(now));
    }

    private static String sentence(Board.Rounds board, long rounds) {
        Board.Current current = board.current();
        if (board.finished()) {
            return "Finished: all " + Words.count(rounds, "round") + " are closed.";
        }
        if (current == null) {
            return board.waiting() == null ? "No round is open." : "Waiting: " + board.waiting() + ".";
        }
        long in = current.cohort().stream()
                .filter(place -> place.leftIn() == null)
                .count();
        long done = current.cohort().stream()
                .filter(place -> place.leftIn() == null && place.phasesDone() > Board.PHASES.indexOf(current.phase()))
                .count();
        return "Round " + current.round() + ", attempt " + current.attempt() + ": "
                + (current.phase().equals("closing")
                        ? "the sum is unmasked and the next version made."
                        : current.phase() + ", " + done + " of " + in + " done.");
    }

    private static List<Fact> facts(Board.Rounds board, long rounds, List<Member> members) {
        long active = members.stream().filter(Member::isActive).count();
        List<Fact> facts = new ArrayList<>();
        facts.add(new Fact("Rounds closed", board.rounds().size() + " of " + rounds));
        facts.add(new Fact("Active members", String.valueOf(active)));
        facts.add(new Fact("Attempts aborted", String.valueOf(board.aborted().size())));
        facts.add(new Fact("Disputes", String.valueOf(board.disputed().size())));
        if (!board.rounds().isEmpty()) {
            facts.add(new Fact(
                    "Adapter version", String.valueOf(board.rounds().getLast().modelVersion())));
        }
        return List.copyOf(facts);
    }

    private static Running running(Board.Current current, Instant now) {
        int at = Board.PHASES.indexOf(current.phase());
        List<Phase> phases = new ArrayList<>();
        for (int i = 0; i < Board.PHASES.size(); i++) {
            String name = Board.PHASES.get(i);
            phases.add(new Phase(
                    name,
                    i < at ? "done" : i == at ? "now" : "next",
                    i < at ? Words.seconds(current.phases().getOrDefault(name, 0.0)) : ""));
        }
        return new Running(
                "Round " + current.round() + ", attempt " + current.attempt(),
                List.copyOf(phases),
                current.cohort().stream().map(place -> lane(place, at)).toList(),
                List.of(
                        new Fact("Time left", left(current.phaseEndsAt(), now)),
                        new Fact("Opened", Words.ago(current.openedAt(), now)),
                        new Fact("Members", String.valueOf(current.cohort().size())),
                        new Fact("Needed in every phase", String.valueOf(current.fewest())),
                        new Fact("From members", Words.bytes(current.bytesUp())),
                        new Fact("To members", Words.bytes(current.bytesDown()))));
    }

    private static String left(@Nullable Instant ends, Instant now) {
        if (ends == null) {
            return "no limit";
        }
        long seconds = Duration.between(now, ends).toSeconds();
        return seconds <= 0 ? "none" : Words.span(seconds);
    }

    /// A member's own part ends with revealing; closing is the coordinator's, with everybody who revealed.
    private static Lane lane(Board.Place place, int at) {
        int out = place.leftIn() == null ? Integer.MAX_VALUE : Board.PHASES.indexOf(place.leftIn());
        List<Cell> cells = new ArrayList<>();
        for (int i = 0; i < Board.PHASES.size(); i++) {
            cells.add(
                    i == out
                            ? new Cell("out", place.place())
                            : i > out
                                    ? new Cell("off", "")
                                    : i < place.phasesDone()
                                            ? new Cell("done", "done")
                                            : i == at ? new Cell("now", "in progress") : new Cell("next", "to come"));
        }
        return new Lane(place.organisation(), place.place(), List.copyOf(cells));
    }

    private static List<Curve> curves(List<Board.Round> closed, long rounds) {
        return List.of(
                Curve.of("Mean loss", values(closed, Board.Round::meanLoss), rounds, false, false),
                Curve.of(
                        "Survivors",
                        values(closed, round -> (double) round.survivors().size()),
                        rounds,
                        true,
                        true),
                Curve.of("Seconds from opening to closing", values(closed, Board.Round::seconds), rounds, true, false));
    }

    private static Map<Long, Double> values(List<Board.Round> closed, Function<Board.Round, @Nullable Double> value) {
        Map<Long, Double> values = new TreeMap<>();
        for (Board.Round round : closed) {
            Double known = value.apply(round);
            if (known != null && Double.isFinite(known)) {
                values.put(round.round(), known);
            }
        }
        return values;
    }

    private static List<Board.Round> newest(List<Board.Round> closed) {
        return closed.subList(Math.max(0, closed.size() - MOST_ROWS), closed.size())
                .reversed();
    }

    private static Closed closed(Board.Round round, List<Board.Disputed> disputes) {
        int cohort = round.survivors().size() + round.dropped().size();
        return new Closed(
                round.round(),
                round.attempt(),
                Words.time(round.closedAt()),
                round.survivors().size() + " of " + cohort,
                round.dropped().stream().map(View::dropped).toList(),
                round.confirmed() + " of " + round.survivors().size(),
                round.meanLoss() == null ? "not known" : Words.number(round.meanLoss()),
                Words.share(round.clippedShare()),
                Words.seconds(round.seconds()),
                round.phases().entrySet().stream()
                        .map(entry -> Words.whole(entry.getKey() + " " + Words.seconds(entry.getValue())))
                        .collect(Collectors.joining(", ")),
                Words.bytes(round.bytesUp()),
                Words.bytes(round.bytesDown()),
                round.modelVersion(),
                grouped(round.modelDigest().substring(0, 16)),
                disputes.stream()
                        .filter(dispute -> Long.valueOf(round.round()).equals(dispute.round())
                                && Long.valueOf(round.attempt()).equals(dispute.attempt()))
                        .map(dispute -> dispute.organisation() + ": " + dispute.reason())
                        .toList());
    }

    private static String dropped(Board.Dropped lost) {
        return lost.organisation() + " in " + lost.phase() + ": "
                + (lost.reason().equals(Board.SILENT) ? "nothing came before the deadline" : lost.reason());
    }

    private record Numbered(long round, long attempt, Event event) {}

    private static List<Event> events(Board.Rounds board) {
        List<Numbered> all = new ArrayList<>();
        board.aborted()
                .forEach(gone -> all.add(numbered(
                        gone.round(),
                        gone.attempt(),
                        "aborted",
                        gone.dropped().stream().map(Board.Dropped::organisation).collect(Collectors.joining(", ")),
                        gone.reason(),
                        "in " + gone.phase() + ": " + gone.detail())));
        board.declined()
                .forEach(no -> all.add(
                        numbered(no.round(), no.attempt(), "declined", no.organisation(), no.reason(), no.detail())));
        board.judged()
                .forEach(lie ->
                        all.add(numbered(lie.round(), lie.attempt(), "judged", lie.organisation(), "", lie.detail())));
        board.disputed()
                .forEach(dispute -> all.add(
                        dispute.round() == null || dispute.attempt() == null
                                ? new Numbered(
                                        Long.MAX_VALUE,
                                        0,
                                        new Event(
                                                "on another log",
                                                "disputed",
                                                dispute.organisation(),
                                                dispute.reason(),
                                                ""))
                                : numbered(
                                        dispute.round(),
                                        dispute.attempt(),
                                        "disputed",
                                        dispute.organisation(),
                                        dispute.reason(),
                                        "")));
        return all.stream()
                .sorted(Comparator.comparingLong(Numbered::round)
                        .thenComparingLong(Numbered::attempt)
                        .reversed())
                .map(Numbered::event)
                .toList();
    }

    private static Numbered numbered(long round, long attempt, String kind, String who, String reason, String detail) {
        return new Numbered(round, attempt, new Event(round + ", attempt " + attempt, kind, who, reason, detail));
    }

    private static Person person(Member member, Instant now) {
        Instant ends = member.certificateEnds();
        return new Person(
                member.organisation(),
                member.reason() == null || member.reason().isEmpty()
                        ? member.state()
                        : member.state() + ": " + member.reason(),
                member.lastSeen() == null ? "never" : Words.ago(member.lastSeen(), now),
                ends == null ? "" : Words.day(ends) + ends(ends, now),
                ends != null && ends.isBefore(now.plus(SOON)),
                member.fingerprint() == null ? "" : grouped(member.fingerprint()));
    }

    private static String ends(Instant ends, Instant now) {
        Duration left = Duration.between(now, ends);
        return left.isNegative() ? ", has ended" : ", " + Words.whole("in " + Words.count(left.toDays(), "day"));
    }

    /// Hexadecimal in groups of four, as `sotto peers` prints it.
    private static String grouped(String hex) {
        return hex.toLowerCase(Locale.ROOT).replaceAll("(.{4})(?=.)", "$1 ");
    }
}

package dev.sotto.coordinator.director;

import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UnmaskRequested;
import dev.sotto.schemas.VectorLayout;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What an operator sees of the rounds: a fold of the director's decisions and their times. Bytes and refusals are
/// those that this director saw; after a restart earlier rounds have none.
///
/// Thread-safe.
public final class Board {
    /// The phases of an attempt, in order. In the last one the coordinator is by itself.
    public static final List<String> PHASES =
            List.of("keys", "shares", "training", "confirmation", "reveal", "closing");

    /// Why somebody was left out who said nothing (more) before the deadline.
    public static final String SILENT = "SILENT";

    /// Where a member stands in the open attempt.
    ///
    /// @param place      in words
    /// @param phasesDone how many of [#PHASES] it has done its part of
    /// @param leftIn     the phase in which it was left out
    public record Place(
            String organisation,
            String place,
            int phasesDone,
            @Nullable String leftIn) {}

    /// Who was lost in which phase.
    ///
    /// @param reason of its own refusal, or of the refusal of its last message, or [#SILENT]
    public record Dropped(String organisation, String phase, String reason) {}

    /// Who would not take part, and why.
    public record Declined(String organisation, long round, long attempt, String reason, String detail) {}

    /// The open attempt.
    ///
    /// @param phases    seconds of those that are over, by phase
    /// @param fewest    members that every phase needs
    /// @param bytesUp   of all members' messages and chunks
    /// @param bytesDown of everything the coordinator wrote, times the members that read it
    public record Current(
            long round,
            long attempt,
            Instant openedAt,
            String phase,
            @Nullable Instant phaseEndsAt,
            Map<String, Double> phases,
            List<Place> cohort,
            int fewest,
            long bytesUp,
            long bytesDown) {}

    /// A closed attempt.
    ///
    /// @param coordinates  of an update
    /// @param narrowest    the smallest range of a tensor: its coordinates are cut off at plus and minus that
    /// @param widest       the largest
    /// @param confirmed    survivors that signed that they were told the same
    /// @param phases       seconds by phase
    /// @param meanLoss     weighted mean over the survivors
    /// @param clipped      coordinates that were cut off at their range, of all survivors
    /// @param clippedShare of all coordinates of all survivors, 0 to 1
    public record Round(
            long round,
            long attempt,
            Instant closedAt,
            long coordinates,
            double narrowest,
            double widest,
            List<String> survivors,
            List<Dropped> dropped,
            int confirmed,
            double seconds,
            Map<String, Double> phases,
            long bytesUp,
            long bytesDown,
            @Nullable Double meanLoss,
            @Nullable Long clipped,
            @Nullable Double clippedShare,
            long modelVersion,
            String modelDigest) {
        private Round with(Totals totals) {
            return new Round(
                    round,
                    attempt,
                    closedAt,
                    coordinates,
                    narrowest,
                    widest,
                    survivors,
                    dropped,
                    confirmed,
                    seconds,
                    phases,
                    bytesUp,
                    bytesDown,
                    totals.meanLoss(),
                    totals.clipped(),
                    totals.clipped() / ((double) coordinates * totals.survivors()),
                    modelVersion,
                    modelDigest);
        }
    }

    /// An attempt that was given up.
    ///
    /// @param phase in which it was
    public record Aborted(
            long round, long attempt, Instant at, String phase, List<Dropped> dropped, String reason, String detail) {}

    /// Who lied about shares, and is left out of the further attempts of the round.
    public record Judged(String organisation, long round, long attempt, String detail) {}

    /// A member that has published evidence against the coordinator, or against a peer.
    ///
    /// @param round   where the member stood when it did; absent if that is on no log of ours
    /// @param attempt likewise
    public record Disputed(
            String organisation,
            String reason,
            @Nullable Long round,
            @Nullable Long attempt) {}

    /// All of it.
    ///
    /// @param waiting  why no attempt is open, if none is and the federation is not finished
    /// @param finished whether all rounds are closed
    public record Rounds(
            @Nullable Current current,
            List<Round> rounds,
            List<Aborted> aborted,
            List<Declined> declined,
            List<Judged> judged,
            List<Disputed> disputed,
            @Nullable String waiting,
            boolean finished) {}

    /// Sums over all attempts.
    ///
    /// @param aborted      attempts, by reason
    /// @param refused      messages that broke a rule, by reason; without those that only came late
    /// @param dropped      members left out of an attempt, by phase
    /// @param phaseCounts  closed attempts' phases, by phase
    /// @param phaseSeconds likewise, their seconds
    public record Sums(
            long closed,
            Map<String, Long> aborted,
            Map<String, Long> refused,
            Map<String, Long> dropped,
            Map<String, Long> phaseCounts,
            Map<String, Double> phaseSeconds,
            long bytesUp,
            long bytesDown) {}

    /// How far a member is; the words people read.
    private enum Standing {
        ASKED("asked", 0),
        KEYS("keys sent", 1),
        SHARES("shares sent", 2),
        TRAINING("training", 2),
        SENDING("sending", 2),
        DELIVERED("delivered", 3),
        CONFIRMED("confirmed", 4),
        REVEALED("revealed", 5);

        private final String words;
        private final int phasesDone;

        Standing(String words, int phasesDone) {
            this.words = words;
            this.phasesDone = phasesDone;
        }
    }

    /// The open attempt as it goes on.
    private static final class Attempt {
        private final RoundOpened opened;
        private final Instant openedAt;
        private final Map<String, Standing> standings = new TreeMap<>();
        private final Map<String, String> leftIn = new HashMap<>();
        private final Map<String, String> reasons = new HashMap<>();
        private final Set<String> declined = new HashSet<>();
        private final Map<String, Instant> marks = new LinkedHashMap<>();
        private final List<Dropped> dropped = new ArrayList<>();
        private List<String> members;
        private String phase = PHASES.getFirst();
        private @Nullable Instant phaseEnds;
        private Optional<Totals> totals = Optional.empty();
        private int confirmed;
        private long up;
        private long down;

        Attempt(RoundOpened opened, Instant at) {
            this.opened = opened;
            this.openedAt = at;
            this.members = opened.cohort();
            members.forEach(id -> standings.put(id, Standing.ASKED));
            enter("keys", at, opened.deadlines().keys());
        }

        void enter(String next, Instant at, int seconds) {
            phase = next;
            phaseEnds = at.plusSeconds(seconds);
            marks.put(next, at);
        }

        void closing(Instant at) {
            phase = "closing";
            phaseEnds = null;
            marks.put(phase, at);
        }

        /// Those that go on, and how far they are; the others are left out.
        void keep(List<String> still, Standing standing) {
            dropped.addAll(missing(still));
            members.stream().filter(id -> !still.contains(id)).forEach(id -> leftIn.putIfAbsent(id, phase));
            members = still;
            still.forEach(id -> advance(id, standing));
        }

        void advance(String member, Standing standing) {
            standings.computeIfPresent(member, (id, before) -> before.compareTo(standing) < 0 ? standing : before);
        }

        List<Dropped> missing(List<String> still) {
            return members.stream()
                    .filter(id -> !still.contains(id))
                    .map(id -> new Dropped(id, phase, reasons.getOrDefault(id, SILENT)))
                    .toList();
        }

        /// Members whose part in the present phase is not done.
        List<Dropped> unfinished() {
            int now = PHASES.indexOf(phase);
            return missing(members.stream()
                    .filter(id -> Objects.requireNonNull(standings.get(id)).phasesDone > now && !leftIn.containsKey(id))
                    .toList());
        }

        void explain(String member, String reason) {
            reasons.put(member, reason);
            dropped.replaceAll(lost -> explained(lost, member, reason));
        }

        /// Seconds by phase; the last one ended at `end`.
        Map<String, Double> seconds(@Nullable Instant end) {
            Map<String, Double> seconds = new LinkedHashMap<>();
            List<Map.Entry<String, Instant>> entered = List.copyOf(marks.entrySet());
            for (int i = 0; i < entered.size(); i++) {
                Instant next = i + 1 < entered.size() ? entered.get(i + 1).getValue() : end;
                if (next != null) {
                    seconds.put(entered.get(i).getKey(), seconds(entered.get(i).getValue(), next));
                }
            }
            return seconds;
        }

        static double seconds(Instant from, Instant to) {
            return Duration.between(from, to).toMillis() / 1e3;
        }

        Current current() {
            return new Current(
                    opened.round(),
                    opened.attempt(),
                    openedAt,
                    phase,
                    phaseEnds,
                    seconds(null),
                    standings.entrySet().stream()
                            .map(entry -> place(entry.getKey(), entry.getValue()))
                            .toList(),
                    Math.max(opened.threshold(), opened.minSurvivors()),
                    up,
                    down * opened.cohort().size());
        }

        private Place place(String member, Standing standing) {
            String left = leftIn.get(member);
            String words = declined.contains(member) ? "declined" : left == null ? standing.words : "left out";
            return new Place(member, words, standing.phasesDone, left);
        }

        Round closed(RoundClosed closed, Instant at) {
            List<VectorLayout> vectors = opened.layout().stream()
                    .filter(vector -> !vector.name().equals(Scalars.NAME))
                    .toList();
            DoubleSummaryStatistics ranges = vectors.stream()
                    .flatMap(vector -> vector.tensors().stream())
                    .mapToDouble(TensorLayout::range)
                    .summaryStatistics();
            Round made = new Round(
                    opened.round(),
                    opened.attempt(),
                    at,
                    vectors.stream().mapToLong(VectorLayout::size).sum(),
                    ranges.getMin(),
                    ranges.getMax(),
                    members,
                    List.copyOf(dropped),
                    confirmed,
                    seconds(openedAt, at),
                    seconds(at),
                    up,
                    down * opened.cohort().size(),
                    null,
                    null,
                    null,
                    closed.version(),
                    closed.modelDigest().hex());
            return totals.map(made::with).orElse(made);
        }
    }

    private static Dropped explained(Dropped lost, String member, String reason) {
        return lost.organisation().equals(member) ? new Dropped(member, lost.phase(), reason) : lost;
    }

    private record RoundAttempt(long round, long attempt) {}

    private final List<Round> rounds = new ArrayList<>();
    private final List<Aborted> aborted = new ArrayList<>();
    private final List<Declined> declined = new ArrayList<>();
    private final List<Judged> judged = new ArrayList<>();
    private final List<Disputed> disputed = new ArrayList<>();
    private final Map<Bytes, RoundAttempt> heads = new HashMap<>();
    private final Map<String, Instant> enrolled = new HashMap<>();
    private final Map<String, Instant> lastSeen = new HashMap<>();
    private final Map<String, String> protocols = new HashMap<>();
    private final Map<String, Long> refusals = new TreeMap<>();
    private @Nullable Attempt open;
    private long allUp;
    private long allDown;
    private @Nullable String waiting;
    private boolean finished;

    /// A decision is in the log.
    ///
    /// @param head of the chain, with the decision
    synchronized void decided(Message message, Bytes head, Instant at) {
        if (message instanceof RoundOpened opened) {
            open = new Attempt(opened, at);
            waiting = null;
        }
        Attempt now = open;
        if (now == null) {
            return;
        }
        heads.put(head, new RoundAttempt(now.opened.round(), now.opened.attempt()));
        Deadlines deadlines = now.opened.deadlines();
        switch (message) {
            case RoundOpened opened -> {}
            case RosterSealed roster -> {
                now.keep(senders(roster.keysAdvertised()), Standing.KEYS);
                now.enter("shares", at, deadlines.shares());
            }
            case SharesRouted routed -> {
                now.keep(organisations(routed.dealers()), Standing.TRAINING);
                now.enter("training", at, deadlines.training());
            }
            case SurvivorsSealed survivors -> {
                now.keep(organisations(survivors.survivors()), Standing.DELIVERED);
                now.enter("confirmation", at, deadlines.confirmation());
            }
            case UnmaskRequested request -> {
                senders(request.confirmations()).forEach(id -> now.advance(id, Standing.CONFIRMED));
                now.confirmed = request.confirmations().size();
                now.enter("reveal", at, deadlines.reveal());
            }
            case RoundClosed closed -> {
                rounds.add(now.closed(closed, at));
                open = null;
            }
            case RoundAborted gone -> {
                List<Dropped> lost = new ArrayList<>(now.dropped);
                lost.addAll(now.unfinished());
                aborted.add(new Aborted(
                        now.opened.round(),
                        now.opened.attempt(),
                        at,
                        now.phase,
                        List.copyOf(lost),
                        gone.reason(),
                        gone.detail()));
                open = null;
            }
            default -> throw new IllegalStateException("no decision: " + message.type());
        }
    }

    private static List<String> organisations(List<NamedHash> hashes) {
        return hashes.stream().map(NamedHash::organisation).toList();
    }

    private static List<String> senders(List<Bytes> envelopes) {
        return envelopes.stream().map(Board::sender).toList();
    }

    private static String sender(Bytes envelope) {
        try {
            return Envelope.decode(envelope).sender();
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the director verified it", e);
        }
    }

    /// Masks are coming off.
    synchronized void summing(Instant at) {
        if (open != null) {
            open.closing(at);
        }
    }

    /// What the sum said of itself.
    synchronized void summed(Totals made) {
        if (open != null) {
            open.totals = Optional.of(made);
        }
    }

    /// What the sum of a round said of itself that was closed before this director began.
    synchronized void recalled(long version, Totals made) {
        rounds.replaceAll(round -> round.modelVersion() == version ? round.with(made) : round);
    }

    /// An organisation became a member, with a certificate issued just before.
    synchronized void enrolled(String organisation, Instant at) {
        enrolled.put(organisation, at);
    }

    /// A member has written into its inbox.
    synchronized void heard(String organisation, Instant at) {
        lastSeen.merge(organisation, at, (before, now) -> now.isAfter(before) ? now : before);
    }

    /// Which versions of the protocol a member's program speaks.
    synchronized void speaks(String organisation, String versions) {
        protocols.put(organisation, versions);
    }

    /// The machine has taken a member's message of the open attempt.
    synchronized void seen(String organisation, MessageType type) {
        Attempt now = open;
        if (now == null) {
            return;
        }
        switch (type) {
            case KEYS_ADVERTISED -> now.advance(organisation, Standing.KEYS);
            case SHARES_DEALT -> now.advance(organisation, Standing.SHARES);
            case UPDATE_MANIFEST -> now.advance(organisation, Standing.SENDING);
            case SURVIVORS_CONFIRMED -> now.advance(organisation, Standing.CONFIRMED);
            case SHARES_REVEALED -> now.advance(organisation, Standing.REVEALED);
            default -> {}
        }
    }

    /// A member's chunks are all in.
    synchronized void delivered(String organisation) {
        if (open != null) {
            open.advance(organisation, Standing.DELIVERED);
        }
    }

    /// A member refused the attempt.
    synchronized void declined(Declined refusal) {
        declined.add(refusal);
        if (open != null
                && open.opened.round() == refusal.round()
                && open.opened.attempt() == refusal.attempt()
                && open.standings.containsKey(refusal.organisation())) {
            open.leftIn.putIfAbsent(refusal.organisation(), open.phase);
            open.declined.add(refusal.organisation());
            open.explain(refusal.organisation(), refusal.reason());
        } else if (!aborted.isEmpty()
                && aborted.getLast().round() == refusal.round()
                && aborted.getLast().attempt() == refusal.attempt()) {
            // Its refusal was what made the attempt end.
            Aborted last = aborted.removeLast();
            aborted.add(new Aborted(
                    last.round(),
                    last.attempt(),
                    last.at(),
                    last.phase(),
                    last.dropped().stream()
                            .map(lost -> explained(lost, refusal.organisation(), refusal.reason()))
                            .toList(),
                    last.reason(),
                    last.detail()));
        }
    }

    /// A member's message broke a rule.
    synchronized void refused(String organisation, String reason) {
        refusals.merge(reason, 1L, Long::sum);
        if (open != null && open.standings.containsKey(organisation)) {
            open.explain(organisation, reason);
        }
    }

    /// A complaint is decided.
    synchronized void judged(Judged judgement) {
        judged.add(judgement);
    }

    /// A member disputes; its last dispute in an attempt is kept.
    ///
    /// @param head of the chain, where the member stood
    synchronized void disputed(String organisation, String reason, Bytes head) {
        RoundAttempt in = heads.get(head);
        Disputed dispute =
                new Disputed(organisation, reason, in == null ? null : in.round(), in == null ? null : in.attempt());
        disputed.removeIf(before -> before.organisation().equals(organisation)
                && Objects.equals(before.round(), dispute.round())
                && Objects.equals(before.attempt(), dispute.attempt()));
        disputed.add(dispute);
    }

    /// Bytes of a member.
    synchronized void bytesUp(long bytes) {
        allUp += bytes;
        if (open != null) {
            open.up += bytes;
        }
    }

    /// Bytes that the coordinator wrote for members.
    synchronized void bytesDown(long bytes) {
        if (open != null) {
            open.down += bytes;
            allDown += bytes * open.opened.cohort().size();
        }
    }

    /// Why no attempt is open.
    synchronized void waiting(String why) {
        waiting = why;
    }

    /// All rounds are closed.
    synchronized void finish() {
        finished = true;
        waiting = null;
    }

    /// When a member was last heard of.
    public synchronized Optional<Instant> lastSeen(String organisation) {
        return Optional.ofNullable(lastSeen.get(organisation));
    }

    /// Which versions of the protocol a member's program speaks, as it last said.
    public synchronized Optional<String> protocol(String organisation) {
        return Optional.ofNullable(protocols.get(organisation));
    }

    /// When a member last enrolled.
    public synchronized Optional<Instant> enrolledAt(String organisation) {
        return Optional.ofNullable(enrolled.get(organisation));
    }

    /// A copy of it all.
    public synchronized Rounds rounds() {
        return new Rounds(
                open == null ? null : open.current(),
                List.copyOf(rounds),
                List.copyOf(aborted),
                List.copyOf(declined),
                List.copyOf(judged),
                List.copyOf(disputed),
                waiting,
                finished);
    }

    /// Sums over everything that [#rounds] has, and over messages that were refused.
    public synchronized Sums sums() {
        Map<String, Long> reasons = new TreeMap<>();
        Map<String, Long> dropped = new TreeMap<>();
        Map<String, Long> phaseCounts = new TreeMap<>();
        Map<String, Double> phaseSeconds = new TreeMap<>();
        for (Aborted gone : aborted) {
            reasons.merge(gone.reason(), 1L, Long::sum);
            gone.dropped().forEach(lost -> dropped.merge(lost.phase(), 1L, Long::sum));
        }
        for (Round round : rounds) {
            round.dropped().forEach(lost -> dropped.merge(lost.phase(), 1L, Long::sum));
            round.phases().forEach((phase, seconds) -> {
                phaseCounts.merge(phase, 1L, Long::sum);
                phaseSeconds.merge(phase, seconds, Double::sum);
            });
        }
        return new Sums(
                rounds.size(), reasons, Map.copyOf(refusals), dropped, phaseCounts, phaseSeconds, allUp, allDown);
    }
}

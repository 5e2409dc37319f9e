package dev.sotto.coordinator.director;

import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.schemas.Bytes;
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
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// What an operator sees of the rounds: a fold of the director's decisions and their times. Bytes and
/// losses are those that this process saw; after a restart earlier rounds have none.
///
/// Thread-safe.
public final class Board {
    /// Where a member stands in the open attempt.
    public record Place(String organisation, String place) {}

    /// Who was lost in which phase.
    public record Dropped(String organisation, String phase) {}

    /// Who would not take part, and why.
    public record Declined(String organisation, long round, long attempt, String reason, String detail) {}

    /// The open attempt.
    ///
    /// @param bytesUp   of all members' messages and chunks
    /// @param bytesDown of everything the coordinator wrote, times the members that read it
    public record Current(
            long round,
            long attempt,
            String phase,
            @Nullable Instant phaseEndsAt,
            List<Place> cohort,
            long bytesUp,
            long bytesDown) {}

    /// A closed attempt.
    ///
    /// @param phases   seconds by phase
    /// @param meanLoss weighted mean over the survivors
    /// @param clipped  coordinates that were cut off at their range, of all survivors
    public record Round(
            long round,
            long attempt,
            List<String> survivors,
            List<Dropped> dropped,
            double seconds,
            Map<String, Double> phases,
            long bytesUp,
            long bytesDown,
            @Nullable Double meanLoss,
            @Nullable Long clipped,
            long modelVersion,
            String modelDigest) {}

    /// An attempt that was given up.
    public record Aborted(long round, long attempt, String reason, String detail) {}

    /// Who lied about shares, and is left out of the further attempts of the round.
    public record Judged(String organisation, long round, long attempt, String detail) {}

    /// A member that has published evidence against the coordinator, or against a peer.
    public record Disputed(String organisation, String reason) {}

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

    private final List<Round> rounds = new ArrayList<>();
    private final List<Aborted> aborted = new ArrayList<>();
    private final List<Declined> declined = new ArrayList<>();
    private final List<Judged> judged = new ArrayList<>();
    private final List<Disputed> disputed = new ArrayList<>();
    private final Map<String, Long> up = new TreeMap<>();
    private final Map<String, Instant> lastSeen = new TreeMap<>();
    private final Map<String, String> places = new TreeMap<>();
    private final Map<String, Instant> marks = new LinkedHashMap<>();
    private final List<Dropped> dropped = new ArrayList<>();
    private @Nullable RoundOpened open;
    private List<String> inRound = List.of();
    private String phase = "";
    private @Nullable Instant phaseEnds;
    private Optional<Totals> totals = Optional.empty();
    private long down;
    private @Nullable String waiting;
    private boolean finished;

    /// A decision is in the log.
    synchronized void decided(Message message, Instant at) {
        switch (message) {
            case RoundOpened opened -> {
                open = opened;
                inRound = opened.cohort();
                places.clear();
                dropped.clear();
                marks.clear();
                up.clear();
                down = 0;
                totals = Optional.empty();
                waiting = null;
                opened.cohort().forEach(id -> places.put(id, "asked"));
                enter("keys", at, opened.deadlines().keys());
            }
            case RoundClosed closed -> closed(closed, at);
            case RoundAborted gone -> {
                RoundOpened opened = open;
                if (opened != null) {
                    aborted.add(new Aborted(opened.round(), opened.attempt(), gone.reason(), gone.detail()));
                }
                open = null;
            }
            default -> moved(message, at);
        }
    }

    private void moved(Message message, Instant at) {
        RoundOpened opened = open;
        if (opened == null) {
            return;
        }
        switch (message) {
            case RosterSealed roster -> {
                left(roster.keysAdvertised().stream().map(Board::sender).toList());
                enter("shares", at, opened.deadlines().shares());
            }
            case SharesRouted routed -> {
                left(routed.dealers().stream().map(NamedHash::organisation).toList());
                enter("training", at, opened.deadlines().training());
                inRound.forEach(id -> places.put(id, "training"));
            }
            case SurvivorsSealed survivors -> {
                left(survivors.survivors().stream().map(NamedHash::organisation).toList());
                enter("confirmation", at, opened.deadlines().confirmation());
            }
            default -> enter("reveal", at, opened.deadlines().reveal());
        }
    }

    private static String sender(Bytes envelope) {
        try {
            return Envelope.decode(envelope).sender();
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the director verified it", e);
        }
    }

    private void enter(String next, Instant at, int seconds) {
        phase = next;
        phaseEnds = at.plusSeconds(seconds);
        marks.put(next, at);
    }

    private void left(List<String> still) {
        for (String id : inRound) {
            if (!still.contains(id)) {
                dropped.add(new Dropped(id, phase));
                places.put(id, "left out");
            }
        }
        inRound = still;
    }

    /// Masks are coming off.
    synchronized void summing(Instant at) {
        phase = "closing";
        phaseEnds = null;
        marks.put("closing", at);
    }

    /// What the sum said of itself.
    synchronized void summed(Totals made) {
        totals = Optional.of(made);
    }

    private void closed(RoundClosed closed, Instant at) {
        RoundOpened opened = open;
        if (opened == null) {
            return;
        }
        Map<String, Double> seconds = new LinkedHashMap<>();
        List<Map.Entry<String, Instant>> entered = List.copyOf(marks.entrySet());
        for (int i = 0; i < entered.size(); i++) {
            Instant end = i + 1 < entered.size() ? entered.get(i + 1).getValue() : at;
            seconds.put(
                    entered.get(i).getKey(),
                    Duration.between(entered.get(i).getValue(), end).toMillis() / 1e3);
        }
        Instant began = entered.isEmpty() ? at : entered.getFirst().getValue();
        rounds.add(new Round(
                opened.round(),
                opened.attempt(),
                inRound,
                List.copyOf(dropped),
                Duration.between(began, at).toMillis() / 1e3,
                seconds,
                bytesUp(),
                down * opened.cohort().size(),
                totals.map(Totals::meanLoss).orElse(null),
                totals.map(Totals::clipped).orElse(null),
                closed.version(),
                closed.modelDigest().hex()));
        open = null;
    }

    /// A member's message was accepted.
    synchronized void seen(String organisation, MessageType type, Instant at) {
        lastSeen.put(organisation, at);
        if (places.containsKey(organisation)) {
            switch (type) {
                case KEYS_ADVERTISED -> places.put(organisation, "keys sent");
                case SHARES_DEALT -> places.put(organisation, "shares sent");
                case UPDATE_MANIFEST -> places.put(organisation, "sending");
                case SURVIVORS_CONFIRMED -> places.put(organisation, "confirmed");
                case SHARES_REVEALED -> places.put(organisation, "revealed");
                case ROUND_DECLINED -> places.put(organisation, "declined");
                default -> {}
            }
        }
    }

    /// A member's chunks are all in.
    synchronized void delivered(String organisation) {
        places.put(organisation, "delivered");
    }

    /// A member refused the attempt.
    synchronized void declined(Declined refusal) {
        declined.add(refusal);
    }

    /// A complaint is decided.
    synchronized void judged(Judged judgement) {
        judged.add(judgement);
    }

    /// A member disputes; its last dispute is kept.
    synchronized void disputed(Disputed dispute) {
        disputed.removeIf(before -> before.organisation().equals(dispute.organisation()));
        disputed.add(dispute);
    }

    /// Bytes of a member.
    synchronized void bytesUp(String organisation, long bytes) {
        up.merge(organisation, bytes, Long::sum);
    }

    /// Bytes that the coordinator wrote for members.
    synchronized void bytesDown(long bytes) {
        down += bytes;
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

    /// A copy of it all.
    public synchronized Rounds rounds() {
        RoundOpened opened = open;
        Current current = opened == null
                ? null
                : new Current(
                        opened.round(),
                        opened.attempt(),
                        phase,
                        phaseEnds,
                        places.entrySet().stream()
                                .map(entry -> new Place(entry.getKey(), entry.getValue()))
                                .toList(),
                        bytesUp(),
                        down * opened.cohort().size());
        return new Rounds(
                current,
                List.copyOf(rounds),
                List.copyOf(aborted),
                List.copyOf(declined),
                List.copyOf(judged),
                List.copyOf(disputed),
                waiting,
                finished);
    }

    private long bytesUp() {
        Collection<Long> all = up.values();
        return all.stream().mapToLong(Long::longValue).sum();
    }
}

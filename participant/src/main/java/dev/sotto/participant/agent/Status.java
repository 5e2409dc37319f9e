package dev.sotto.participant.agent;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.participant.home.Home;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;

/// What the agent is doing, how its last rounds ended, and what it refused: `status.json`, which the agent writes and
/// `sotto status` reads. A fold over its events, and bounded. Immutable.
///
/// @param updated  when the last event came, ISO 8601
/// @param doing    now
/// @param rounds   its last attempts, the newest first
/// @param refused  what it refused, the last first; what comes again is counted
/// @param failed   what failed here or on the way to the broker, likewise
public record Status(String updated, Doing doing, List<Round> rounds, List<Trouble> refused, List<Trouble> failed) {
    /// Of an agent that has said nothing yet.
    public static final Status START =
            new Status("", new Doing("starting", -1, 0, "", 0, 0, 0), List.of(), List.of(), List.of());

    /// The broker does not answer.
    private static final String BROKER = "broker";

    /// The reason of the event that says that the consortium has suspended this organisation.
    static final String SUSPENDED = "suspended";

    /// The event that says that this is over.
    static final String RESUMED = "resumed";

    private static final int ROUNDS = 20;
    /// Of one reason: a broker's operator who writes junk must not make the others forgotten.
    private static final int TROUBLES = 5;
    private static final Set<String> FAILURES = Set.of(BROKER, SUSPENDED, "journal", "training", "not-received");
    private static final Set<String> ENDS = Set.of("verified", "received", "declined", "left-out", "aborted");

    /// Copies the lists.
    public Status {
        rounds = List.copyOf(rounds);
        refused = List.copyOf(refused);
        failed = List.copyOf(failed);
    }

    /// What it does.
    ///
    /// @param phase of a round, or `starting`, `waiting`, `broker` if that does not answer, `suspended`
    /// @param round from 0, −1 outside of rounds
    /// @param since ISO 8601
    /// @param step  of local training, from 1
    /// @param steps of local training, 0 outside of it
    /// @param loss  of the last step
    public record Doing(String phase, long round, long attempt, String since, int step, int steps, double loss) {}

    /// How an attempt ended here.
    ///
    /// @param outcome `verified`; `received`, of who took no part; `not-verified`, `declined`, `left-out`,
    ///   `aborted`
    /// @param at      ISO 8601
    /// @param detail  for people
    public record Round(long round, long attempt, String outcome, String at, String detail) {}

    /// Something that is not as it should be.
    ///
    /// @param reason the name of a rule, or of what failed
    /// @param detail for people
    /// @param last   when it came last, ISO 8601
    /// @param times  how often it came
    public record Trouble(String reason, String detail, String last, int times) {}

    /// Of an organisation's home; nothing if no agent has run there.
    public static Optional<Status> read(Home home) throws IOException, InvalidFile {
        return Files.exists(home.status()) ? Optional.of(Home.readJson(home.status(), Status.class)) : Optional.empty();
    }

    /// The status after an event of the agent.
    Status next(JsonNode event, Instant now) {
        String at = now.truncatedTo(ChronoUnit.SECONDS).toString();
        return switch (event.path("event").asText()) {
            case "ready", RESUMED -> new Status(at, waiting(at), rounds, refused, failed);
            case "phase" -> phase(event, at);
            case "progress" ->
                new Status(
                        at,
                        new Doing(
                                doing.phase,
                                doing.round,
                                doing.attempt,
                                doing.since,
                                event.path("step").asInt(),
                                event.path("steps").asInt(),
                                event.path("loss").asDouble()),
                        rounds,
                        refused,
                        failed);
            case "error" ->
                error(event.path("reason").asText(), event.path("detail").asText(), at);
            default -> new Status(at, doing, rounds, refused, failed);
        };
    }

    private static Doing waiting(String at) {
        return new Doing("waiting", -1, 0, at, 0, 0, 0);
    }

    private Status phase(JsonNode event, String at) {
        String phase = event.path("phase").asText();
        long round = event.path("round").asLong();
        long attempt = event.path("attempt").asLong();
        if (!ENDS.contains(phase)) {
            return new Status(at, new Doing(phase, round, attempt, at, 0, 0, 0), rounds, refused, failed);
        }
        // A suspended organisation is left out of rounds, and goes on to be suspended.
        Doing now = doing.phase.equals(SUSPENDED) ? doing : waiting(at);
        return new Status(at, now, with(new Round(round, attempt, phase, at, detail(phase, event))), refused, failed);
    }

    private String detail(String phase, JsonNode event) {
        return switch (phase) {
            case "verified", "received" ->
                "version " + event.path("version").asLong()
                        + (event.has("meanLoss")
                                ? String.format(
                                        Locale.ROOT,
                                        ", mean loss %.4f",
                                        event.path("meanLoss").asDouble())
                                : "")
                        + ", recomputed: " + event.path("recomputed").asText();
            // What it refused came just before.
            case "declined" -> refused.isEmpty() ? "" : refused.getFirst().detail();
            case "aborted" ->
                event.path("reason").asText() + ": " + event.path("detail").asText();
            default -> event.path("detail").asText();
        };
    }

    /// An agent that starts again tells the attempts of the log again that it sat out. Who declines is left out, and
    /// gets the version all the same.
    private List<Round> with(Round ended) {
        List<Round> all = new ArrayList<>();
        Round now = ended;
        for (Round before : rounds) {
            if (before.round != ended.round || before.attempt != ended.attempt) {
                all.add(before);
            } else if (ended.outcome.equals("left-out") && before.outcome.equals("declined")) {
                now = before;
            } else if (ended.outcome.equals("received")) {
                String detail = before.detail.isEmpty() ? ended.detail : before.detail + "; received " + ended.detail;
                now = before.outcome.equals("received")
                        ? ended
                        : new Round(ended.round, ended.attempt, before.outcome, ended.at, detail);
            }
        }
        all.add(now);
        all.sort((one, other) -> one.round != other.round
                ? Long.compare(other.round, one.round)
                : Long.compare(other.attempt, one.attempt));
        return all.subList(0, Math.min(all.size(), ROUNDS));
    }

    private Status error(String reason, String detail, String at) {
        Trouble trouble = new Trouble(reason, detail, at, 1);
        if (FAILURES.contains(reason)) {
            Doing now =
                    reason.equals(BROKER) || reason.equals(SUSPENDED) ? new Doing(reason, -1, 0, at, 0, 0, 0) : doing;
            return new Status(at, now, rounds, refused, with(failed, trouble));
        }
        List<Round> ended = reason.equals("not-verified") && doing.phase.equals("closed")
                ? with(new Round(doing.round, doing.attempt, reason, at, detail))
                : rounds;
        return new Status(at, doing, ended, with(refused, trouble), failed);
    }

    private static List<Trouble> with(List<Trouble> before, Trouble now) {
        int times = 1;
        int same = 1;
        List<Trouble> all = new ArrayList<>();
        for (Trouble one : before) {
            if (!one.reason.equals(now.reason)) {
                all.add(one);
            } else if (one.detail.equals(now.detail)) {
                times += one.times;
            } else if (same++ < TROUBLES) {
                all.add(one);
            }
        }
        all.addFirst(new Trouble(now.reason, now.detail, now.last, times));
        return all;
    }
}

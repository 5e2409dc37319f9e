package dev.sotto.sandbox.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.sandbox.report.Page;
import dev.sotto.sandbox.report.Report;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

/// Runs a federation from data to report.
///
/// Used by one thread.
public final class Demo {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration STILL = Duration.ofMinutes(10);
    private static final int MOST_ATTEMPTS = 5;
    private static final String MARKER = ".sotto-demo";

    /// Changes folders of a federation whose processes do not run yet.
    @FunctionalInterface
    public interface Preparation {
        /// Changes them.
        void of(Federation federation) throws IOException, InterruptedException, Failure;
    }

    /// What happens to the federation from outside, whenever an organisation says something.
    @FunctionalInterface
    public interface Interference {
        /// May kill and start processes.
        void on(Watch.Event event, Federation federation) throws IOException, InterruptedException, Failure;
    }

    /// What the rounds left behind.
    ///
    /// @param status      of the coordinator after the last round
    /// @param coordinates of the adapter
    public record Outcome(Federation federation, DataSets data, JsonNode status, long coordinates) {}

    /// A federation in which everybody is a member and runs.
    ///
    /// @param coordinates of the adapter
    public record Begun(Federation federation, DataSets data, long coordinates) {}

    private final DemoPlan plan;
    private final Artefacts artefacts;
    private final Supervisor supervisor;
    private final BrokerHost broker;
    private final Display display;
    private final Watch watch = new Watch();
    private final Map<Long, Set<String>> closed = new HashMap<>();
    private final Map<Long, Set<String>> verified = new HashMap<>();
    private final Map<Long, Set<String>> away = new HashMap<>();
    private final Map<Long, Long> started = new TreeMap<>();
    private final Set<String> told = new HashSet<>();
    private long current;

    /// Starts nothing yet.
    public Demo(DemoPlan plan, Artefacts artefacts, Supervisor supervisor, BrokerHost broker, Display display) {
        this.plan = plan;
        this.artefacts = artefacts;
        this.supervisor = supervisor;
        this.broker = broker;
        this.display = display;
    }

    /// Makes the output folder empty.
    ///
    /// @throws Failure if it holds what no demo wrote
    public static void clear(Path output) throws IOException, Failure {
        if (Files.exists(output)) {
            boolean empty;
            try (Stream<Path> files = Files.list(output)) {
                empty = files.findAny().isEmpty();
            }
            if (!empty && !Files.exists(output.resolve(MARKER))) {
                throw Failure.invalid(
                        "--output-dir " + output + " holds files that no demo wrote; give an empty folder");
            }
            try (Stream<Path> files = Files.walk(output)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
        Files.createDirectories(output);
        Files.createFile(output.resolve(MARKER));
    }

    /// Runs the federation until every organisation has verified the last round. Everything is left
    /// running.
    public Outcome federate(Interference interference) throws IOException, InterruptedException, Failure {
        return federate(federation -> {}, interference);
    }

    /// As [#federate(Interference)], after a preparation.
    public Outcome federate(Preparation preparation, Interference interference)
            throws IOException, InterruptedException, Failure {
        Begun begun = begin(federation -> {}, preparation);
        rounds(begun.federation(), interference);
        return new Outcome(begun.federation(), begun.data(), begun.federation().status(), begun.coordinates());
    }

    /// Makes the federation and starts everybody.
    ///
    /// @param made     when its folder is there and nothing runs
    /// @param enrolled when everybody is a member
    public Begun begin(Preparation made, Preparation enrolled) throws IOException, InterruptedException, Failure {
        DataSets data = data();
        Federation federation = new Federation(plan, artefacts, supervisor, broker, watch, data);
        long coordinates = federation.create();
        display.say("federation", "CA, keys and settings made; an adapter of " + coordinates + " coordinates");
        made.of(federation);
        federation.startBroker();
        display.say("broker", "Apache Kafka on " + federation.bootstrap() + ", mutual TLS, access rules on");
        federation.startCoordinator();
        display.say("coordinator", "serves " + federation.url());
        Map<String, String> fingerprints = federation.enrol();
        display.say("enrolment", String.join(", ", fingerprints.keySet()) + ": keys made by each, certificates issued");
        federation.approve(fingerprints);
        display.say("peers", "each has compared and approved the others' fingerprints");
        enrolled.of(federation);
        for (String organisation : plan.organisations()) {
            federation.startAgent(organisation);
        }
        return new Begun(federation, data, coordinates);
    }

    /// Kills the plan's victim once it has dealt its shares, and starts it again.
    public Interference killing() {
        OptionalInt round = plan.killRound();
        if (round.isEmpty()) {
            display.say("plan", "nobody is killed: " + plan.whyNobodyIsKilled());
            return (event, federation) -> {};
        }
        display.say(
                "plan",
                plan.victim() + " will be killed in round " + round.getAsInt() + ", after it has dealt its shares");
        AtomicBoolean done = new AtomicBoolean();
        return (event, federation) -> {
            if (event.organisation().equals(plan.victim())
                    && event.is("shares-dealt", round.getAsInt() - 1L)
                    && done.compareAndSet(false, true)) {
                federation.killAgent(plan.victim());
                display.say("SIGKILL", plan.victim() + " is dead, its shares are dealt; it is started again");
                federation.startAgent(plan.victim());
            }
        };
    }

    /// Stops the agents, compares the adapters, and writes the adapter and both reports.
    public Report report(Outcome outcome, Duration before) throws IOException, InterruptedException, Failure {
        long began = System.nanoTime();
        Federation federation = outcome.federation();
        federation.stopAgents();
        Path adapter = plan.output().resolve("adapter");
        federation.run(
                "export",
                List.of(
                        "export",
                        "--home",
                        federation.home(plan.organisations().getFirst()).toString(),
                        "--base",
                        plan.base().toString(),
                        "--output-dir",
                        adapter.toString()));
        display.say("baselines", "each organisation alone, and all data pooled: the same steps each");
        Report report = new Report(
                outcome.data().lines(),
                plan.algorithm(),
                parameters(outcome.coordinates()),
                evaluate(federation, outcome.data(), adapter),
                rounds(outcome.status()),
                aggregation(federation, outcome.status(), outcome.coordinates()),
                adapter.toString(),
                before.plusNanos(System.nanoTime() - began).toMillis() / 1e3);
        Files.writeString(plan.output().resolve("report.json"), report.json());
        Files.writeString(plan.output().resolve("report.html"), Page.of(report));
        return report;
    }

    private DataSets data() throws IOException, InterruptedException, Failure {
        Path folder = plan.output().resolve("data");
        DataSets data;
        check();
        if (plan.data().isEmpty()) {
            supervisor.run(
                    "data",
                    artefacts.participant(),
                    List.of(
                            "data",
                            "--names",
                            String.join(",", plan.organisations()),
                            "--seed",
                            String.valueOf(plan.seed()),
                            "--output-dir",
                            folder.toString()));
            data = DataSets.generated(plan.organisations(), folder);
        } else if (plan.data().size() == 1 && Files.isDirectory(plan.data().getFirst())) {
            data = DataSets.given(plan.data().getFirst(), folder);
        } else {
            data = DataSets.dealt(plan.organisations(), plan.data(), folder);
        }
        List<String> sizes = new ArrayList<>();
        data.lines().forEach((id, lines) -> sizes.add(id + " " + lines));
        display.say("data", String.join(", ", sizes) + " examples, private; " + data.heldOut() + " held out");
        return data;
    }

    /// Every line, as training will read it, before anything is started.
    private void check() throws IOException, InterruptedException, Failure {
        List<String> command =
                new ArrayList<>(List.of("data", "--dataset", plan.learning().dataset(), "--check"));
        for (Path source : plan.data()) {
            if (Files.isDirectory(source)) {
                try (Stream<Path> files = Files.list(source)) {
                    files.map(Path::toString)
                            .filter(file -> file.endsWith(".jsonl"))
                            .sorted()
                            .forEach(command::add);
                }
            } else {
                command.add(source.toString());
            }
        }
        if (!plan.data().isEmpty()) {
            supervisor.run("data", artefacts.participant(), command);
        }
    }

    // ---- rounds ----

    private void rounds(Federation federation, Interference interference)
            throws IOException, InterruptedException, Failure {
        long last = System.nanoTime();
        while (!done(plan.rounds() - 1L)) {
            supervisor.check();
            List<Watch.Event> events = watch.take(200);
            if (!events.isEmpty()) {
                last = System.nanoTime();
            } else if (System.nanoTime() - last > STILL.toNanos()) {
                throw Failure.failed("nothing has happened for " + STILL.toMinutes() + " minutes; see "
                        + plan.output().resolve("logs"));
            }
            for (Watch.Event event : events) {
                tell(event);
                interference.on(event, federation);
            }
            display.live(current, plan.rounds(), watch.places(), left());
        }
        display.clear();
    }

    /// Everybody has verified the round, or has received what came of it without them, or declined it.
    private boolean done(long round) {
        Set<String> who = new HashSet<>(verified.getOrDefault(round, Set.of()));
        boolean any = !who.isEmpty();
        who.addAll(away.getOrDefault(round, Set.of()));
        return any && who.size() == plan.organisations().size();
    }

    private void tell(Watch.Event event) throws Failure {
        JsonNode json = event.json();
        long round = json.path("round").asLong();
        switch (event.kind()) {
            case "phase" -> {
                String phase = json.path("phase").asText();
                current = Math.max(current, round);
                if (phase.equals("opened")) {
                    started.putIfAbsent(round, System.nanoTime());
                }
                String place = "round " + (round + 1) + "/" + plan.rounds();
                if (List.of("opened", "training", "masked", "confirmed", "shares-revealed")
                                .contains(phase)
                        && told.add(round + "/" + json.path("attempt").asLong() + "/" + phase)) {
                    display.say(place, first(phase));
                }
                if (phase.equals("left-out")) {
                    display.say(
                            place,
                            event.organisation() + " sits this one out: "
                                    + json.path("detail").asText());
                }
                if (phase.equals("aborted")
                        && told.add(round + "/" + json.path("attempt").asLong() + "/" + phase)) {
                    display.say(place, "attempt " + json.path("attempt").asLong() + " was aborted");
                    if (json.path("attempt").asLong() >= MOST_ATTEMPTS) {
                        throw Failure.failed("round " + (round + 1) + " was aborted " + MOST_ATTEMPTS + " times; see "
                                + plan.output().resolve("logs"));
                    }
                }
                if (phase.equals("declined") || phase.equals("received")) {
                    away.computeIfAbsent(round, any -> new HashSet<>()).add(event.organisation());
                }
                if (phase.equals("closed")) {
                    closed.computeIfAbsent(round, any -> new HashSet<>()).add(event.organisation());
                    if (told.add(round + "/closed")) {
                        display.say(
                                place,
                                String.format(
                                        Locale.ROOT,
                                        "closed after %.1f s; members fetch the new version and recompute it",
                                        (System.nanoTime() - started.getOrDefault(round, System.nanoTime())) / 1e9));
                    }
                }
                if (phase.equals("verified")) {
                    Set<String> who = verified.computeIfAbsent(round, any -> new HashSet<>());
                    who.add(event.organisation());
                    if (who.equals(closed.get(round))) {
                        display.say(
                                place,
                                String.format(
                                        Locale.ROOT,
                                        "version %d verified by %s; mean loss %.4f",
                                        json.path("version").asLong(),
                                        String.join(", ", who.stream().sorted().toList()),
                                        json.path("meanLoss").asDouble()));
                    }
                }
            }
            case "error" -> {
                display.say(
                        event.organisation(),
                        json.path("reason").asText() + ": "
                                + json.path("detail").asText());
                if (json.path("reason").asText().equals("not-verified")) {
                    throw Failure.failed(event.organisation() + " could not verify a round: "
                            + json.path("detail").asText());
                }
            }
            default -> {}
        }
    }

    private static String first(String phase) {
        return switch (phase) {
            case "opened" -> "opened; keys are exchanged";
            case "training" -> "shares dealt and checked; members train";
            case "masked" -> "updates are masked and sent";
            case "confirmed" -> "survivors sealed and confirmed";
            default -> "shares revealed; the masks of the sum come off";
        };
    }

    /// By the rounds so far.
    private Duration left() {
        Long first = started.get(0L);
        Long now = started.get(current);
        if (first == null || now == null || current == 0) {
            return Duration.ZERO;
        }
        long each = (now - first) / current;
        return Duration.ofNanos(Math.max(0, each * (plan.rounds() - current) - (System.nanoTime() - now)));
    }

    // ---- what came of it ----

    private Report.Evaluation evaluate(Federation federation, DataSets data, Path adapter)
            throws IOException, InterruptedException, Failure {
        Path folder = plan.output().resolve("baselines");
        Map<String, List<String>> trained = new LinkedHashMap<>();
        plan.organisations()
                .forEach(id -> trained.put(
                        id, List.of(Objects.requireNonNull(data.files().get(id)).toString())));
        trained.put("pooled", data.files().values().stream().map(Path::toString).toList());
        Pairs.forEach(List.copyOf(trained.keySet()), name -> {
            List<String> command = new ArrayList<>(List.of("train", "--data"));
            command.addAll(Objects.requireNonNull(trained.get(name)));
            command.addAll(training());
            command.addAll(plan.learning().options());
            command.addAll(List.of("--output-dir", folder.resolve(name).toString()));
            federation.run("train-" + name, command);
        });
        List<String> command = new ArrayList<>(List.of("evaluate", "--adapter", "base=base"));
        trained.keySet().forEach(name -> command.addAll(List.of("--adapter", name + "=" + folder.resolve(name))));
        command.addAll(List.of("--adapter", "federated=" + adapter, "--output", "json"));
        command.addAll(plan.learning().options());
        command.addAll(List.of(
                "--base",
                plan.base().toString(),
                "--max-tokens",
                String.valueOf(plan.maxTokens()),
                "--batch-size",
                String.valueOf(plan.batchSize()),
                "--data",
                data.evaluation().toString()));
        JsonNode scores = JSON.readTree(federation.run("evaluate", command).getLast());
        Map<String, Report.Score> alone = new LinkedHashMap<>();
        plan.organisations().forEach(id -> alone.put(id, score(scores, id)));
        return new Report.Evaluation(
                data.heldOut(), score(scores, "base"), alone, score(scores, "federated"), score(scores, "pooled"));
    }

    /// As the federation's plan: so many rounds with fresh optimisers, the same rate, the same order of
    /// examples.
    private List<String> training() {
        return List.of(
                "--base",
                plan.base().toString(),
                "--rounds",
                String.valueOf(plan.rounds()),
                "--steps",
                String.valueOf(plan.steps()),
                "--batch-size",
                String.valueOf(plan.batchSize()),
                "--max-tokens",
                String.valueOf(plan.maxTokens()),
                "--learning-rate",
                String.valueOf(plan.learningRate()),
                "--seed",
                String.valueOf(plan.seed()),
                "--threads",
                "1");
    }

    private static Report.Score score(JsonNode scores, String name) {
        return new Report.Score(
                scores.path(name).path("loss").asDouble(),
                scores.path(name).path("accuracy").asDouble());
    }

    private Map<String, Object> parameters(long coordinates) {
        Map<String, Object> parameters = new LinkedHashMap<>();
        parameters.put("rounds", plan.rounds());
        parameters.put("steps", plan.steps());
        parameters.put("batchSize", plan.batchSize());
        parameters.put("maxTokens", plan.maxTokens());
        parameters.put("learningRate", plan.learningRate());
        parameters.put("loraRank", 8);
        parameters.put("loraAlpha", 16);
        parameters.put("coordinates", coordinates);
        parameters.put("seed", plan.seed());
        parameters.put("base", plan.base().getFileName().toString());
        return parameters;
    }

    private static List<JsonNode> rounds(JsonNode status) {
        List<JsonNode> rounds = new ArrayList<>();
        status.path("rounds").forEach(rounds::add);
        return rounds;
    }

    private Report.Aggregation aggregation(Federation federation, JsonNode status, long coordinates)
            throws IOException {
        double error = 0;
        double bound = 0;
        double sent = 0;
        int ringBits = 24;
        int compared = 0;
        for (JsonNode round : status.path("rounds")) {
            long number = round.path("round").asLong();
            List<Path> plain = new ArrayList<>();
            round.path("survivors")
                    .forEach(id -> plain.add(federation.home(id.asText()).resolve("plain")));
            sent += round.path("bytesUp").asDouble() / round.path("survivors").size() / coordinates;
            Path models = federation.home(plan.organisations().getFirst()).resolve("models");
            Path before = models.resolve("version-" + number + ".f32");
            if (!plan.movesByTheMean() || !Files.exists(before)) {
                continue;
            }
            PlainSum.Difference difference = PlainSum.compare(
                    plain,
                    number,
                    round.path("attempt").asLong(),
                    PlainSum.floats(before),
                    PlainSum.floats(models.resolve("version-" + (number + 1) + ".f32")));
            if (compared++ == 0 || difference.error() > error) {
                error = difference.error();
                bound = difference.bound();
            }
        }
        return new Report.Aggregation(
                ringBits, error, bound, sent / Math.max(1, status.path("rounds").size()));
    }
}

package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.sandbox.Tail.Seen;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.SurvivorsSealed;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Something happens to somebody at some message of a round (protocol §5), and the federation goes on: the
/// round completes, or its attempt is aborted and a later one completes; nothing is lost, doubled or said
/// twice in different words.
///
/// Four roles, eleven messages and three faults make 132 cells. A few run always; `-Dsotto.matrix=full` runs all,
/// `-Dsotto.matrix=broker-kill,…` some.
///
/// The coordinator has two replicas and two slots, and there are chunks in both. Each cell begins when both replicas
/// have a slot: one directs, the other only aggregates. Who is which changes as they are struck.
class CrashMatrixIT {
    private static final List<MessageType> MESSAGES = List.of(
            MessageType.ROUND_OPENED,
            MessageType.KEYS_ADVERTISED,
            MessageType.ROSTER_SEALED,
            MessageType.SHARES_DEALT,
            MessageType.SHARES_ROUTED,
            MessageType.UPDATE_MANIFEST,
            MessageType.SURVIVORS_SEALED,
            MessageType.SURVIVORS_CONFIRMED,
            MessageType.UNMASK_REQUESTED,
            MessageType.SHARES_REVEALED,
            MessageType.ROUND_CLOSED);
    private static final String FIRST = "coordinator";
    private static final String SECOND = "second";
    private static final int DEADLINE_SECONDS = 5;
    private static final Duration LONGER = Duration.ofSeconds(DEADLINE_SECONDS + 2);
    private static final Duration STUCK = Duration.ofMinutes(3);
    private static final Duration LOOK = Duration.ofMillis(500);
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final ObjectMapper JSON = new ObjectMapper();
    private static int planned;
    private static int run;
    private static int survived;

    enum Role {
        PARTICIPANT,
        /// The replica of the coordinator that directs.
        DIRECTOR,
        /// The one that adds up chunks and does not direct.
        AGGREGATOR,
        BROKER
    }

    /// SIGKILL and start again; SIGSTOP for longer than the deadline; no network for longer than the deadline.
    enum Fault {
        KILL,
        PAUSE,
        CUT
    }

    /// What happens to whom as soon as `at` is in the log.
    record Cell(Role role, Fault fault, MessageType at) {
        @Override
        public String toString() {
            return (role + "-" + fault).toLowerCase(Locale.ROOT) + " at " + at.wireName();
        }
    }

    /// Cells that one federation lives through, one after the other.
    record Schedule(String name, List<Cell> cells) {
        @Override
        public String toString() {
            return name;
        }
    }

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    private final Map<String, Relay> relays = new TreeMap<>();
    private @Nullable BrokerHost broker;
    private @Nullable Federation federation;
    private @Nullable Tail tail;
    private @Nullable Leases leases;
    private final List<String> revived = new ArrayList<>();
    private String victim = "";
    private String director = "";

    static Stream<Schedule> schedules() {
        String wanted = System.getProperty("sotto.matrix", "few");
        if (wanted.equals("few")) {
            return Stream.of(new Schedule(
                    "few",
                    List.of(
                            new Cell(Role.BROKER, Fault.KILL, MessageType.UPDATE_MANIFEST),
                            new Cell(Role.PARTICIPANT, Fault.CUT, MessageType.SURVIVORS_SEALED),
                            new Cell(Role.AGGREGATOR, Fault.KILL, MessageType.UPDATE_MANIFEST),
                            new Cell(Role.DIRECTOR, Fault.PAUSE, MessageType.SHARES_REVEALED),
                            new Cell(Role.DIRECTOR, Fault.KILL, MessageType.UNMASK_REQUESTED))));
        }
        List<Schedule> schedules = new ArrayList<>();
        for (Role role : Role.values()) {
            List<Cell> cells = new ArrayList<>();
            for (Fault fault : Fault.values()) {
                String name = (role + "-" + fault).toLowerCase(Locale.ROOT);
                if (wanted.equals("full")
                        || Arrays.asList(wanted.split(",", -1)).contains(name)) {
                    MESSAGES.forEach(at -> cells.add(new Cell(role, fault, at)));
                }
            }
            if (!cells.isEmpty()) {
                schedules.add(new Schedule(role.name().toLowerCase(Locale.ROOT), cells));
            }
        }
        return schedules.stream();
    }

    @AfterEach
    void stopAll() throws Exception {
        if (leases != null) {
            leases.close();
        }
        if (tail != null) {
            tail.close();
        }
        for (Relay relay : relays.values()) {
            relay.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    @AfterAll
    static void tellFigures() {
        System.out.println("crash matrix: " + run + " of " + planned + " planned cells run, " + survived
                + " survived (132 are all: 4 roles x 11 messages x 3 faults)");
    }

    @ParameterizedTest
    @MethodSource("schedules")
    void federation_goesOn(Schedule schedule) throws Exception {
        planned += schedule.cells().size();
        Path output = folder.resolve("demo");
        Demo.clear(output);
        DemoPlan plan = SmallPlan.of(output, 1000, "fedavg");
        victim = plan.victim();
        List<BrokerSettings.Route> routes = new ArrayList<>();
        for (String who : Stream.concat(Stream.of(FIRST, SECOND), plan.organisations().stream())
                .toList()) {
            Relay relay = new Relay(false);
            relays.put(who, relay);
            routes.add(relay.route());
        }
        try (Supervisor supervisor =
                new Supervisor(Jvm.ofThisProcess(Artefacts.ofThisBuild().leash()), output.resolve("logs"))) {
            BrokerHost host = Brokers.broker(supervisor, output.resolve("broker"), routes);
            broker = host;
            Display display = new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now);
            Demo demo = new Demo(
                    plan, Artefacts.ofThisBuild(), supervisor, relay(FIRST).before(host), display);
            Federation begun = demo.begin(CrashMatrixIT::prepare, made -> {
                        for (String organisation : plan.organisations()) {
                            reroute(made.home(organisation), relay(organisation));
                        }
                    })
                    .federation();
            federation = begun;
            change(
                    begun.makeReplica(SECOND),
                    settings -> settings.put("bootstrapServers", relay(SECOND).bootstrap()));
            var _ = begun.startReplica(SECOND);
            Map<String, Object> operator = Topics.settings(
                    host.bootstrap(),
                    begun.folder().resolve("tls.pem"),
                    begun.folder().resolve("ca.pem"));
            dev.sotto.schemas.Topics topics = new dev.sotto.schemas.Topics(Federation.ID);
            leases = new Leases(operator, topics);
            Tail following = new Tail(operator, topics, plan.organisations());
            tail = following;
            long last = -1;
            for (Cell cell : schedule.cells()) {
                last = survives(cell, last);
            }
            clean(last, plan.organisations());
            Kept.nothingTwice(following);
            Kept.versionsAreWhole(following, operator);
            Kept.chunksAreThereOnce(following, operator);
            awaitBothReplicas();
            assertThat(begun.status(director.equals(SECOND) ? begun.folder(SECOND) : begun.folder())
                            .path("disputed"))
                    .isEmpty();
        } finally {
            if (!revived.isEmpty()) {
                System.out.println("  started again by the test, as a service manager does: " + revived);
            }
        }
    }

    /// Short deadlines; two slots, and an adapter whose second chunk just begins.
    private static void prepare(Federation made) throws IOException, InterruptedException, Failure {
        made.run(
                "layout-wide",
                List.of(
                        "layout",
                        "--base",
                        Artefacts.ofThisBuild().demoBase().toString(),
                        "--rank",
                        "22",
                        "--output-file",
                        made.folder().resolve("adapter-layout.json").toString()));
        change(made.folder(), settings -> {
            settings.put("partitions", 2);
            ((ObjectNode) settings.path("aggregation")).put("ringBits", 32);
            ObjectNode deadlines = settings.putObject("deadlines");
            for (String phase : List.of("keys", "shares", "confirmation", "reveal")) {
                deadlines.put(phase, DEADLINE_SECONDS + "s");
            }
            deadlines.put("training", "60s");
            settings.put("stragglerGrace", DEADLINE_SECONDS + "s");
        });
    }

    private static void change(Path coordinator, Consumer<ObjectNode> changes) throws IOException {
        Path file = coordinator.resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        changes.accept(settings);
        YAML.writeValue(file.toFile(), settings);
    }

    private static void reroute(Path home, Relay relay) throws IOException {
        Path file = home.resolve("federation.json");
        ObjectNode membership = (ObjectNode) JSON.readTree(file.toFile());
        JSON.writeValue(file.toFile(), membership.put("bootstrapServers", relay.bootstrap()));
    }

    private Relay relay(String who) {
        return Objects.requireNonNull(relays.get(who));
    }

    /// @param last round of the cell before
    /// @return the round of this one
    private long survives(Cell cell, long last) throws Exception {
        long round = last;
        Seen hit;
        for (int missed = 0; ; missed++) {
            awaitBothReplicas();
            int from = following().size();
            Optional<Seen> running = running().filter(_ -> cell.at() != MessageType.ROUND_OPENED);
            round = running.isPresent()
                    ? running.get().round()
                    : await(from, seen -> seen.type() == MessageType.ROUND_OPENED, "a round is opened")
                            .round();
            long this_ = round;
            hit = await(
                    from,
                    seen -> seen.round() == this_ && (seen.type() == MessageType.ROUND_CLOSED || isTrigger(cell, seen)),
                    cell + ": the message or the round's end");
            if (isTrigger(cell, hit)) {
                break;
            }
            assertThat(missed)
                    .as(cell + ": rounds that went by without the message")
                    .isLessThan(4);
        }
        run++;
        long began = System.nanoTime();
        int before = revived.size();
        strike(cell);
        long this_ = round;
        String line = "  " + cell + ", round " + round;
        Optional<Seen> closed =
                awaitAtMost(0, seen -> seen.type() == MessageType.ROUND_CLOSED && seen.round() == this_, STUCK);
        if (closed.isEmpty()) {
            System.out.println(line + ": STUCK");
        }
        assertThat(closed).as(cell + ": round " + round + " is closed").isPresent();
        List<String> aborts = new ArrayList<>();
        int struck = hit.at();
        for (Seen aborted : following()
                .all(seen -> seen.type() == MessageType.ROUND_ABORTED && seen.round() == this_ && seen.at() > struck)) {
            aborts.add(RoundAborted.parse(aborted.envelope().payload()).reason());
        }
        survived++;
        System.out.println(String.format(
                Locale.ROOT,
                "%s: closed in attempt %d with %d survivors after %.1f s%s%s",
                line,
                closed.orElseThrow().attempt(),
                survivors(closed.orElseThrow()),
                (System.nanoTime() - began) / 1e9,
                aborts.isEmpty() ? "" : ", aborted " + aborts,
                revived.size() == before ? "" : ", revived " + revived.subList(before, revived.size())));
        return round;
    }

    /// The opening of the round that is open.
    private Optional<Seen> running() {
        return following()
                .all(seen -> seen.type() == MessageType.ROUND_OPENED || seen.type() == MessageType.ROUND_CLOSED)
                .stream()
                .reduce((_, later) -> later)
                .filter(seen -> seen.type() == MessageType.ROUND_OPENED);
    }

    private boolean isTrigger(Cell cell, Seen seen) {
        return seen.type() == cell.at()
                && (seen.type().fromCoordinator()
                        || cell.role() != Role.PARTICIPANT
                        || seen.sender().equals(victim));
    }

    private int survivors(Seen closed) throws Exception {
        Seen sealed = following()
                .all(seen -> seen.type() == MessageType.SURVIVORS_SEALED
                        && seen.round() == closed.round()
                        && seen.attempt() == closed.attempt())
                .getFirst();
        return SurvivorsSealed.parse(sealed.envelope().payload()).survivors().size();
    }

    private void strike(Cell cell) throws Exception {
        Federation all = federation();
        switch (cell.fault()) {
            case KILL -> {
                switch (cell.role()) {
                    case PARTICIPANT -> {
                        all.killAgent(victim);
                        all.startAgent(victim);
                    }
                    case DIRECTOR, AGGREGATOR -> killAndStart(replica(cell.role()));
                    case BROKER -> {
                        host().kill();
                        host().start(
                                        all.folder().resolve("broker.pem"),
                                        all.folder().resolve("ca.pem"));
                    }
                }
            }
            case PAUSE -> {
                switch (cell.role()) {
                    case PARTICIPANT -> pause(all.agent(victim));
                    case DIRECTOR, AGGREGATOR -> pause(process(replica(cell.role())));
                    case BROKER -> {
                        host().pause();
                        pass(LONGER);
                        host().resume();
                    }
                }
            }
            case CUT -> {
                List<Relay> wires = switch (cell.role()) {
                    case PARTICIPANT -> List.of(relay(victim));
                    case DIRECTOR, AGGREGATOR -> List.of(relay(replica(cell.role())));
                    case BROKER -> List.copyOf(relays.values());
                };
                for (Relay wire : wires) {
                    wire.cut();
                }
                pass(LONGER);
                wires.forEach(Relay::mend);
            }
        }
    }

    private void killAndStart(String replica) throws Exception {
        if (replica.equals(SECOND)) {
            federation().killReplica(SECOND);
        } else {
            federation().killCoordinator();
        }
        start(replica);
    }

    private void start(String replica) throws Exception {
        if (replica.equals(SECOND)) {
            var _ = federation().startReplica(SECOND);
        } else {
            federation().startCoordinator();
        }
    }

    private void pause(Child process) throws Exception {
        process.pause();
        pass(LONGER);
        process.resume();
    }

    private Child process(String replica) {
        return replica.equals(SECOND)
                ? federation().replica(SECOND)
                : federation().coordinator();
    }

    /// Who has the role in this cell.
    private String replica(Role role) {
        return (role == Role.DIRECTOR) == director.equals(SECOND) ? SECOND : FIRST;
    }

    /// Until both aggregate and one of them directs.
    private void awaitBothReplicas() throws Exception {
        Leases now = Objects.requireNonNull(leases);
        long deadline = System.nanoTime() + STUCK.toNanos();
        Optional<String> directs = now.director();
        while (directs.isEmpty() || now.aggregators().size() < 2) {
            assertThat(System.nanoTime()).as("both replicas have slots").isLessThan(deadline);
            var _ = awaitAtMost(Integer.MAX_VALUE, seen -> false, LOOK);
            directs = now.director();
        }
        director = directs.orElseThrow();
    }

    /// The fault itself takes time; what happens meanwhile is followed.
    private void pass(Duration time) throws InterruptedException {
        var _ = following().await(Integer.MAX_VALUE, seen -> false, time);
    }

    /// A round in which nothing happens and everybody survives: all have verified what came before.
    private void clean(long last, List<String> organisations) throws Exception {
        int survivors = 0;
        for (int rounds = 0; rounds < 5 && survivors < organisations.size(); rounds++) {
            int from = following().size();
            Seen opened = await(
                    from, seen -> seen.type() == MessageType.ROUND_OPENED && seen.round() > last, "a round is opened");
            survivors = survivors(await(
                    opened.at(),
                    seen -> seen.type() == MessageType.ROUND_CLOSED && seen.round() == opened.round(),
                    "a round without a fault is closed"));
        }
        assertThat(survivors).as("survivors of a round without a fault").isEqualTo(organisations.size());
    }

    private Seen await(int from, Predicate<Seen> wanted, String what) throws Exception {
        Optional<Seen> found = awaitAtMost(from, wanted, STUCK);
        assertThat(found).as(what).isPresent();
        return found.orElseThrow();
    }

    /// Meanwhile, whoever has ended by itself is started again.
    private Optional<Seen> awaitAtMost(int from, Predicate<Seen> wanted, Duration patience) throws Exception {
        long deadline = System.nanoTime() + patience.toNanos();
        Optional<Seen> found = Optional.empty();
        while (found.isEmpty() && System.nanoTime() < deadline) {
            found = following().await(from, wanted, LOOK);
            revive();
        }
        return found;
    }

    private void revive() throws Exception {
        Federation all = federation();
        for (String replica : List.of(FIRST, SECOND)) {
            if (!process(replica).isAlive()) {
                revived.add(replica);
                start(replica);
            }
            process(replica).expectEnd();
        }
        for (String organisation : DemoPlan.names(4)) {
            Child agent = all.agent(organisation);
            if (!agent.isAlive()) {
                revived.add(organisation);
                all.startAgent(organisation);
            }
            all.agent(organisation).expectEnd();
        }
    }

    private Federation federation() {
        return Objects.requireNonNull(federation);
    }

    private BrokerHost host() {
        return Objects.requireNonNull(broker);
    }

    private Tail following() {
        return Objects.requireNonNull(tail);
    }
}

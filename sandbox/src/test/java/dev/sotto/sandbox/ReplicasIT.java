package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.sandbox.Tail.Seen;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.SurvivorsSealed;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// Several replicas of the coordinator: one directs, and another goes on when it cannot.
@Timeout(600)
class ReplicasIT {
    private static final int DEADLINE_SECONDS = 8;
    private static final Duration LONGER = Duration.ofSeconds(DEADLINE_SECONDS + 2);
    private static final Duration STUCK = Duration.ofMinutes(3);
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    private @Nullable BrokerHost broker;
    private @Nullable Tail tail;

    @AfterEach
    void stopAll() throws Exception {
        if (tail != null) {
            tail.close();
        }
        if (broker != null) {
            broker.close();
        }
    }

    @Test
    void directors_thatAreKilledPausedOrAllAway_leaveEveryRoundWithOneVersion() throws Exception {
        DemoPlan plan = plan("fedavg");
        try (Supervisor supervisor = supervisor(plan)) {
            Federation federation = begin(plan, supervisor, ReplicasIT::shorten);
            Child second = federation.startReplica("second");

            // Killed in mid-round: the standby goes on with it. What is asked of it meanwhile waits for that.
            Seen struck = await(0, seen -> seen.type() == MessageType.UPDATE_MANIFEST, "a manifest");
            federation.killCoordinator();
            federation.run(
                    "invite-late",
                    List.of(
                            "admin",
                            "invite",
                            "create",
                            "late",
                            "--coordinator",
                            federation.folder("second").toString()));
            closedAtOnce(struck, 4);
            assertThat(Files.readString(second.log())).contains("this replica directs");

            // Paused past its lease: the first, back as the standby, seals; the paused one cannot when it wakes up.
            federation.startCoordinator();
            struck = await(size(), seen -> seen.type() == MessageType.SHARES_ROUTED, "a round in training");
            second.pause();
            closedAtOnce(struck, 4);
            second.resume();
            await(size(), seen -> seen.type() == MessageType.ROUND_CLOSED, "a round after that");
            assertThat(second.isAlive()).isTrue();
            assertThat(Files.readString(second.log())).contains("this replica stands by");

            // All away for longer than a deadline: the answers that came meanwhile count.
            struck = await(size(), seen -> seen.type() == MessageType.SURVIVORS_SEALED, "survivors");
            federation.killCoordinator();
            federation.killReplica("second");
            pass(LONGER);
            federation.startCoordinator();
            closedAtOnce(struck, 4);

            Kept.nothingTwice(tail());
            Kept.versionsAreWhole(tail(), operator(federation));
            assertThat(federation.status().path("disputed")).isEmpty();
            // What one replica has granted, the others know of.
            assertThat(String.join(
                            "\n",
                            federation.run(
                                    "invites",
                                    List.of(
                                            "admin",
                                            "invite",
                                            "list",
                                            "--coordinator",
                                            federation.folder().toString()))))
                    .contains("late");
        }
    }

    /// Three chunks in three slots, of an adapter and of SCAFFOLD's vector. Each member recomputes each round as a
    /// whole.
    @Test
    void replicas_thatShareTheChunks_makeEachVersionOnce_alsoWhenOneIsKilledOrJoins() throws Exception {
        DemoPlan plan = plan("scaffold");
        try (Supervisor supervisor = supervisor(plan)) {
            Federation federation = begin(plan, supervisor, made -> {
                shorten(made);
                made.run(
                        "layout-wide",
                        List.of(
                                "layout",
                                "--base",
                                plan.base().toString(),
                                "--rank",
                                "44",
                                "--output-file",
                                made.folder().resolve("adapter-layout.json").toString()));
                Path file = made.folder().resolve("federation.yaml");
                ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
                settings.put("partitions", 3);
                ((ObjectNode) settings.path("aggregation")).put("ringBits", 32);
                // Members first recompute the round before, which is many times the demo's.
                ((ObjectNode) settings.path("deadlines")).put("keys", "30s");
                YAML.writeValue(file.toFile(), settings);
            });
            List<Child> replicas = new ArrayList<>(List.of(federation.coordinator()));
            for (String name : List.of("second", "third")) {
                replicas.add(federation.startReplica(name));
                // A slot has moved to it by the end of a round.
                closedAtOnce(await(size(), seen -> seen.type() == MessageType.SHARES_ROUTED, "a round in training"), 4);
            }
            for (Child replica : replicas) {
                assertThat(Files.readString(replica.log())).contains("chunks of version");
            }

            // Killed while members deliver: its slot moves to another one.
            Seen struck = await(size(), seen -> seen.type() == MessageType.UPDATE_MANIFEST, "a manifest");
            federation.killReplica("third");
            closedAtOnce(struck, 4);

            // Back in mid-round: slots move to it.
            await(size(), seen -> seen.type() == MessageType.ROSTER_SEALED, "a round");
            struck = await(size(), seen -> seen.type() == MessageType.SHARES_ROUTED, "a round in training");
            var _ = federation.startReplica("third");
            closedAtOnce(struck, 4);
            closedAtOnce(await(size(), seen -> seen.type() == MessageType.SHARES_ROUTED, "a round in training"), 4);

            Kept.nothingTwice(tail());
            Kept.versionsAreWhole(tail(), operator(federation));
            Kept.chunksAreThereOnce(tail(), operator(federation));
            assertThat(federation.status().path("disputed")).isEmpty();
        }
    }

    private DemoPlan plan(String algorithm) throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        return SmallPlan.of(output, 1000, algorithm);
    }

    private static Supervisor supervisor(DemoPlan plan) {
        return new Supervisor(
                Jvm.ofThisProcess(Artefacts.ofThisBuild().leash()),
                plan.output().resolve("logs"));
    }

    private Federation begin(DemoPlan plan, Supervisor supervisor, Demo.Preparation made) throws Exception {
        BrokerHost host = Brokers.broker(supervisor, plan.output().resolve("broker"), List.of());
        broker = host;
        Display display = new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now);
        Federation federation = new Demo(plan, Artefacts.ofThisBuild(), supervisor, host, display)
                .begin(made, enrolled -> {})
                .federation();
        tail = new Tail(operator(federation), new dev.sotto.schemas.Topics(Federation.ID), plan.organisations());
        return federation;
    }

    private static Map<String, Object> operator(Federation federation) {
        return Topics.settings(
                federation.bootstrap(),
                federation.folder().resolve("tls.pem"),
                federation.folder().resolve("ca.pem"));
    }

    private static void shorten(Federation federation) throws IOException {
        Path file = federation.folder().resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        ObjectNode deadlines = settings.putObject("deadlines");
        for (String phase : List.of("keys", "shares", "confirmation", "reveal")) {
            deadlines.put(phase, DEADLINE_SECONDS + "s");
        }
        deadlines.put("training", "60s");
        YAML.writeValue(file.toFile(), settings);
    }

    /// In the attempt in which it was struck, with that many survivors.
    private void closedAtOnce(Seen struck, int survivors) throws Exception {
        Seen closed = await(
                struck.at(),
                seen -> seen.round() == struck.round() && seen.type() == MessageType.ROUND_CLOSED,
                "round " + struck.round() + " is closed");
        assertThat(closed.attempt()).isEqualTo(struck.attempt());
        Seen sealed = await(
                0,
                seen -> seen.type() == MessageType.SURVIVORS_SEALED
                        && seen.round() == closed.round()
                        && seen.attempt() == closed.attempt(),
                "survivors");
        assertThat(SurvivorsSealed.parse(sealed.envelope().payload()).survivors())
                .hasSize(survivors);
    }

    private void pass(Duration time) throws InterruptedException {
        var _ = tail().await(Integer.MAX_VALUE, seen -> false, time);
    }

    private Seen await(int from, Predicate<Seen> wanted, String what) throws Exception {
        Optional<Seen> found = tail().await(from, wanted, STUCK);
        assertThat(found).as(what).isPresent();
        return found.orElseThrow();
    }

    private int size() {
        return tail().size();
    }

    private Tail tail() {
        return Objects.requireNonNull(tail);
    }
}

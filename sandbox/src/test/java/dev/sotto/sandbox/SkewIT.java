package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.DataSets;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.demo.Watch;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.SurvivorsSealed;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// Members whose clocks are ten minutes early and ten minutes late: whole processes under `faketime`, from
/// enrolment on, so that TLS and certificates see the same clock.
@Timeout(900)
class SkewIT {
    private static final Duration STUCK = Duration.ofMinutes(6);
    private static final String EARLY = "hospital";
    private static final String LATE = "bank";

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    @Test
    void clocksTenMinutesOff_changeNothing() throws Exception {
        boolean there = isThere();
        if (!there) {
            System.err.println("sotto: the test of clocks is skipped: there is no faketime on the PATH");
        }
        assumeTrue(there);
        Path output = folder.resolve("demo");
        Demo.clear(output);
        Artefacts artefacts = Artefacts.ofThisBuild();
        DemoPlan plan = SmallPlan.of(output, 2, "fedavg");
        Path logs = output.resolve("logs");
        Jvm right = Jvm.ofThisProcess(artefacts.leash());
        try (Supervisor supervisor = new Supervisor(right, logs);
                Supervisor early = new Supervisor(new Jvm(java("+10m"), artefacts.leash()), logs);
                Supervisor late = new Supervisor(new Jvm(java("-10m"), artefacts.leash()), logs)) {
            Function<String, Supervisor> of = id -> id.equals(EARLY) ? early : id.equals(LATE) ? late : supervisor;
            try (BrokerHost broker = Brokers.broker(supervisor, output.resolve("broker"), List.of())) {
                federate(plan, artefacts, supervisor, broker, of);
            }
        }
    }

    private void federate(
            DemoPlan plan,
            Artefacts artefacts,
            Supervisor supervisor,
            BrokerHost broker,
            Function<String, Supervisor> of)
            throws Exception {
        Path data = plan.output().resolve("data");
        supervisor.run(
                "data",
                artefacts.participant(),
                List.of(
                        "data",
                        "--names",
                        String.join(",", plan.organisations()),
                        "--seed",
                        "7",
                        "--output-dir",
                        data.toString()));
        Watch watch = new Watch();
        Federation federation =
                new Federation(plan, artefacts, supervisor, broker, watch, new DataSets(Map.of(), Map.of(), data, 0));
        assertThat(federation.create()).isPositive();
        federation.startBroker();
        federation.startCoordinator();
        Map<String, String> fingerprints = new TreeMap<>();
        for (String id : plan.organisations()) {
            String invite = federation
                    .run(
                            "invite-" + id,
                            List.of(
                                    "admin",
                                    "invite",
                                    "create",
                                    id,
                                    "--coordinator",
                                    federation.folder().toString()))
                    .getFirst();
            List<String> said = of.apply(id)
                    .run(
                            "enroll-" + id,
                            artefacts.participant(),
                            List.of(
                                    "enroll",
                                    invite,
                                    "--home",
                                    federation.home(id).toString(),
                                    "--output",
                                    "json"));
            fingerprints.put(
                    id,
                    new ObjectMapper()
                            .readTree(said.getFirst())
                            .path("fingerprint")
                            .asText());
        }
        federation.approve(fingerprints);
        for (String id : plan.organisations()) {
            of.apply(id)
                    .start(
                            id,
                            artefacts.participant(),
                            List.of(
                                    "run",
                                    "--home",
                                    federation.home(id).toString(),
                                    "--base",
                                    plan.base().toString(),
                                    "--data",
                                    data.resolve(id + ".jsonl").toString(),
                                    "--seed",
                                    "7",
                                    "--threads",
                                    "1"),
                            line -> {});
        }
        try (Tail tail = new Tail(
                Topics.settings(
                        federation.bootstrap(),
                        federation.folder().resolve("tls.pem"),
                        federation.folder().resolve("ca.pem")),
                new dev.sotto.schemas.Topics(Federation.ID),
                plan.organisations())) {
            for (long round = 0; round < plan.rounds(); round++) {
                long number = round;
                Optional<Tail.Seen> closed =
                        tail.await(0, seen -> seen.round() == number && seen.type() == MessageType.ROUND_CLOSED, STUCK);
                assertThat(closed).as("round " + round).isPresent();
                assertThat(closed.get().attempt()).isEqualTo(1);
                Tail.Seen sealed = tail.all(
                                seen -> seen.round() == number && seen.type() == MessageType.SURVIVORS_SEALED)
                        .getFirst();
                assertThat(SurvivorsSealed.parse(sealed.envelope().payload()).survivors())
                        .hasSize(4);
            }
        }
        // The clocks were what they are said to be: agents write the time on each line.
        assertThat(minutesFrom(federation, plan, EARLY)).isBetween(5L, 15L);
        assertThat(minutesFrom(federation, plan, LATE)).isBetween(-15L, -5L);
    }

    private static long minutesFrom(Federation federation, DemoPlan plan, String id) throws Exception {
        List<String> lines = Files.readAllLines(plan.output().resolve("logs").resolve(id + ".log"));
        String said = lines.stream()
                .filter(line -> line.contains("ready"))
                .findFirst()
                .orElseThrow()
                .split(" ", 2)[0];
        return Duration.between(
                        Files.getLastModifiedTime(federation.folder().resolve("federation.yaml"))
                                .toInstant(),
                        Instant.parse(said))
                .toMinutes();
    }

    private static boolean isThere() throws InterruptedException {
        try {
            return new ProcessBuilder("faketime", "--version").start().waitFor() == 0;
        } catch (java.io.IOException e) {
            return false;
        }
    }

    /// A `java` whose clock is off; what waits for a time to pass waits as long as ever.
    private Path java(String off) throws Exception {
        Path script = folder.resolve("java" + off);
        Files.writeString(script, """
                #!/bin/sh
                exec faketime -m --exclude-monotonic -f %s "%s" "$@"
                """.formatted(off, Path.of(System.getProperty("java.home"), "bin", "java")));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        return script;
    }
}

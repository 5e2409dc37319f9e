package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.ChildBroker;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.MessageType;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// A broker that comes back without its disk: the federation's logs, access rules and offsets are gone.
@Timeout(900)
class LostDiskIT {
    private static final Duration STUCK = Duration.ofMinutes(6);

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    @Test
    void everybodyEnds_andSaysWhy_andEachMemberHasTheLastModel() throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        Artefacts artefacts = Artefacts.ofThisBuild();
        DemoPlan plan = SmallPlan.of(output, 1000, "fedavg");
        try (Supervisor supervisor = new Supervisor(Jvm.ofThisProcess(artefacts.leash()), output.resolve("logs"))) {
            // Always a process: a container's disk cannot be taken away from it.
            ChildBroker broker = new ChildBroker(artefacts, supervisor, output.resolve("broker"), List.of());
            Federation federation = new Demo(
                            plan,
                            artefacts,
                            supervisor,
                            broker,
                            new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now))
                    .begin(made -> {}, enrolled -> {})
                    .federation();
            try (Tail tail = new Tail(
                    Topics.settings(
                            federation.bootstrap(),
                            federation.folder().resolve("tls.pem"),
                            federation.folder().resolve("ca.pem")),
                    new dev.sotto.schemas.Topics(Federation.ID),
                    plan.organisations())) {
                // All have version 2, or they would not have confirmed the third round.
                assertThat(tail.await(
                                0, seen -> seen.type() == MessageType.SURVIVORS_SEALED && seen.round() == 2, STUCK))
                        .isPresent();
            }
            broker.kill();
            delete(output.resolve("broker").resolve("log"));
            Map<String, Child> ending = new TreeMap<>();
            for (String organisation : plan.organisations()) {
                Child agent = federation.agent(organisation);
                agent.expectEnd();
                ending.put(organisation, agent);
            }
            federation.coordinator().expectEnd();
            federation.startBroker();

            for (Map.Entry<String, Child> agent : ending.entrySet()) {
                assertThat(agent.getValue().await()).as(agent.getKey()).isEqualTo(1);
                assertThat(String.join("\n", agent.getValue().lastLines()))
                        .as(agent.getKey())
                        .contains("lost its disk")
                        .contains("sotto export");
                assertThat(federation.run(
                                "export-" + agent.getKey(),
                                List.of(
                                        "export",
                                        "--home",
                                        federation.home(agent.getKey()).toString(),
                                        "--base",
                                        plan.base().toString(),
                                        "--output-dir",
                                        output.resolve("adapter-" + agent.getKey())
                                                .toString())))
                        .isNotEmpty();
            }
            assertThat(federation.coordinator().await()).isEqualTo(1);
            assertThat(Files.readString(federation.coordinator().log())).contains("the broker has lost its disk, or");

            // Started again the coordinator serves, without members, and says that it begins at nothing.
            federation.startCoordinator();
            assertThat(Files.readString(federation.coordinator().log())).startsWith("topics are new");
            assertThat(federation.status().path("rounds")).isEmpty();
        }
    }

    private static void delete(Path folder) throws Exception {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}

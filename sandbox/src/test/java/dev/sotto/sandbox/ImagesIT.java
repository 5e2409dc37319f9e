package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.ContainerConfig;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.startupcheck.OneShotStartupCheckStrategy;
import org.testcontainers.images.builder.ImageFromDockerfile;

/// The images of both Dockerfiles, from what this build packaged and the base that `SOTTO_BASE_IMAGE` names, and a
/// federation all of whose parts run from them. Without an engine or a base they are skipped, unless
/// `SOTTO_REQUIRE_CONTAINERS=true`.
@Timeout(900)
class ImagesIT {
    private static final @Nullable String BASE = System.getenv("SOTTO_BASE_IMAGE");
    private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
    private static final String LABEL = "dev.sotto.test";
    private static final String RUN = UUID.randomUUID().toString();
    private static final Duration STUCK = Duration.ofMinutes(4);
    private static final Map<Program, ImageFromDockerfile> IMAGES = new EnumMap<>(Program.class);

    /// What there is an image of, with what its Dockerfile copies.
    enum Program {
        COORDINATOR,
        PARTICIPANT;

        private List<String> files() {
            return switch (this) {
                case COORDINATOR -> List.of("src/main/docker/sotto.args", "target/sbom.cdx.json", "target/quarkus-app");
                case PARTICIPANT ->
                    List.of(
                            "src/main/docker/sotto.args",
                            "target/sbom.cdx.json",
                            "target/lib",
                            "target/sotto-participant.jar");
            };
        }

        private String module() {
            return name().toLowerCase(Locale.ROOT);
        }

        private ImageFromDockerfile image(String base) {
            ImageFromDockerfile image = new ImageFromDockerfile()
                    .withFileFromPath("Dockerfile", ROOT.resolve(module() + "/src/main/docker/Dockerfile"))
                    .withBuildArg("SOTTO_BASE_IMAGE", base);
            if (this == PARTICIPANT) {
                var _ = image.withTarget("cpu");
            }
            for (String file : files()) {
                String path = module() + "/" + file;
                var _ = image.withFileFromPath(path, ROOT.resolve(path));
            }
            return image;
        }
    }

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    @BeforeAll
    static void build() {
        if (!Boolean.parseBoolean(System.getenv("SOTTO_REQUIRE_CONTAINERS"))) {
            boolean isThere = BASE != null && DockerClientFactory.instance().isDockerAvailable();
            if (!isThere) {
                System.err.println(
                        "sotto: the test of the images is skipped: no container engine answers, or SOTTO_BASE_IMAGE names"
                                + " no base");
            }
            assumeTrue(isThere);
        }
        for (Program program : Program.values()) {
            IMAGES.put(program, program.image(Objects.requireNonNull(BASE, "SOTTO_BASE_IMAGE")));
        }
    }

    @AfterAll
    static void remove() {
        if (IMAGES.isEmpty()) {
            return;
        }
        DockerClient engine = DockerClientFactory.instance().client();
        for (Container left : engine.listContainersCmd()
                .withShowAll(true)
                .withLabelFilter(Map.of(LABEL, RUN))
                .exec()) {
            engine.removeContainerCmd(left.getId()).withForce(true).exec();
        }
        IMAGES.values()
                .forEach(image ->
                        engine.removeImageCmd(image.get()).withForce(true).exec());
    }

    @ParameterizedTest
    @EnumSource
    void image_isNobodysRoot_andNeedsNothingButTmpToWriteOn(Program program) {
        try (GenericContainer<?> container = new GenericContainer<>(image(program))
                .withCommand("--version")
                .withStartupCheckStrategy(new OneShotStartupCheckStrategy())
                .withTmpFs(Map.of("/tmp", "rw"))
                .withCreateContainerCmdModifier(command -> Objects.requireNonNull(command.getHostConfig())
                        .withReadonlyRootfs(true)
                        .withCapDrop(Capability.ALL))) {
            container.start();
            assertThat(container.getLogs()).contains("sotto 0.1.0");
            ContainerConfig config = Objects.requireNonNull(container
                    .getDockerClient()
                    .inspectImageCmd(container.getDockerImageName())
                    .exec()
                    .getConfig());
            assertThat(config.getUser()).isEqualTo("10001:10001");
            assertThat(config.getLabels()).containsKey("org.opencontainers.image.version");
        }
    }

    private static ImageFromDockerfile image(Program program) {
        return Objects.requireNonNull(IMAGES.get(program));
    }

    /// From the first key on: settings, enrolment, approval, rounds and an audit, each command in a container of its
    /// own with a read-only root, no capability, no way to more rights, and the user that the image names.
    @Test
    void federation_allOfWhosePartsRunFromImages_closesItsRounds() throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        Files.createDirectories(output.resolve("logs"));
        DemoPlan plan = SmallPlan.of(output, 2, "fedavg");
        Artefacts artefacts = Artefacts.ofThisBuild();
        Jvm images = new Jvm(java(plan), artefacts.leash());
        try (Supervisor processes = new Supervisor(Jvm.ofThisProcess(artefacts.leash()), output.resolve("logs"));
                Supervisor containers = new Supervisor(images, output.resolve("logs"))) {
            try (BrokerHost broker = Brokers.broker(processes, output.resolve("broker"), List.of())) {
                Path data = output.resolve("data");
                Map<String, Path> files = plan.organisations().stream()
                        .collect(Collectors.toMap(id -> id, id -> data.resolve(id + ".jsonl")));
                DataSets sets = new DataSets(files, Map.of(), data, 0);
                federate(plan, data, new Federation(plan, artefacts, containers, broker, new Watch(), sets));
            }
        }
    }

    private static void federate(DemoPlan plan, Path data, Federation federation) throws Exception {
        List<String> organisations = plan.organisations();
        federation.run(
                "data",
                List.of(
                        "data",
                        "--names",
                        String.join(",", organisations),
                        "--seed",
                        "7",
                        "--output-dir",
                        data.toString()));
        assertThat(federation.create()).isPositive();
        federation.startBroker();
        federation.startCoordinator();
        federation.approve(federation.enrol());
        for (String organisation : organisations) {
            federation.startAgent(organisation);
        }
        try (Tail tail = new Tail(
                Topics.settings(
                        federation.bootstrap(),
                        federation.folder().resolve("tls.pem"),
                        federation.folder().resolve("ca.pem")),
                new dev.sotto.schemas.Topics(Federation.ID),
                organisations)) {
            for (long round = 0; round < plan.rounds(); round++) {
                long number = round;
                Optional<Tail.Seen> closed =
                        tail.await(0, seen -> seen.round() == number && seen.type() == MessageType.ROUND_CLOSED, STUCK);
                assertThat(closed).as("round " + round).isPresent();
            }
        }
        // What closed them are containers: the coordinator and the members.
        assertThat(DockerClientFactory.instance()
                        .client()
                        .listContainersCmd()
                        .withLabelFilter(Map.of(LABEL, RUN))
                        .exec())
                .hasSize(1 + organisations.size());
        JsonNode rounds = federation.status().path("rounds");
        assertThat(rounds).hasSize(plan.rounds());
        rounds.forEach(round -> assertThat(round.path("survivors")).hasSize(organisations.size()));
        assertThat(federation.run(
                        "audit",
                        List.of(
                                "audit",
                                "1",
                                "--home",
                                federation.home(organisations.getFirst()).toString())))
                .anyMatch(line -> line.endsWith("0 failed, 0 could not be made."));
    }

    /// A `java` that runs a program's image instead of its jar. Folders keep their names, and the network is
    /// the machine's, so that the addresses are those of every other test. Whoever tests as root gives the
    /// folders to the images' user first; everybody else has the images run as himself.
    private Path java(DemoPlan plan) throws Exception {
        Path script = folder.resolve("java");
        Files.writeString(script, """
                #!/bin/sh
                while [ "$1" != -jar ]; do shift; done
                case "$2" in
                  *participant*) image=%1$s ;;
                  *) image=%2$s ;;
                esac
                shift 2
                user=
                if [ "$(id -u)" = 0 ]; then
                  chown -R 10001:10001 '%3$s'
                else
                  user="--user $(id -u):$(id -g)"
                fi
                exec docker run --rm --label %4$s=%5$s --network host --read-only --cap-drop ALL \
                  --security-opt no-new-privileges --tmpfs /tmp:rw,exec $user \
                  -v '%3$s:%3$s' -v '%6$s:%6$s:ro' "$image" "$@"
                """.formatted(
                        image(Program.PARTICIPANT).get(),
                        image(Program.COORDINATOR).get(),
                        plan.output(),
                        LABEL,
                        RUN,
                        plan.base()));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        return script;
    }
}

package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.ContainerConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.startupcheck.OneShotStartupCheckStrategy;
import org.testcontainers.images.builder.ImageFromDockerfile;

/// The images of both Dockerfiles, from what this build packaged and the base that `SOTTO_BASE_IMAGE` names; without an
/// engine or a base they are skipped, unless `SOTTO_REQUIRE_CONTAINERS=true`.
class ImagesIT {
    private static final @Nullable String BASE = System.getenv("SOTTO_BASE_IMAGE");

    /// What the Dockerfile copies, from the root of the repository.
    private static List<String> files(Chart chart) {
        return chart.equals(Chart.COORDINATOR)
                ? List.of(
                        "coordinator/src/main/docker/sotto.args",
                        "coordinator/target/sbom.cdx.json",
                        "coordinator/target/quarkus-app")
                : List.of(
                        "participant/src/main/docker/sotto.args",
                        "participant/target/sbom.cdx.json",
                        "participant/target/lib",
                        "participant/target/sotto-participant.jar");
    }

    @ParameterizedTest
    @MethodSource("dev.sotto.helm.ChartsTest#charts")
    void image_runsAsTheChartsRunIt(Chart chart) {
        if (!Boolean.parseBoolean(System.getenv("SOTTO_REQUIRE_CONTAINERS"))) {
            assumeThat(BASE).as("SOTTO_BASE_IMAGE").isNotNull();
            assumeThat(DockerClientFactory.instance().isDockerAvailable())
                    .as("an engine")
                    .isTrue();
        }
        Path root = Path.of("..").toAbsolutePath().normalize();
        ImageFromDockerfile image = new ImageFromDockerfile()
                .withFileFromPath("Dockerfile", root.resolve(chart.name() + "/src/main/docker/Dockerfile"))
                .withBuildArg("SOTTO_BASE_IMAGE", Objects.requireNonNull(BASE, "SOTTO_BASE_IMAGE"));
        if (chart.equals(Chart.PARTICIPANT)) {
            var _ = image.withTarget("cpu");
        }
        for (String file : files(chart)) {
            var _ = image.withFileFromPath(file, root.resolve(file));
        }
        try {
            try (GenericContainer<?> container = new GenericContainer<>(image)
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
        } finally {
            DockerClientFactory.instance()
                    .client()
                    .removeImageCmd(image.get())
                    .withForce(true)
                    .exec();
        }
    }
}

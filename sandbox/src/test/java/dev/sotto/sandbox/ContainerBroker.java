package dev.sotto.sandbox;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.PortBinding;
import com.github.dockerjava.api.model.Ports.Binding;
import dev.sotto.sandbox.broker.Broker;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.broker.Ports;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.images.builder.Transferable;
import org.testcontainers.utility.DockerImageName;
import org.testcontainers.utility.MountableFile;

/// The broker in a container, with the settings that [BrokerSettings] writes for every broker of the
/// sandbox: mutual TLS, access rules. Its ports are the same inside and outside, so that the broker, which
/// is a client of itself, and everybody else find it at one address.
final class ContainerBroker implements BrokerHost {
    private static final String FOLDER = "/tmp/sotto-kafka";
    private static final Path KEYS = Path.of("/mnt/shared/keys");
    private static final int READABLE = 0644;

    private final DockerImageName image;
    private final List<BrokerSettings.Route> routes;
    private final int port;
    private final int controllerPort;
    private @Nullable GenericContainer<?> container;
    private int starts;

    /// Starts nothing yet.
    ///
    /// @param routes further listeners
    ContainerBroker(DockerImageName image, List<BrokerSettings.Route> routes) throws IOException {
        this.image = image;
        this.routes = List.copyOf(routes);
        List<Integer> ports = Ports.free(2);
        this.port = ports.get(0);
        this.controllerPort = ports.get(1);
    }

    @Override
    public String bootstrap() {
        return "127.0.0.1:" + port;
    }

    @Override
    @SuppressWarnings("resource") // close() does it.
    public void start(Path identity, Path authority) {
        starts++;
        if (container != null) {
            docker().startContainerCmd(running().getContainerId()).exec();
            // The log is that of all starts.
            Wait.forLogMessage(".*" + Broker.READY + ".*", starts).waitUntilReady(running());
            return;
        }
        BrokerSettings settings = new BrokerSettings(
                "0.0.0.0",
                Path.of(FOLDER),
                port,
                controllerPort,
                KEYS.resolve("broker.pem"),
                KEYS.resolve("ca.pem"),
                routes);
        List<Integer> listeners = new ArrayList<>(List.of(port));
        routes.forEach(route -> listeners.add(route.port()));
        GenericContainer<?> fresh = new GenericContainer<>(image)
                .withCopyFileToContainer(
                        MountableFile.forHostPath(identity, READABLE),
                        KEYS.resolve("broker.pem").toString())
                .withCopyFileToContainer(
                        MountableFile.forHostPath(authority, READABLE),
                        KEYS.resolve("ca.pem").toString())
                .withCopyToContainer(
                        Transferable.of(settings.file().getBytes(StandardCharsets.UTF_8), READABLE),
                        "/mnt/shared/config/server.properties")
                .withEnv("KAFKA_HEAP_OPTS", "-Xmx512m")
                .withExposedPorts(listeners.toArray(Integer[]::new))
                .withCreateContainerCmdModifier(command -> Objects.requireNonNull(command.getHostConfig())
                        .withPortBindings(listeners.stream()
                                .map(listener -> new PortBinding(
                                        Binding.bindIpAndPort("127.0.0.1", listener), ExposedPort.tcp(listener)))
                                .toList()))
                .waitingFor(Wait.forLogMessage(".*" + Broker.READY + ".*", 1))
                .withStartupTimeout(Duration.ofSeconds(90));
        container = fresh;
        fresh.start();
    }

    @Override
    public void kill() throws InterruptedException {
        docker().killContainerCmd(running().getContainerId()).exec();
        while (running().isRunning()) {
            Thread.onSpinWait();
        }
    }

    @Override
    public void pause() {
        docker().pauseContainerCmd(running().getContainerId()).exec();
    }

    @Override
    public void resume() {
        docker().unpauseContainerCmd(running().getContainerId()).exec();
    }

    /// What the broker has on its disk, without the indexes, which hold places and times: one archive.
    byte[] disk() throws IOException, InterruptedException {
        ExecResult packed =
                running().execInContainer("sh", "-c", "tar -cf /tmp/disk.tar --exclude='*index' -C " + FOLDER + " .");
        if (packed.getExitCode() != 0 && !packed.getStderr().contains("changed as we read it")) {
            throw new IOException("the broker's disk cannot be read: " + packed.getStderr());
        }
        return running().copyFileFromContainer("/tmp/disk.tar", stream -> stream.readAllBytes());
    }

    @Override
    public void close() {
        if (container != null) {
            container.stop();
        }
    }

    private GenericContainer<?> running() {
        return Objects.requireNonNull(container, "the broker has not been started");
    }

    private DockerClient docker() {
        return running().getDockerClient();
    }
}

package dev.sotto.sandbox.demo;

import dev.sotto.sandbox.broker.Broker;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.broker.Ports;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Supervisor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The broker as a child process, from Kafka's jars.
public final class ChildBroker implements BrokerHost {
    private final Artefacts artefacts;
    private final Supervisor supervisor;
    private final Path folder;
    private final List<BrokerSettings.Route> routes;
    private final int port;
    private final int controllerPort;
    private @Nullable Child child;

    /// Starts nothing yet.
    ///
    /// @param folder where the broker keeps its log
    /// @param routes further listeners
    public ChildBroker(Artefacts artefacts, Supervisor supervisor, Path folder, List<BrokerSettings.Route> routes)
            throws IOException {
        this.artefacts = artefacts;
        this.supervisor = supervisor;
        this.folder = folder;
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
    public void start(Path identity, Path authority) throws IOException, InterruptedException, Failure {
        List<String> arguments = new ArrayList<>(List.of(
                "broker",
                "--dir",
                folder.toString(),
                "--port",
                String.valueOf(port),
                "--controller-port",
                String.valueOf(controllerPort),
                "--tls",
                identity.toString(),
                "--ca",
                authority.toString()));
        routes.forEach(route -> arguments.addAll(List.of("--route", route.port() + "=" + route.reachedAt())));
        child = supervisor.startUntil("broker", artefacts.broker(), arguments, Broker.READY);
    }

    @Override
    public void kill() throws InterruptedException {
        Child running = running();
        supervisor.forget(running);
        running.kill();
    }

    @Override
    public void pause() throws IOException, InterruptedException {
        running().pause();
    }

    @Override
    public void resume() throws IOException, InterruptedException {
        running().resume();
    }

    /// Does nothing: the process ends with its supervisor, after those that need a broker to end.
    @Override
    public void close() {}

    private Child running() {
        return Objects.requireNonNull(child, "the broker has not been started");
    }
}

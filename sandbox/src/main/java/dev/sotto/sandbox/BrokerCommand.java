package dev.sotto.sandbox;

import dev.sotto.sandbox.broker.Broker;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `sandbox broker`: the process of the federation's Kafka broker. `demo` starts it; people seldom do.
@Command(
        name = "broker",
        hidden = true,
        mixinStandardHelpOptions = true,
        description = "Runs an Apache Kafka broker with mutual TLS on 127.0.0.1.")
final class BrokerCommand implements Callable<Integer> {
    @Option(names = "--dir", required = true, paramLabel = "DIR", description = "Where the broker keeps its log.")
    private Path dir = Path.of("");

    @Option(names = "--port", required = true, paramLabel = "PORT", description = "Where clients connect.")
    private int port;

    @Option(names = "--controller-port", required = true, paramLabel = "PORT", description = "Where KRaft talks.")
    private int controllerPort;

    @Option(
            names = "--tls",
            required = true,
            paramLabel = "FILE",
            description = "PEM: the broker's PKCS#8 key, certificate and CA.")
    private Path tls = Path.of("");

    @Option(names = "--ca", required = true, paramLabel = "FILE", description = "PEM: the federation's CA.")
    private Path ca = Path.of("");

    @Option(
            names = "--route",
            paramLabel = "PORT=PORT",
            description = "A further listener, and the port on 127.0.0.1 at which its clients reach it.")
    private Map<Integer, Integer> routes = Map.of();

    @Override
    public Integer call() throws IOException, Failure {
        List<BrokerSettings.Route> listeners = new ArrayList<>();
        routes.forEach((listener, reachedAt) -> listeners.add(new BrokerSettings.Route(listener, reachedAt)));
        Broker.run(new BrokerSettings("127.0.0.1", dir, port, controllerPort, tls, ca, listeners));
        return 0;
    }
}

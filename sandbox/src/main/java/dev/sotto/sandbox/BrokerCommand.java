package dev.sotto.sandbox;

import dev.sotto.sandbox.broker.Broker;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import java.nio.file.Path;
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

    @Override
    public Integer call() throws IOException, Failure {
        Broker.run(new BrokerSettings(dir, port, controllerPort, tls, ca));
        return 0;
    }
}

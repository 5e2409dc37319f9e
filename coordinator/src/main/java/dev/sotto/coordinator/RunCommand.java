package dev.sotto.coordinator;

import dev.sotto.coordinator.kafka.Access;
import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.telemetry.RoundSpans;
import io.quarkus.runtime.Quarkus;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto coordinator run`: serves a federation until it is stopped.
@Command(name = "run", description = "Serve a federation.", mixinStandardHelpOptions = true)
final class RunCommand implements Callable<Integer> {
    private static final Duration RETRY = Duration.ofSeconds(5);

    @Option(names = "--dir", required = true, description = "The federation's folder, made by init.")
    private Path dir = Path.of("");

    @Option(
            names = "--log-format",
            defaultValue = "text",
            description = "Of the lines on standard error: text, or json, an object a line (default ${DEFAULT-VALUE}).")
    private LogFormat logFormat = LogFormat.text;

    /// How lines of the log look. In lower case, as they are given.
    enum LogFormat {
        /// For people.
        text,
        /// For programs.
        json
    }

    @Option(
            names = "--replica",
            description = "This process's name among the replicas, [A-Za-z0-9._-]; default: the host's name.")
    private String replica = "";

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InvalidSettings, InterruptedException {
        Folder folder = new Folder(dir.toAbsolutePath());
        Settings settings = Settings.read(folder.settings());
        folder.requireIssuing();
        requireFree(settings.url().getPort());
        requireTelemetry();
        KafkaClients kafka = new KafkaClients(settings.bootstrapServers(), folder.tls(), folder.ca());
        createTopics(kafka, settings);
        configuration(folder, settings, name(), logFormat).forEach(System::setProperty);
        AtomicInteger exitCode = new AtomicInteger();
        Quarkus.run(Application.class, (code, failure) -> exitCode.set(failure == null ? code : 1));
        return exitCode.get();
    }

    private String name() throws InvalidSettings {
        String name = replica;
        if (name.isEmpty()) {
            try {
                name = InetAddress.getLocalHost().getHostName();
            } catch (UnknownHostException e) {
                throw new InvalidSettings("this host has no name; --replica must give one");
            }
        }
        if (!name.matches("[A-Za-z0-9._-]{1,249}")) {
            throw new InvalidSettings("--replica is '" + name + "', must be 1 to 249 of [A-Za-z0-9._-]");
        }
        return name;
    }

    private static void requireFree(int port) throws InvalidSettings {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(port));
        } catch (IOException e) {
            throw new InvalidSettings("port " + port + " of url is in use: " + e.getMessage());
        }
    }

    /// Before anything has started: a wrong variable is the operator's to mend.
    private static void requireTelemetry() throws InvalidSettings {
        try {
            RoundSpans.configured("sotto-coordinator", System.getenv()).close();
        } catch (IllegalArgumentException e) {
            throw new InvalidSettings(String.valueOf(e.getMessage()));
        }
    }

    /// A broker that is away is waited for; one that does not let us in is an error.
    private void createTopics(KafkaClients kafka, Settings settings) throws InterruptedException, InvalidSettings {
        for (boolean told = false; ; told = true) {
            try (Admin admin = kafka.admin()) {
                if (new Access(admin, settings).createTopics()) {
                    spec.commandLine()
                            .getErr()
                            .println("topics are new: this is the first start of " + settings.federation()
                                    + "; if it is not, the broker has lost its disk, and everybody must enrol again");
                }
                return;
            } catch (AuthenticationException | AuthorizationException e) {
                throw new InvalidSettings("Kafka at " + settings.bootstrapServers() + " refuses the coordinator: "
                        + e.getMessage() + "; it must be a super user there (User:coordinator)");
            } catch (KafkaException e) {
                if (!told) {
                    spec.commandLine()
                            .getErr()
                            .println("waiting for Kafka at " + settings.bootstrapServers() + ": " + e.getMessage());
                }
                Thread.sleep(RETRY);
            }
        }
    }

    /// What differs from one federation to the next, as Quarkus wants to hear it.
    static Map<String, String> configuration(Folder folder, Settings settings, String replica, LogFormat logFormat)
            throws IOException {
        if (!Files.isReadable(folder.tls())) {
            throw new IOException(folder.tls() + " may not be read");
        }
        Map<String, String> all = new TreeMap<>();
        all.put(Coordinator.FOLDER, folder.path().toString());
        all.put(Coordinator.REPLICA, replica);
        all.put("quarkus.http.ssl-port", String.valueOf(settings.url().getPort()));
        all.put("quarkus.tls.key-store.pem.0.cert", folder.tls().toString());
        all.put("quarkus.tls.key-store.pem.0.key", folder.tls().toString());
        all.put("quarkus.tls.trust-store.pem.certs", folder.ca().toString());
        if (settings.oidc().isPresent()) {
            // Of its own: the federation's CA certifies no issuer, and no issuer is shown the coordinator's
            // certificate.
            String issuer = "quarkus.tls." + Coordinator.ISSUER_TLS + ".";
            all.put(issuer + "protocols", "TLSv1.3,TLSv1.2");
            settings.oidc().get().ca().ifPresent(ca -> all.put(issuer + "trust-store.pem.certs", ca.toString()));
        }
        all.put("quarkus.log.console.json.enabled", String.valueOf(logFormat == LogFormat.json));
        all.put("quarkus.log.console.json.additional-field.federation.value", settings.federation());
        return all;
    }
}

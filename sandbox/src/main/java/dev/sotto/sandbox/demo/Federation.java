package dev.sotto.sandbox.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.Ports;
import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Child;
import dev.sotto.sandbox.process.Supervisor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A federation of real processes on this machine: a broker, the coordinator, the organisations.
/// Everything is done with the same commands that people use.
///
/// Used by one thread.
public final class Federation {
    /// The federation's id.
    public static final String ID = "demo";

    private static final Duration STOP = Duration.ofSeconds(4);
    private static final ObjectMapper YAML = new ObjectMapper(new YAMLFactory());
    private static final ObjectMapper JSON = new ObjectMapper();

    private final DemoPlan plan;
    private final Artefacts artefacts;
    private final Supervisor supervisor;
    private final Watch watch;
    private final DataSets data;
    private final Map<String, Child> agents = new HashMap<>();
    private final Map<String, Child> replicas = new HashMap<>();
    private final BrokerHost broker;
    private final int port;
    private @Nullable Child coordinator;

    /// Starts nothing yet.
    public Federation(
            DemoPlan plan, Artefacts artefacts, Supervisor supervisor, BrokerHost broker, Watch watch, DataSets data)
            throws IOException {
        this.plan = plan;
        this.artefacts = artefacts;
        this.supervisor = supervisor;
        this.broker = broker;
        this.watch = watch;
        this.data = data;
        this.port = Ports.free(1).getFirst();
    }

    /// The coordinator's folder.
    public Path folder() {
        return plan.output().resolve("federation");
    }

    /// An organisation's folder.
    public Path home(String organisation) {
        return plan.output().resolve("organisations").resolve(organisation);
    }

    /// Where Kafka listens.
    public String bootstrap() {
        return broker.bootstrap();
    }

    /// Where the coordinator listens.
    public String url() {
        return "https://127.0.0.1:" + port;
    }

    /// Makes the CA, the keys and the settings.
    ///
    /// @return how many coordinates the adapter has
    public long create() throws IOException, InterruptedException, Failure {
        Path layout = plan.output().resolve("adapter-layout.json");
        run(
                "layout",
                List.of(
                        "layout",
                        "--base",
                        plan.base().toString(),
                        "--mode",
                        plan.learning().mode(),
                        "--output-file",
                        layout.toString()));
        run(
                artefacts.coordinator(),
                "init",
                List.of(
                        "init",
                        "--dir",
                        folder().toString(),
                        "--federation",
                        ID,
                        "--bootstrap",
                        bootstrap(),
                        "--url",
                        url(),
                        "--layout",
                        layout.toString()));
        configure();
        long coordinates = 0;
        for (JsonNode tensor : JSON.readTree(layout.toFile()).path("tensors")) {
            long size = 1;
            for (JsonNode dimension : tensor.path("shape")) {
                size *= dimension.asLong();
            }
            coordinates += size;
        }
        return coordinates;
    }

    private void configure() throws IOException {
        Path file = folder().resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        settings.put("replicationFactor", 1).put("rounds", plan.rounds()).put("stragglerGrace", "10s");
        settings.put("publicSeed", String.format("%064x", plan.seed()));
        ObjectNode members = settings.putObject("members")
                .put("atLeast", plan.organisations().size());
        plan.cohort().ifPresent(size -> members.put("cohort", size));
        settings.putObject("algorithm").put("name", plan.algorithm());
        ((ObjectNode) settings.path("training"))
                .put("objective", plan.learning().objective())
                .put("template", plan.learning().template())
                .put("steps", plan.steps())
                .put("batchSize", plan.batchSize())
                .put("maxTokens", plan.maxTokens())
                .put("learningRate", plan.learningRate());
        YAML.writeValue(file.toFile(), settings);
    }

    /// Starts the broker and waits until it lets clients in.
    public void startBroker() throws IOException, InterruptedException, Failure {
        broker.start(folder().resolve("broker.pem"), folder().resolve("ca.pem"));
    }

    /// Starts the coordinator and waits until it serves.
    ///
    /// @param options of `sotto coordinator run`, besides `--dir`
    public void startCoordinator(String... options) throws IOException, InterruptedException, Failure {
        List<String> command = new ArrayList<>(List.of("run", "--dir", folder().toString()));
        command.addAll(List.of(options));
        coordinator = supervisor.startUntil("coordinator", artefacts.coordinator(), command, "listening on");
    }

    /// Makes a further replica of the coordinator, as on another machine: with its own copy of the folder, and at an
    /// address of its own.
    ///
    /// @return its folder
    public Path makeReplica(String name) throws IOException {
        Path copy = folder(name);
        Files.createDirectories(copy);
        try (Stream<Path> files = Files.list(folder())) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
        Path file = copy.resolve("federation.yaml");
        ObjectNode settings = (ObjectNode) YAML.readTree(file.toFile());
        YAML.writeValue(
                file.toFile(),
                settings.put("url", "https://127.0.0.1:" + Ports.free(1).getFirst()));
        return copy;
    }

    /// Starts a further replica of the coordinator, which is made if it was not.
    ///
    /// @return it, serving
    public Child startReplica(String name) throws IOException, InterruptedException, Failure {
        Path copy = Files.exists(folder(name)) ? folder(name) : makeReplica(name);
        Child replica = supervisor.startUntil(
                "coordinator-" + name,
                artefacts.coordinator(),
                List.of("run", "--dir", copy.toString(), "--replica", name),
                "listening on");
        replicas.put(name, replica);
        return replica;
    }

    /// A further replica of the coordinator, once it has been started.
    public Child replica(String name) {
        return Objects.requireNonNull(replicas.get(name), name);
    }

    /// Kills a further replica of the coordinator (SIGKILL).
    public void killReplica(String name) throws InterruptedException {
        Child running = replica(name);
        supervisor.forget(running);
        running.kill();
    }

    /// The folder of a further replica of the coordinator.
    public Path folder(String replica) {
        return plan.output().resolve("federation-" + replica);
    }

    /// Invites every organisation and has each enrol, two at a time.
    ///
    /// @return their fingerprints, as each said itself
    public Map<String, String> enrol() throws IOException, InterruptedException, Failure {
        Map<String, String> fingerprints = new TreeMap<>();
        Pairs.forEach(plan.organisations(), organisation -> {
            String invite = run(
                            "invite-" + organisation,
                            List.of("admin", "invite", "create", organisation, "--coordinator", folder().toString()))
                    .getFirst();
            List<String> said = run(
                    "enroll-" + organisation,
                    List.of("enroll", invite, "--home", home(organisation).toString(), "--output", "json"));
            synchronized (fingerprints) {
                fingerprints.put(
                        organisation,
                        JSON.readTree(said.getFirst()).path("fingerprint").asText());
            }
            if (plan.organisations().size() == 3) {
                // With three members none may be assumed to collude (protocol §2).
                Path policy = home(organisation).resolve("policy.yaml");
                Files.writeString(policy, Files.readString(policy).replace("maxColluders: 1", "maxColluders: 0"));
            }
        });
        return fingerprints;
    }

    /// Has every organisation approve the others by these fingerprints, two at a time.
    public void approve(Map<String, String> fingerprints) throws IOException, InterruptedException, Failure {
        Pairs.forEach(plan.organisations(), organisation -> {
            List<String> command = new ArrayList<>(List.of("peers", "approve"));
            fingerprints.forEach((peer, fingerprint) -> command.add(peer + "=" + fingerprint));
            command.addAll(List.of("--home", home(organisation).toString()));
            run("approve-" + organisation, command);
        });
    }

    /// Starts an organisation's agent.
    public void startAgent(String organisation) throws IOException, Failure {
        startAgent(organisation, "--events");
    }

    /// As above.
    ///
    /// @param lines the option that makes its output one JSON object a line
    public void startAgent(String organisation, String lines) throws IOException, Failure {
        Child agent = supervisor.start(
                organisation,
                artefacts.participant(),
                List.of(
                        "run",
                        "--home",
                        home(organisation).toString(),
                        "--base",
                        plan.base().toString(),
                        "--data",
                        Objects.requireNonNull(data.files().get(organisation)).toString(),
                        "--dataset",
                        plan.learning().dataset(),
                        "--seed",
                        String.valueOf(plan.seed()),
                        "--threads",
                        "1",
                        lines,
                        "--keep-plain-updates"),
                line -> watch.line(organisation, line));
        agents.put(organisation, agent);
    }

    /// An organisation's agent, once it has been started.
    public Child agent(String organisation) {
        return Objects.requireNonNull(agents.get(organisation), organisation);
    }

    /// The coordinator, once it has been started.
    public Child coordinator() {
        return Objects.requireNonNull(coordinator, "the coordinator has not been started");
    }

    /// Kills an organisation's agent (SIGKILL).
    public void killAgent(String organisation) throws InterruptedException {
        Child agent = Objects.requireNonNull(agents.remove(organisation));
        supervisor.forget(agent);
        agent.kill();
        watch.gone(organisation);
    }

    /// Kills the coordinator (SIGKILL).
    public void killCoordinator() throws InterruptedException {
        Child running = coordinator();
        supervisor.forget(running);
        running.kill();
    }

    /// Stops the agents.
    public void stopAgents() throws InterruptedException {
        for (Child agent : agents.values()) {
            supervisor.forget(agent);
            agent.stop(STOP);
        }
        agents.clear();
    }

    /// What the coordinator shows an operator.
    public JsonNode status() throws IOException, InterruptedException, Failure {
        return status(folder());
    }

    /// As above.
    ///
    /// @param replica the folder of the replica that directs
    public JsonNode status(Path replica) throws IOException, InterruptedException, Failure {
        return JSON.readTree(
                String.join("\n", run("status", List.of("admin", "status", "--coordinator", replica.toString()))));
    }

    /// Runs a command of the participant to its end.
    ///
    /// @return what it printed
    public List<String> run(String name, List<String> arguments) throws IOException, InterruptedException, Failure {
        return run(artefacts.participant(), name, arguments);
    }

    /// Runs a command of the coordinator's program to its end.
    ///
    /// @return what it printed
    public List<String> runCoordinator(String name, List<String> arguments)
            throws IOException, InterruptedException, Failure {
        return run(artefacts.coordinator(), name, arguments);
    }

    private List<String> run(dev.sotto.sandbox.process.Jvm.Program program, String name, List<String> arguments)
            throws IOException, InterruptedException, Failure {
        return supervisor.run(name, program, arguments);
    }
}

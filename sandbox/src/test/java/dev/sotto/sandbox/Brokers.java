package dev.sotto.sandbox;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.PullResponseItem;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.broker.BrokerSettings;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.ChildBroker;
import dev.sotto.sandbox.process.Supervisor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.ContainerFetchException;
import org.testcontainers.utility.DockerImageName;

/// Where the tests' brokers run: in containers of `apache/kafka` or of what `SOTTO_KAFKA_IMAGE` names; where
/// there is no engine or no such image, in a process. Decided once, and said in one line. With
/// `SOTTO_REQUIRE_CONTAINERS=true` there is no choice.
final class Brokers {
    private static final String APACHE = "apache/kafka";
    private static final Duration PATIENCE = Duration.ofMinutes(5);
    private static final Optional<DockerImageName> IMAGE = image();

    private Brokers() {}

    /// A broker that is not started yet.
    ///
    /// @param folder of its log, if it is a process
    /// @param routes further listeners
    static BrokerHost broker(Supervisor supervisor, Path folder, List<BrokerSettings.Route> routes) throws IOException {
        return IMAGE.isPresent()
                ? new ContainerBroker(IMAGE.get(), routes)
                : new ChildBroker(Artefacts.ofThisBuild(), supervisor, folder, routes);
    }

    /// What the broker has on its disk, but for indexes.
    ///
    /// @param folder as given to [#broker]
    static byte[] disk(BrokerHost broker, Path folder) throws IOException, InterruptedException {
        if (broker instanceof ContainerBroker container) {
            return container.disk();
        }
        ByteArrayOutputStream disk = new ByteArrayOutputStream();
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path file : all.filter(Files::isRegularFile).toList()) {
                if (!file.toString().endsWith("index")) {
                    disk.write(Files.readAllBytes(file));
                }
            }
        }
        return disk.toByteArray();
    }

    private static Optional<DockerImageName> image() {
        String named = Objects.requireNonNullElse(
                System.getenv("SOTTO_KAFKA_IMAGE"), System.getProperty("sotto.kafka.image", APACHE));
        Optional<String> missing = missing(named);
        if (missing.isEmpty()) {
            System.out.println("sotto: the federation tests' broker runs in a container of " + named);
            return Optional.of(DockerImageName.parse(named).asCompatibleSubstituteFor(APACHE));
        }
        if (Boolean.parseBoolean(System.getenv("SOTTO_REQUIRE_CONTAINERS"))) {
            throw new IllegalStateException(
                    "SOTTO_REQUIRE_CONTAINERS is true, but there can be no containers: " + missing.get());
        }
        System.out.println("sotto: container tests are skipped, their broker runs in a process: " + missing.get());
        return Optional.empty();
    }

    /// What containers lack, or nothing.
    private static Optional<String> missing(String image) {
        try {
            if (!DockerClientFactory.instance().isDockerAvailable()) {
                return Optional.of("no container engine answers");
            }
        } catch (ContainerFetchException e) {
            // Testcontainers starts one of its own first, which removes others at the end.
            return Optional.of("the engine cannot fetch Testcontainers' own image (" + e.getMessage()
                    + "); TESTCONTAINERS_RYUK_DISABLED=true does without");
        }
        DockerClient engine = DockerClientFactory.instance().client();
        try {
            var _ = engine.inspectImageCmd(image).exec();
            return Optional.empty();
        } catch (NotFoundException e) {
            return fetched(engine, image)
                    ? Optional.empty()
                    : Optional.of("the engine has no image " + image + " and cannot fetch it");
        }
    }

    /// Tried once: Testcontainers would try for many minutes where no registry can be reached.
    private static boolean fetched(DockerClient engine, String image) {
        Quiet pull = engine.pullImageCmd(image).exec(new Quiet());
        try {
            return pull.awaitCompletion(PATIENCE.toSeconds(), TimeUnit.SECONDS) && !pull.failed;
        } catch (RuntimeException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /// The library's own logs a stack trace of what is said here in a line.
    private static final class Quiet extends ResultCallback.Adapter<PullResponseItem> {
        private volatile boolean failed;

        @Override
        public void onNext(PullResponseItem item) {
            failed |= item.isErrorIndicated();
        }

        @Override
        public void onError(Throwable e) {
            failed = true;
            onComplete();
        }
    }
}

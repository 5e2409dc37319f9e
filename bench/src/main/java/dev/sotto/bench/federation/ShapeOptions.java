package dev.sotto.bench.federation;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What federations under load are asked for with.
final class ShapeOptions {
    @Option(names = "--members", defaultValue = "4", description = "4 to 255 (default ${DEFAULT-VALUE}).")
    int members;

    @Option(
            names = "--coordinates",
            defaultValue = "4000000",
            description = "Of the adapter, a multiple of 8 (default ${DEFAULT-VALUE}).")
    int coordinates;

    @Option(names = "--rounds", defaultValue = "3", description = "Default ${DEFAULT-VALUE}.")
    int rounds;

    @Option(names = "--replicas", defaultValue = "1", description = "Of the coordinator (default ${DEFAULT-VALUE}).")
    int replicas;

    @Option(names = "--partitions", defaultValue = "4", description = "Default ${DEFAULT-VALUE}.")
    int partitions;

    @Option(names = "--heap", defaultValue = "512m", description = "-Xmx of a replica (default ${DEFAULT-VALUE}).")
    String heap = "";

    @Option(
            names = "--training",
            defaultValue = "0",
            description = "Seconds that a member waits instead of training (default ${DEFAULT-VALUE}).")
    long training;

    @Option(
            names = "--skew",
            defaultValue = "0",
            description = "Seconds by which every other member's clock is late, and the others' early (default"
                    + " ${DEFAULT-VALUE}).")
    long skew;

    @Option(
            names = "--slow",
            paramLabel = "MB/S",
            description = "The last member's link: a quota of the broker holds what it sends and fetches to so many MB"
                    + " a second, each.")
    Optional<Double> slow = Optional.empty();

    @Option(
            names = "--verify",
            defaultValue = "sample",
            description = "What members recompute of each round: all, sample or never (default ${DEFAULT-VALUE}).")
    String verify = "";

    @Option(names = "--keep", description = "Folder, new or empty, in which everything is left.")
    @Nullable
    Path keep;

    Shape shape() {
        return new Shape(
                members,
                coordinates,
                rounds,
                replicas,
                partitions,
                heap,
                Duration.ofSeconds(training),
                Duration.ofSeconds(skew),
                verify);
    }

    /// The deadlines know the slow member's link.
    void configure(ObjectNode settings) {
        if (slow.isPresent()) {
            ((ObjectNode) settings.path("deadlines"))
                    .put("slowestLink", Math.max(1, (int) (slow.get() * Byte.SIZE)) + "Mbit/s");
        }
    }

    /// How long nothing may be heard.
    Duration patience() {
        return Duration.ofSeconds(training).plus(Duration.ofMinutes(5));
    }
}

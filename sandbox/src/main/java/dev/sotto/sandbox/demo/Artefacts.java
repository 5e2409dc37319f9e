package dev.sotto.sandbox.demo;

import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Jvm;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What the build made, and how it is started.
///
/// @param root             of the repository
/// @param coordinatorFlags of the coordinator's JVM
/// @param brokerFlags      of the broker's
public record Artefacts(Path root, List<String> coordinatorFlags, List<String> brokerFlags) {
    private static final String FEWER_COMPILERS = "-XX:TieredStopAtLevel=1";
    private static final List<String> SMALL = List.of("-Xmx512m", FEWER_COMPILERS);

    /// Copies the lists.
    public Artefacts {
        coordinatorFlags = List.copyOf(coordinatorFlags);
        brokerFlags = List.copyOf(brokerFlags);
    }

    /// Of the build that this class comes from: `sandbox/target/…`.
    public static Artefacts ofThisBuild() {
        return ofBuildOf(Artefacts.class);
    }

    /// Of the build that made a class: it is in `MODULE/target/…`.
    public static Artefacts ofBuildOf(Class<?> module) {
        try {
            Path here = Path.of(
                    module.getProtectionDomain().getCodeSource().getLocation().toURI());
            return new Artefacts(here.resolve("../../..").normalize(), SMALL, SMALL);
        } catch (URISyntaxException e) {
            throw new IllegalStateException("a code source is a file", e);
        }
    }

    /// The same with other flags, where it matters how fast or how large they are.
    public Artefacts with(List<String> coordinator, List<String> broker) {
        return new Artefacts(root, coordinator, broker);
    }

    /// Says what is not built.
    ///
    /// @throws Failure naming the file and how to build it
    public void requireBuilt() throws Failure {
        for (Path file : List.of(participant().jar(), coordinator().jar(), broker().jar(), leash())) {
            if (!Files.exists(file)) {
                throw Failure.invalid(file + " is not built; ./sotto mvn package -DskipTests");
            }
        }
    }

    /// The organisation's program.
    public Jvm.Program participant() {
        return new Jvm.Program(
                root.resolve("participant/target/sotto-participant.jar"), List.of("-Xmx1g", FEWER_COMPILERS));
    }

    /// The coordinator.
    public Jvm.Program coordinator() {
        return new Jvm.Program(root.resolve("coordinator/target/quarkus-app/quarkus-run.jar"), coordinatorFlags);
    }

    /// The broker.
    public Jvm.Program broker() {
        return new Jvm.Program(root.resolve("sandbox/target/sotto-sandbox.jar"), brokerFlags);
    }

    /// The agent that ends a child with its parent.
    public Path leash() {
        return root.resolve("sandbox/target/sotto-leash.jar");
    }

    /// The base model of this project.
    public Path demoBase() {
        return root.resolve("models/sotto-demo-base");
    }
}

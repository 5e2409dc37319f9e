package dev.sotto.sandbox.demo;

import dev.sotto.sandbox.failure.Failure;
import dev.sotto.sandbox.process.Jvm;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What the build made, and how it is started.
///
/// @param root of the repository
public record Artefacts(Path root) {
    private static final String FEWER_COMPILERS = "-XX:TieredStopAtLevel=1";

    /// Of the build that this class comes from: `sandbox/target/…`.
    public static Artefacts ofThisBuild() {
        try {
            Path here = Path.of(Artefacts.class
                    .getProtectionDomain()
                    .getCodeSource()
                    .getLocation()
                    .toURI());
            return new Artefacts(here.resolve("../../..").normalize());
        } catch (URISyntaxException e) {
            throw new IllegalStateException("a code source is a file", e);
        }
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
        return new Jvm.Program(
                root.resolve("coordinator/target/quarkus-app/quarkus-run.jar"), List.of("-Xmx512m", FEWER_COMPILERS));
    }

    /// The broker.
    public Jvm.Program broker() {
        return new Jvm.Program(root.resolve("sandbox/target/sotto-sandbox.jar"), List.of("-Xmx512m", FEWER_COMPILERS));
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

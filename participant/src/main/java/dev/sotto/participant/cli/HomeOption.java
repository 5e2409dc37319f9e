package dev.sotto.participant.cli;

import dev.sotto.participant.home.Home;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/// Where an organisation's folder is.
final class HomeOption {
    @Option(
            names = "--home",
            paramLabel = "DIR",
            description = "The organisation's folder (default: SOTTO_HOME, else ~/.sotto).")
    private Optional<Path> given = Optional.empty();

    Home home() {
        return new Home(given.orElseGet(() -> {
                    String environment = System.getenv("SOTTO_HOME");
                    return environment == null || environment.isBlank()
                            ? Path.of(System.getProperty("user.home"), ".sotto")
                            : Path.of(environment);
                })
                .toAbsolutePath()
                .normalize());
    }
}

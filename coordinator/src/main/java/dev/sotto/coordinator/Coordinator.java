package dev.sotto.coordinator;

import dev.sotto.coordinator.settings.InvalidSettings;
import io.quarkus.runtime.annotations.QuarkusMain;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// The coordinator's program. Exit codes: 0 done, 1 it failed, 2 wrong usage, settings or environment.
@QuarkusMain
@Command(
        name = "sotto coordinator",
        description = "The consortium's side of a federation.",
        mixinStandardHelpOptions = true,
        version = "sotto 0.1.0-SNAPSHOT",
        subcommands = {
            InitCommand.class,
            RunCommand.class,
            RotateCommand.class,
            SealCommand.class,
            RehearseCommand.class
        })
public final class Coordinator {
    /// The configuration property with the federation's folder.
    static final String FOLDER = "sotto.folder";

    /// The configuration property with this replica's name.
    static final String REPLICA = "sotto.replica";

    /// The name of the TLS configuration with which the issuer of OpenID Connect is asked.
    public static final String ISSUER_TLS = "issuer";

    private Coordinator() {}

    /// Runs a command and exits.
    public static void main(String... arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /// The command line, with one clear sentence for every failure that a person can cause.
    public static CommandLine commandLine() {
        return new CommandLine(new Coordinator()).setExecutionExceptionHandler((failure, line, parsed) -> {
            line.getErr().println(line.getCommandName() + ": " + sentence(failure));
            return failure instanceof InvalidSettings || failure instanceof FileSystemException ? 2 : 1;
        });
    }

    private static String sentence(Exception failure) {
        return switch (failure) {
            case InvalidSettings invalid -> String.valueOf(invalid.getMessage());
            case NoSuchFileException missing -> missing.getFile() + ": there is no such file";
            case FileAlreadyExistsException there -> there.getFile() + " exists already; nothing was overwritten";
            case IOException io -> String.valueOf(io.getMessage());
            default -> failure.getClass().getSimpleName() + ": " + failure.getMessage();
        };
    }
}

package dev.sotto.participant.cli;

import dev.sotto.participant.home.Failed;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// The command `sotto`. Exit codes: 0 done, 1 it failed, 2 wrong usage, input or environment; 3 of an audit that
/// could not check everything.
@Command(
        name = "sotto",
        description = "Federated fine-tuning of language models between organisations that may not share data.",
        footer = {
            "",
            "The consortium's side: `sotto admin init` makes a federation,",
            "`sotto coordinator run` serves it."
        },
        mixinStandardHelpOptions = true,
        version = "sotto 0.1.0-SNAPSHOT",
        subcommands = {
            EnrollCommand.class,
            CertCommand.class,
            SealCommand.class,
            DoctorCommand.class,
            PeersCommand.class,
            PolicyCommand.class,
            PrivacyCommand.class,
            RunCommand.class,
            LiftCommand.class,
            LeaveCommand.class,
            StatusCommand.class,
            AuditCommand.class,
            ExportCommand.class,
            MergeCommand.class,
            AdminCommand.class,
            LayoutCommand.class,
            TrainCommand.class,
            EvaluateCommand.class,
            GenerateCommand.class,
            InspectCommand.class,
            SimulateCommand.class,
            PretrainCommand.class,
            DataCommand.class
        })
public final class Sotto {
    /// Nothing to set up.
    public Sotto() {}

    /// Runs a command and exits.
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /// The command line, with one clear sentence for every failure that a person can cause.
    public static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Sotto());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setParameterExceptionHandler((wrong, arguments) -> {
            CommandLine command = wrong.getCommandLine();
            String name = command.getCommandSpec().qualifiedName();
            command.getErr().println(name + ": " + wrong.getMessage());
            CommandLine.UnmatchedArgumentException.printSuggestions(wrong, command.getErr());
            command.getErr().println("`" + name + " --help` lists what is allowed.");
            return 2;
        });
        line.setExecutionExceptionHandler((thrown, failed, result) -> {
            Exception failure = thrown instanceof UncheckedIOException unchecked
                    ? Objects.requireNonNullElse(unchecked.getCause(), thrown)
                    : thrown;
            failed.getErr().println("sotto: " + sentence(failure));
            return failure instanceof InvalidFile
                            || failure instanceof NativeLibraryUnavailable
                            || failure instanceof FileSystemException
                            || failure instanceof CommandLine.ParameterException
                    ? 2
                    : 1;
        });
        return line;
    }

    private static String sentence(Exception failure) {
        return switch (failure) {
            case NoSuchFileException missing -> missing.getFile() + ": there is no such file";
            case AccessDeniedException denied -> denied.getFile() + ": may not be read or written";
            case FileSystemException other -> String.valueOf(other.getMessage());
            case IOException io -> String.valueOf(io.getMessage());
            case Failed failed -> String.valueOf(failed.getMessage());
            case InvalidFile invalid -> String.valueOf(invalid.getMessage());
            case NativeLibraryUnavailable unavailable -> String.valueOf(unavailable.getMessage());
            case CommandLine.ParameterException usage -> String.valueOf(usage.getMessage());
            default -> failure.getClass().getSimpleName() + ": " + failure.getMessage();
        };
    }
}

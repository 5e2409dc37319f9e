package dev.sotto.dist;

import dev.sotto.coordinator.Coordinator;
import dev.sotto.participant.cli.Sotto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import picocli.AutoComplete;
import picocli.CommandLine;

/// Writes shell completion and man pages from the programs' own command lines.
public final class Pages {
    private Pages() {}

    /// Writes `bash-completion/completions/sotto` and `man/man1/sotto*.1`.
    ///
    /// @param arguments the folder `share`
    public static void main(String[] arguments) throws IOException {
        Path share = Path.of(arguments[0]);
        CommandLine sotto = sotto();
        write(share.resolve("bash-completion/completions/sotto"), AutoComplete.bash("sotto", sotto));
        Path manual = share.resolve("man/man1");
        write(manual.resolve("sotto.1"), ManPage.of(sotto));
        for (CommandLine command : sotto.getSubcommands().values()) {
            write(manual.resolve("sotto-" + command.getCommandName() + ".1"), ManPage.of(command));
        }
    }

    /// The command line as the launcher offers it: the participant's, with `coordinator run` and `admin init` of the
    /// coordinator.
    static CommandLine sotto() {
        CommandLine sotto = Sotto.commandLine();
        CommandLine coordinator = Coordinator.commandLine();
        CommandLine init = Objects.requireNonNull(
                coordinator.getCommandSpec().removeSubcommand("init"), "the coordinator's program makes federations");
        coordinator.getCommandSpec().removeSubcommand("rehearse");
        coordinator.getCommandSpec().name("coordinator");
        sotto.addSubcommand(coordinator);
        Objects.requireNonNull(sotto.getSubcommands().get("admin")).addSubcommand(init);
        return sotto;
    }

    private static void write(Path file, String text) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}

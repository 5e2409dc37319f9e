package dev.sotto.sandbox;

import dev.sotto.sandbox.failure.Failure;
import java.io.IOException;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/// The sandbox's entry point: `demo`, and the internal `broker`.
///
/// Exit codes: 0 done, 1 something failed or a check did not hold, 2 wrong usage, input or machine.
@Command(
        name = "sotto",
        mixinStandardHelpOptions = true,
        version = "Sotto 0.1.0",
        description = "A whole federation on one machine.",
        subcommands = {DemoCommand.class, BrokerCommand.class})
public final class Sandbox {
    private Sandbox() {}

    /// Runs the command line and ends the process with its exit code.
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /// The command line, for tests too: it ends no process.
    static CommandLine commandLine() {
        return new CommandLine(new Sandbox()).setExecutionExceptionHandler((exception, line, parsed) -> {
            Failure failure = switch (exception) {
                case Failure known -> known;
                case IOException io -> Failure.of(io);
                case InterruptedException _ -> Failure.failed("interrupted");
                default -> throw exception;
            };
            line.getErr().println("sotto " + line.getCommandName() + ": " + failure.sentence());
            return failure.exitCode();
        });
    }
}

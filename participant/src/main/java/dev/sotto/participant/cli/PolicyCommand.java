package dev.sotto.participant.cli;

import dev.sotto.participant.home.Policy;
import java.nio.file.Files;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `sotto policy`: what this organisation demands of a round.
@Command(
        name = "policy",
        description = "What this organisation demands of a round: show the file, or check it.",
        mixinStandardHelpOptions = true)
final class PolicyCommand implements Callable<Integer> {
    /// What to do.
    enum Action {
        show,
        check
    }

    @Parameters(description = "${COMPLETION-CANDIDATES}")
    private Action action = Action.check;

    @Mixin
    private HomeOption home = new HomeOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        var out = spec.commandLine().getOut();
        if (action == Action.show) {
            out.print(Files.readString(home.home().policy()));
        } else {
            var _ = Policy.read(home.home().policy());
            out.println(home.home().policy() + " is well-formed");
        }
        out.flush();
        return 0;
    }
}

package dev.sotto.participant.cli;

import dev.sotto.participant.home.Home;
import dev.sotto.secrets.SecretFile;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `sotto seal`: keys on disk under another passphrase.
@Command(
        name = "seal",
        description = "Seal this organisation's identity, delivery key and salt under the passphrase of"
                + " SOTTO_NEW_PASSPHRASE, or of the file that SOTTO_NEW_PASSPHRASE_FILE names; without either, open them."
                + " SOTTO_PASSPHRASE, or its _FILE, opens what is sealed now; every other command wants the new one in it then."
                + " Stop the agent first.",
        mixinStandardHelpOptions = true)
final class SealCommand implements Callable<Integer> {
    @Mixin
    private HomeOption home = new HomeOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        try (FileLock _ = own.lock()) {
            own.reseal();
        }
        for (Path file : own.secrets()) {
            spec.commandLine().getOut().println(file + (SecretFile.isSealed(file) ? ": sealed" : ": not sealed"));
        }
        return 0;
    }
}

package dev.sotto.coordinator;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.secrets.Passphrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto coordinator seal`: the coordinator's keys on disk under another passphrase.
@Command(
        name = "seal",
        description =
                "Seal the coordinator's identity, its round secret and the issuing CA's key under the passphrase of"
                        + " SOTTO_NEW_PASSPHRASE, or of the file that SOTTO_NEW_PASSPHRASE_FILE names; without either, open them."
                        + " SOTTO_PASSPHRASE, or its _FILE, opens what is sealed now; `run` and `rotate` want the new one in it then.",
        mixinStandardHelpOptions = true)
final class SealCommand implements Callable<Integer> {
    @Option(names = "--dir", required = true, description = "The federation's folder, as admin init made it.")
    private Path dir = Path.of("");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InvalidSettings {
        Folder folder = new Folder(dir.toAbsolutePath().normalize());
        try (Passphrase old = Folder.passphrase(Passphrase.OWN);
                Passphrase fresh = Folder.passphrase(Passphrase.NEW)) {
            reseal(folder, old, fresh);
            spec.commandLine()
                    .getOut()
                    .println(folder.identity() + ", " + folder.roundSecret() + " and " + folder.issuing()
                            + (fresh.isGiven() ? " are sealed" : " are not sealed"));
        }
        return 0;
    }

    /// What broke off among the three files can be done again.
    static void reseal(Folder folder, Passphrase old, Passphrase fresh) throws IOException, InvalidSettings {
        byte[] issuing = Folder.readSecretBytes(folder.issuing());
        byte[] sealed = new byte[0];
        try {
            sealed = authority(folder, issuing, old, fresh).pem(fresh.expose());
            Folder.reseal(folder.identity(), old, fresh);
            Folder.reseal(folder.roundSecret(), old, fresh);
            Folder.replaceSecret(folder.issuing(), sealed);
        } finally {
            Arrays.fill(issuing, (byte) 0);
            Arrays.fill(sealed, (byte) 0);
        }
    }

    private static CertificateAuthority authority(Folder folder, byte[] issuing, Passphrase old, Passphrase fresh)
            throws IOException {
        String root = Files.readString(folder.ca());
        try {
            return CertificateAuthority.load(issuing, root, old.expose(), new SecureRandom());
        } catch (IOException e) {
            try {
                return CertificateAuthority.load(issuing, root, fresh.expose(), new SecureRandom());
            } catch (IOException neither) {
                throw e;
            }
        }
    }
}

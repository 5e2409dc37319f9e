package dev.sotto.coordinator;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.secrets.Passphrase;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto coordinator rotate`: the next issuing authority, with the root's key, which is there for that only.
@Command(
        name = "rotate",
        description = "Make the next issuing CA with the root's key, and certificates of it for coordinator, broker,"
                + " administrator and viewer, with new keys and the same names. What was issued before stays valid"
                + " until it ends. Restart every coordinator, and give the brokers broker.pem.",
        mixinStandardHelpOptions = true)
final class RotateCommand implements Callable<Integer> {
    @Option(names = "--dir", required = true, description = "The federation's folder, as admin init made it.")
    private Path dir = Path.of("");

    @Option(names = "--root", description = "The folder with the root's ca-key.pem (default: root in DIR).")
    private Optional<Path> root = Optional.empty();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InvalidSettings {
        Folder folder = new Folder(dir.toAbsolutePath().normalize());
        Path key = root.map(path -> path.resolve("ca-key.pem")).orElse(folder.rootKey());
        if (!Files.exists(key)) {
            // An old folder says so; else reading the key says what is missing.
            folder.requireIssuing();
        }
        Instant now = Clock.systemUTC().instant();
        Map<Path, byte[]> files = new TreeMap<>();
        CertificateAuthority authority;
        try (Passphrase passphrase = Folder.passphrase(Passphrase.OWN)) {
            authority = next(folder, key, passphrase, now, files);
            for (Map.Entry<Path, byte[]> file : files.entrySet()) {
                Folder.replaceSecret(file.getKey(), file.getValue());
            }
        } finally {
            files.values().forEach(secret -> Arrays.fill(secret, (byte) 0));
        }
        var out = spec.commandLine().getOut();
        out.println("issuing CA until " + authority.ends() + "; new: "
                + String.join(
                        ", ",
                        files.keySet().stream()
                                .map(file -> String.valueOf(file.getFileName()))
                                .toList()));
        out.println("Restart every coordinator with these files, and give the brokers broker.pem; carry " + key
                + " away again.");
        return 0;
    }

    /// Makes everything anew, and writes nothing.
    ///
    /// @param files takes it
    private static CertificateAuthority next(
            Folder folder, Path key, Passphrase passphrase, Instant now, Map<Path, byte[]> files)
            throws IOException, InvalidSettings {
        SecureRandom random = new SecureRandom();
        String rootPem = Files.readString(folder.ca());
        byte[] rootKey = Folder.readSecretBytes(key);
        try (Passphrase ofRoot = Folder.passphrase(Passphrase.ROOT)) {
            files.put(
                    folder.issuing(),
                    RootAuthority.load(rootPem, rootKey, ofRoot.expose(), random)
                            .issuing(now)
                            .pem(passphrase.expose()));
        } finally {
            Arrays.fill(rootKey, (byte) 0);
        }
        // Read again: a key of another root would show here, before anything is replaced.
        CertificateAuthority authority =
                CertificateAuthority.load(files.get(folder.issuing()), rootPem, passphrase.expose(), random);
        for (Path file : folder.certificates()) {
            if (Files.exists(file)) {
                byte[] before = Files.readAllBytes(file);
                files.put(file, authority.issueAgain(before, now));
                Arrays.fill(before, (byte) 0);
            }
        }
        return authority;
    }
}

package dev.sotto.coordinator;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Passphrase;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
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
        Folder folder = new Folder(dir.toAbsolutePath());
        Path key = root.map(path -> path.resolve("ca-key.pem")).orElse(folder.rootKey());
        char[] passphrase = Passphrase.read(Passphrase.ISSUING, System.getenv());
        Instant now = Clock.systemUTC().instant();
        SecureRandom random = new SecureRandom();
        String rootPem = Files.readString(folder.ca());
        String issuing = RootAuthority.load(
                        rootPem, Folder.readSecretText(key), Passphrase.read(Passphrase.ROOT, System.getenv()), random)
                .issuing(now)
                .pem(passphrase);
        // Read again: a key of another root would show here, before anything is replaced.
        CertificateAuthority authority = CertificateAuthority.load(issuing, rootPem, passphrase, random);
        Map<Path, String> files = new TreeMap<>();
        files.put(folder.issuing(), issuing);
        for (Path file : folder.certificates()) {
            if (Files.exists(file)) {
                files.put(file, authority.issueAgain(Files.readString(file), now));
            }
        }
        for (Map.Entry<Path, String> file : files.entrySet()) {
            Folder.replaceSecret(file.getKey(), file.getValue().getBytes(StandardCharsets.US_ASCII));
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
}

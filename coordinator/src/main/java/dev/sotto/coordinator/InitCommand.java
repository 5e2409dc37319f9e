package dev.sotto.coordinator;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.ca.CertificateAuthority.Use;
import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Topics;
import dev.sotto.secrets.Passphrase;
import dev.sotto.secrets.SecretFile;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.SecureRandom;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto admin init`: the folder of a new federation. Starts nothing.
@Command(
        name = "init",
        description = "Make the folder of a new federation: CA, keys, certificates, federation.yaml.",
        mixinStandardHelpOptions = true)
final class InitCommand implements Callable<Integer> {
    @Option(names = "--dir", required = true, description = "The folder, new or empty.")
    private Path dir = Path.of("");

    @Option(names = "--federation", required = true, description = "Its id, [a-z0-9-]{1,63}.")
    private String federation = "";

    @Option(names = "--bootstrap", required = true, description = "Kafka's HOST:PORT[,…], as members reach it.")
    private String bootstrap = "";

    @Option(names = "--url", required = true, description = "https://HOST:PORT where members will enrol.")
    private String url = "";

    @Option(names = "--layout", required = true, description = "The file that `sotto layout` wrote.")
    private Path layout = Path.of("");

    @Option(names = "--broker-san", description = "Further host names or addresses of the brokers.")
    private List<String> brokerHosts = List.of();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException, InvalidSettings {
        if (!Topics.isId(federation)) {
            throw new InvalidSettings("--federation is '" + federation + "', must match [a-z0-9-]{1,63}");
        }
        Folder folder = new Folder(dir.toAbsolutePath().normalize());
        if (Files.exists(folder.ca()) || Files.exists(folder.settings())) {
            throw new FileAlreadyExistsException(folder.path().toString());
        }
        String host = URI.create(url).getHost();
        if (host == null || !url.matches("https://[^/]+:[0-9]+")) {
            throw new InvalidSettings("--url is '" + url + "', must be https://HOST:PORT");
        }
        Files.createDirectories(folder.path());
        Path adapter = folder.path().resolve("adapter-layout.json");
        Files.copy(layout, adapter, StandardCopyOption.REPLACE_EXISTING);
        Files.writeString(folder.settings(), template());
        try (InputStream schema = Settings.schema()) {
            Files.copy(schema, folder.path().resolve("federation.schema.json"), StandardCopyOption.REPLACE_EXISTING);
        }
        Settings settings;
        try {
            settings = Settings.read(folder.settings());
        } catch (InvalidSettings e) {
            Files.delete(folder.settings());
            throw e;
        }
        try (Passphrase passphrase = Folder.passphrase(Passphrase.OWN)) {
            certificates(folder, host, passphrase);
            for (Path secret : List.of(folder.identity(), folder.roundSecret())) {
                try (Secret fresh = Randomness.secure().secret(SecretFile.SIZE)) {
                    Folder.writeSecret(secret, fresh, passphrase);
                }
            }
        }
        spec.commandLine()
                .getOut()
                .println("federation " + settings.federation() + " in " + folder.path() + "; read and change "
                        + folder.settings().getFileName() + " before the first start, and carry "
                        + folder.rootKey().getParent()
                        + " away: the root's key is needed for `sotto coordinator rotate`"
                        + " only");
        return 0;
    }

    private void certificates(Folder folder, String host, Passphrase passphrase) throws IOException, InvalidSettings {
        Instant now = Instant.now();
        RootAuthority root = RootAuthority.create(federation, now, new SecureRandom());
        CertificateAuthority authority = root.issuing(now);
        Files.writeString(folder.ca(), root.pem());
        Files.createDirectories(folder.path().resolve("root"));
        try (Passphrase ofRoot = Folder.passphrase(Passphrase.ROOT)) {
            secret(folder.rootKey(), root.keyPem(ofRoot.expose()));
        }
        secret(folder.issuing(), authority.pem(passphrase.expose()));
        secret(folder.tls(), authority.issueWithKey(Topics.COORDINATOR, Use.SERVER, List.of(host), now));
        List<String> hosts = new ArrayList<>(List.of("127.0.0.1", "localhost"));
        hosts.addAll(brokerHosts);
        secret(folder.broker(), authority.issueWithKey("broker", Use.SERVER, hosts, now));
        secret(folder.admin(), authority.issueWithKey("admin", Use.CLIENT, List.of(), now));
        secret(folder.viewer(), authority.issueWithKey("viewer", Use.CLIENT, List.of(), now));
    }

    /// Writes it and wipes it.
    private static void secret(Path file, byte[] content) throws IOException {
        Folder.writeSecret(file, content);
        Arrays.fill(content, (byte) 0);
    }

    private String template() {
        return """
                # yaml-language-server: $schema=federation.schema.json
                # A Sotto federation. Every key is explained in coordinator/README.md, and in the schema beside.
                federation: %s
                bootstrapServers: %s
                url: %s
                replicationFactor: 3
                partitions: 4

                # A round needs that many members that have approved each other; then all of them take part, unless
                # a cohort of some of them is to be drawn for each round.
                members:
                  atLeast: 4
                  # cohort: 3
                rounds: 20
                # Of so many closed rounds the chunks stay in Kafka, and can be audited; left out, of all.
                # auditWindow: 50

                aggregation:
                  ringBits: 24
                  weightCap: 1024
                  weighting: classes
                  # maxColluders, threshold, minSurvivors, maxDropouts: left out, they follow from the cohort.

                deadlines:
                  keys: 60s
                  shares: 60s
                  training: 2h
                  confirmation: 60s
                  reveal: 60s
                  # A member fetches a version, and chunks to recompute it (in keys), and sends its update (in training) at this
                  # rate or faster; the time for that is added.
                  slowestLink: 20Mbit/s
                # Once enough members have answered in a phase, the others get as long again, but at least:
                stragglerGrace: 30s

                algorithm:
                  name: fedavg
                training:
                  steps: 10
                  batchSize: 16
                  maxTokens: 512
                  learningRate: 0.0003
                  learningRateMin: 0.000001
                  weightDecay: 0
                  clipNorm: 1

                # Version 0 of the adapter is made of this, by anyone.
                publicSeed: "%s"
                adapter: adapter-layout.json

                # Who may use the dashboard and sotto admin without a certificate (docs/single-sign-on.md).
                # oidc:
                #   issuer: https://login.example/realms/consortium
                #   clientId: sotto
                #   rolesClaim: realm_access/roles
                #   adminRole: sotto-admin
                #   viewerRole: sotto-viewer
                """.formatted(
                federation, bootstrap, url, Randomness.secure().bytes(32).hex());
    }
}

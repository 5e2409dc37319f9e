package dev.sotto.coordinator.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.coordinator.ca.RootAuthority;
import dev.sotto.crypto.secagg.Patience;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SettingsTest {
    private static final String GOOD = """
            federation: north
            bootstrapServers: kafka:9093
            url: https://coordinator:8443
            members: {atLeast: 4}
            rounds: 3
            aggregation: {maxColluders: 1}
            deadlines: {keys: 60s, shares: 1m, training: 2h, confirmation: 60s, reveal: 60s}
            stragglerGrace: 500ms
            algorithm: {name: fedyogi}
            training: {steps: 10, batchSize: 8, maxTokens: 128, learningRate: 0.001}
            publicSeed: "%s"
            adapter: layout.json
            """.formatted("0".repeat(64));

    private static final String OIDC =
            GOOD + "oidc: {issuer: 'https://login.example', clientId: sotto, adminRole: runs, viewerRole: looks}\n";

    @TempDir
    Path folder;

    @BeforeEach
    void layout() throws Exception {
        Files.writeString(folder.resolve("layout.json"), """
                {"baseModelDigest":"%s","r":8,"alpha":16,"targetModules":["q_proj"],
                 "tensors":[{"name":"a","shape":[8,16]},{"name":"b","shape":[16,8]}]}""".formatted("1".repeat(64)));
    }

    @Test
    void goodFile_isRead_withDefaults() throws Exception {
        Settings settings = read(GOOD);
        assertThat(settings.optimizer()).isEqualTo(ServerOptimizer.of("fedyogi"));
        assertThat(settings.aggregation().ringBits()).isEqualTo(24);
        assertThat(settings.aggregation().maxColluders()).hasValue(1);
        assertThat(settings.stragglerGrace()).isEqualTo(Duration.ofMillis(500));
        assertThat(settings.deadlines().training()).isEqualTo(7200);
        assertThat(settings.adapter().layout().size()).isEqualTo(256);
        assertThat(settings.replicationFactor()).isEqualTo((short) 3);
    }

    @Test
    void goodFiles_areSoByTheSchemaToo() throws Exception {
        for (String training : List.of("", ", objective: dpo, beta: 0.2", ", objective: sft, template: chat")) {
            String text = GOOD.replace("learningRate: 0.001", "learningRate: 0.001" + training);
            assertThat(read(text).training().steps()).isEqualTo(10);
            assertThat(bySchema(text)).isEmpty();
        }
        String prox = GOOD.replace("name: fedyogi", "name: fedprox, mu: 0.1");
        assertThat(read(prox).proximalMu()).isEqualTo(0.1);
        assertThat(bySchema(prox)).isEmpty();
        assertThat(read(GOOD.replace("rounds: 3", "rounds: 3\nauditWindow: 2")).auditWindow())
                .hasValue(2);
        assertThat(read(GOOD).auditWindow()).isEmpty();
        assertThat(bySchema(GOOD.replace("rounds: 3", "rounds: 3\nauditWindow: 2")))
                .isEmpty();
        String sampled = GOOD.replace("atLeast: 4", "atLeast: 4, cohort: 3");
        assertThat(read(sampled).cohort()).hasValue(3);
        assertThat(read(GOOD).cohort()).isEmpty();
        assertThat(bySchema(sampled)).isEmpty();
    }

    @Test
    void whatAMemberFetchesAndSends_takesTimeOnItsLink() throws Exception {
        // 20 million coordinates: fedyogi's version has two vectors of state beside the adapter.
        Files.writeString(
                folder.resolve("layout.json"),
                Files.readString(folder.resolve("layout.json")).replace("[8,16]", "[8,2499984]"));
        Settings settings = read(GOOD.replace("reveal: 60s", "reveal: 60s, slowestLink: 48Mbit/s"));
        assertThat(settings.adapter().layout().size()).isEqualTo(20_000_000);
        assertThat(settings.fetching(0)).isEqualTo(Duration.ofSeconds(40));
        assertThat(settings.fetching(3)).isEqualTo(Duration.ofSeconds(40 + 3 * 10));
        assertThat(settings.sending()).isEqualTo(Duration.ofSeconds(10));
        assertThat(settings.grace(3))
                .isEqualTo(new Patience.Grace(
                        Duration.ofMillis(70_500), Duration.ofMillis(10_500), Duration.ofMillis(500)));
        assertThat(read(GOOD).fetching(0)).isEqualTo(Duration.ofSeconds(96));
        refused("reveal: 60s", "reveal: 60s, slowestLink: 20", "deadlines", "slowestLink is '20'", "like 20Mbit/s");
    }

    /// What the schema finds, if the text is YAML at all.
    private static Set<ValidationMessage> bySchema(String text) throws IOException {
        JsonNode tree = new ObjectMapper(new YAMLFactory()).readTree(text);
        try (InputStream schema = Settings.schema()) {
            return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
                    .getSchema(schema)
                    .validate(tree);
        }
    }

    @Test
    void badValue_namesFileKeyValueAndWhatIsAllowed() throws Exception {
        refused("rounds: 3", "rounds: many", "rounds is 'many'", "1 to 100000");
        refused("rounds: 3", "roundz: 3", "rounds is missing");
        refused("rounds: 3", "rounds: 3\nauditWindow: 0", "auditWindow is '0'", "1 to 100000");
        refused("rounds: 3", "rounds: 3\nround: 4", "unknown key 'round'");
        refused("keys: 60s", "keys: soon", "deadlines", "keys is 'soon'", "60s");
        refused("atLeast: 4", "atLeast: 2", "members", "atLeast is '2'", "3 to 255");
        refused("atLeast: 4", "atLeast: 4, cohort: 2", "members", "cohort is '2'", "3 to 255");
        refusedOnReading(
                "atLeast: 4", "atLeast: 4, cohort: 5", "members", "cohort is '5'", "at most members.atLeast, 4");
        refused("name: fedyogi", "name: fedsgd", "algorithm", "name is 'fedsgd'");
        refused("name: fedyogi", "name: fedsgd", "name is 'fedsgd'", "fedprox, scaffold");
        refused("name: fedyogi", "name: fedyogi, mu: 1", "unknown key 'mu'");
        refused("name: fedyogi", "name: fedprox, mu: 0", "mu is '0'");
        refused("learningRate: 0.001", "learningRate: 7", "learningRate is '7'");
        refused("learningRate: 0.001", "learningRate: 0.001, objective: ppo", "objective is 'ppo'", "one of sft, dpo");
        refused("learningRate: 0.001", "learningRate: 0.001, template: llama", "template is 'llama'");
        refused("learningRate: 0.001", "learningRate: 0.001, beta: 0.1", "beta is 'given'", "left out");
        refused("https://coordinator:8443", "http://coordinator", "url", "https://HOST:PORT");
        refusedOnReading("steps: 10,", "steps: [,", "federation.yaml:");
    }

    @Test
    void oidc_isOffUnlessItIsGiven_andThenReadWithItsDefaults() throws Exception {
        assertThat(read(GOOD).oidc()).isEmpty();
        String least = GOOD + "oidc: {issuer: 'https://login.example/realms/x', clientId: sotto, viewerRole: looks}\n";
        Oidc oidc = read(least).oidc().orElseThrow();
        assertThat(oidc.audience()).isEqualTo("sotto");
        assertThat(oidc.rolesClaim()).isEqualTo("groups");
        assertThat(oidc.scopes()).isEmpty();
        assertThat(oidc.adminRole()).as("nobody is an administrator by default").isEmpty();
        assertThat(oidc.clientSecret()).isEmpty();
        assertThat(oidc.ca()).isEmpty();
        assertThat(bySchema(least)).isEmpty();

        Folder.writeSecret(folder.resolve("secret"), "s3cret\n".getBytes(StandardCharsets.US_ASCII));
        Files.writeString(
                folder.resolve("ca.pem"),
                RootAuthority.create("north", Instant.now(), new SecureRandom()).pem());
        String most = OIDC.replace(
                "looks}", "looks, clientSecretFile: secret, caFile: ca.pem, scopes: [groups], audience: api}");
        oidc = read(most).oidc().orElseThrow();
        assertThat(Oidc.readSecret(oidc.clientSecret().orElseThrow())).isEqualTo("s3cret");
        assertThat(oidc.audience()).isEqualTo("api");
        assertThat(oidc.ca()).hasValue(folder.resolve("ca.pem"));
        assertThat(bySchema(most)).isEmpty();
    }

    @Test
    void oidc_thatIsNotRight_isRefusedWithKeyAndWhatIsAllowed() throws Exception {
        oidcRefused(
                "https://login.example", "http://login.example", "issuer is 'http://login.example'", "https://HOST");
        oidcRefused("https://login.example", "https://login.example/?x=1", "issuer is", "letter for letter");
        oidcRefused("https://login.example", "https://me@login.example", "issuer is");
        oidcRefused("issuer: ", "isuer: ", "issuer is missing");
        oidcRefused("clientId: sotto", "clientID: sotto", "clientId is missing");
        oidcRefused("clientId: sotto", "clientId: sotto, secret: x", "unknown key 'secret'", "clientSecretFile");
        oidcRefused("clientId: sotto", "clientId: 'so tto'", "clientId is 'so tto'", "without a space");
        oidcRefused("clientId: sotto", "clientId: sotto, scopes: []", "scopes is");
        oidcRefused(
                "adminRole: runs, viewerRole: looks", "rolesClaim: groups", "adminRole is ''", "viewerRole, or both");
        oidcRefused("adminRole: runs", "adminRole: 'a b'", "adminRole is 'a b'");
        String same = OIDC.replace("looks", "runs");
        assertThatThrownBy(() -> read(same)).hasMessageContainingAll("oidc: viewerRole is 'runs'", "another one than");
        // Java's URI takes less than the pattern.
        String strange = OIDC.replace("login.example", "[");
        assertThatThrownBy(() -> read(strange)).hasMessageContainingAll("oidc: issuer is 'https://['", "https://HOST");
    }

    @Test
    void filesOfOidc_areLookedAtWhenTheSettingsAreRead() throws Exception {
        for (String key : List.of("clientSecretFile", "caFile")) {
            String missing = OIDC.replace("looks}", "looks, " + key + ": nowhere}");
            assertThatThrownBy(() -> read(missing))
                    .isInstanceOf(InvalidSettings.class)
                    .hasMessageContainingAll("oidc: " + key + " is 'nowhere'", "is no file that may be read");
        }
        String secret = OIDC.replace("looks}", "looks, clientSecretFile: secret}");
        Path file = Files.writeString(folder.resolve("secret"), "s3cret");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        assertThatThrownBy(() -> read(secret))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContainingAll("secret has mode rw-r--r--", "chmod 600")
                .hasMessageNotContaining("s3cret");
        Files.delete(file);
        Folder.writeSecret(file, new byte[] {'\n'});
        assertThatThrownBy(() -> read(secret))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("secret is empty");
        Files.writeString(folder.resolve("ca.pem"), "no certificate");
        assertThatThrownBy(() -> read(OIDC.replace("looks}", "looks, caFile: ca.pem}")))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("ca.pem");
    }

    private void oidcRefused(String good, String bad, String... parts) throws Exception {
        assertThat(OIDC).contains(good);
        String text = OIDC.replace(good, bad);
        assertThatThrownBy(() -> read(text))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("federation.yaml: oidc")
                .hasMessageContainingAll(parts);
        assertThat(bySchema(text)).as(bad).isNotEmpty();
    }

    @Test
    void fileOrValueThatCannotBeRead_isNamed() throws Exception {
        refusedOnReading("https://coordinator:8443", "https://{:1", "url is 'https://{:1'");
        refusedOnReading("layout.json", "nowhere.json", "nowhere.json is not a file");
        refusedOnReading("layout.json", "\"layout\\0.json\"", "adapter is");
        Path file = Files.write(folder.resolve("federation.yaml"), new byte[] {'a', (byte) 0xff});
        assertThatThrownBy(() -> Settings.read(file))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("federation.yaml is not UTF-8");
    }

    private void refused(String good, String bad, String... parts) throws IOException {
        refusedOnReading(good, bad, parts);
        assertThat(bySchema(GOOD.replace(good, bad))).as(bad).isNotEmpty();
    }

    private void refusedOnReading(String good, String bad, String... parts) {
        assertThat(GOOD).contains(good);
        assertThatThrownBy(() -> read(GOOD.replace(good, bad)))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining(folder.toString())
                .hasMessageContainingAll(parts);
    }

    private Settings read(String text) throws Exception {
        Path file = folder.resolve("federation.yaml");
        Files.writeString(file, text);
        return Settings.read(file);
    }
}

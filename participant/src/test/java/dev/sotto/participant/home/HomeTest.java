package dev.sotto.participant.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.training.checkpoint.InvalidFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HomeTest {
    @TempDir
    Path folder;

    @Test
    void secret_hasMode0600_andIsRefusedWithAnother() throws Exception {
        Path file = folder.resolve("identity.key");
        try (Secret secret = Secret.take(new byte[32])) {
            Home.writeSecret(file, secret);
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        Home.readSecret(file).close();
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        assertThatThrownBy(() -> Home.readSecret(file))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("chmod 600");
    }

    @Test
    void folder_isHeldByOneAtATime() throws Exception {
        Home home = new Home(folder);
        try (var _ = home.lock()) {
            assertThatThrownBy(home::lock).isInstanceOf(Failed.class).hasMessageContaining(folder.toString());
        }
        home.lock().close();
    }

    @Test
    void json_thatIsDamaged_namesFileAndLine() throws Exception {
        Home home = new Home(folder);
        Files.writeString(home.federation(), "{\n\"federation\": }");
        assertThatThrownBy(() -> Home.readJson(home.federation(), Membership.class))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("federation.json: line 2");
    }

    @Test
    void json_thatSaysTooLittleOrSomethingElse_isRefusedByFile() throws Exception {
        Path file = new Home(folder).federation();
        String good = "{\"federation\":\"north\",\"organisation\":\"acme\",\"principal\":\"acme\","
                + "\"bootstrapServers\":\"kafka:9093\",\"coordinatorUrl\":\"https://h:1\",\"coordinatorIdentityKey\":\""
                + Base64.getEncoder().encodeToString(new byte[32]) + "\",\"publicSeed\":\"" + "0".repeat(64) + "\"}";
        Files.writeString(file, good);
        assertThat(Home.readJson(file, Membership.class).publicSeed()).hasSize(64);
        for (byte[] bad : List.of(
                "null".getBytes(StandardCharsets.UTF_8),
                "{}".getBytes(StandardCharsets.UTF_8),
                (good + good).getBytes(StandardCharsets.UTF_8),
                good.getBytes(StandardCharsets.UTF_16),
                good.replace("0000\"}", "000\"}").getBytes(StandardCharsets.UTF_8),
                good.replace("kafka:9093", "kafka").getBytes(StandardCharsets.UTF_8),
                good.replace("kafka:9093", "kafka:9093,").getBytes(StandardCharsets.UTF_8),
                good.replace("kafka:9093", "kafka:99999").getBytes(StandardCharsets.UTF_8),
                good.replace("https://h:1", "http://h:1").getBytes(StandardCharsets.UTF_8),
                good.replace("https://h:1", "https:/// h").getBytes(StandardCharsets.UTF_8),
                good.replace("AAAA", "AAAAA").getBytes(StandardCharsets.UTF_8),
                good.replace("\"acme\",\"principal", "\"broker\",\"principal").getBytes(StandardCharsets.UTF_8))) {
            Files.write(file, bad);
            assertThatThrownBy(() -> Home.readJson(file, Membership.class))
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining("federation.json");
        }
        Path policy = Files.write(new Home(folder).policy(), new byte[] {'a', (byte) 0xff});
        assertThatThrownBy(() -> Policy.read(policy))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("UTF-8");
    }
}

package dev.sotto.participant.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.training.checkpoint.InvalidFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
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
}

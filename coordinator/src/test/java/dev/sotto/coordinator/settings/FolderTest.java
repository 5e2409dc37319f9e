package dev.sotto.coordinator.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Secret;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FolderTest {
    @TempDir
    Path folder;

    @Test
    void secret_isWrittenForItsOwnerAlone_andNeverOverwritten() throws Exception {
        Path file = folder.resolve("a.key");
        try (Secret secret = Secret.take(new byte[32])) {
            Folder.writeSecret(file, secret);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
            try (Secret read = Folder.readSecret(file)) {
                assertThat(read.sameAs(secret)).isTrue();
            }
            assertThatThrownBy(() -> Folder.writeSecret(file, secret)).isInstanceOf(FileAlreadyExistsException.class);
        }
    }

    @Test
    void secret_thatOthersMayRead_isRefused() throws Exception {
        Path file = folder.resolve("a.key");
        try (Secret secret = Secret.take(new byte[32])) {
            Folder.writeSecret(file, secret);
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw----r--"));
        assertThatThrownBy(() -> Folder.readSecret(file))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("rw----r--")
                .hasMessageContaining("chmod 600");
    }

    @Test
    void secret_thatItsGroupMayRead_isRefusedUnlessItIsRoots() throws Exception {
        Path file = folder.resolve("a.key");
        try (Secret secret = Secret.take(new byte[32])) {
            Folder.writeSecret(file, secret);
        }
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r-----"));
        if (Files.getAttribute(file, "unix:uid").equals(0)) {
            Folder.readSecret(file).close();
            Files.setAttribute(file, "unix:uid", 10001);
        }
        assertThatThrownBy(() -> Folder.readSecret(file))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("r--r-----");
    }

    @Test
    void secret_ofAnotherLength_isRefused() throws Exception {
        Path file = folder.resolve("a.key");
        Folder.writeSecret(file, new byte[] {'A', 'A', '=', '='});
        assertThatThrownBy(() -> Folder.readSecret(file))
                .isInstanceOf(InvalidSettings.class)
                .hasMessageContaining("32 bytes");
    }
}

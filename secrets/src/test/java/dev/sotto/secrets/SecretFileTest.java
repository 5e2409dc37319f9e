package dev.sotto.secrets;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretFileTest {
    private static final String HORSE = "correct horse battery staple";

    /// As `src/test/vectors/seal.py` seals 0, 1, …, 31 under [#HORSE], with a salt of sixteen 1s and a nonce of
    /// twelve 2s.
    private static final String VECTOR = "sotto-sealed-1:AQEBAQEBAQEBAQEBAQEBAQICAgICAgICAgICAmSmKz/YXKlMREsjGx2"
            + "6nz6MJ64M/dz4EkUoQHrg6XiRALTdaxQ7hbIXHQtndCn4Bg==";

    @TempDir
    Path folder;

    private Path file = Path.of("");

    @BeforeEach
    void name() {
        file = folder.resolve("a.key");
    }

    private static Passphrase passphrase(String text) throws Exception {
        return Passphrase.read("P", text.isEmpty() ? Map.of() : Map.of("P", text));
    }

    private void write(Secret secret, String passphrase) throws Exception {
        SecretFile.replace(file, secret, passphrase(passphrase), Randomness.secure());
    }

    private Secret read(String passphrase) throws Exception {
        return SecretFile.read(file, passphrase(passphrase));
    }

    private void refused(String why, ThrowingCallable reading) {
        assertThatThrownBy(reading)
                .isInstanceOf(InvalidSecret.class)
                .hasMessageStartingWith(file.toString())
                .hasMessageContaining(why);
    }

    private void mode(String permissions) throws Exception {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
    }

    @Test
    void secret_isWrittenForItsOwnerAlone_andReadAgain() throws Exception {
        for (String passphrase : List.of("", HORSE)) {
            try (Secret secret = Randomness.secure().secret(SecretFile.SIZE)) {
                write(secret, passphrase);
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .isEqualTo("rw-------");
                try (Secret read = read(passphrase)) {
                    assertThat(read.sameAs(secret)).isTrue();
                }
                assertThat(SecretFile.isSealed(file)).isEqualTo(!passphrase.isEmpty());
            }
        }
        assertThatThrownBy(() -> SecretFile.create(file, new byte[1])).isInstanceOf(FileAlreadyExistsException.class);
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void sealedSecret_opensWithItsPassphraseAlone() throws Exception {
        try (Secret secret = Secret.take(new byte[SecretFile.SIZE])) {
            write(secret, HORSE);
        }
        refused("is sealed by a passphrase: give it in SOTTO_PASSPHRASE", () -> read(""));
        refused("does not open with this passphrase", () -> read("correct horse battery stapler"));
        String sealed = Files.readString(file);
        // In salt, nonce and text; each look costs a tenth of a second.
        for (int i = sealed.indexOf(':') + 1; i < sealed.length(); i += 41) {
            char other = sealed.charAt(i) == 'A' ? 'B' : 'A';
            SecretFile.replace(
                    file,
                    (sealed.substring(0, i) + other + sealed.substring(i + 1)).getBytes(StandardCharsets.US_ASCII));
            refused("", () -> read(HORSE));
        }
        for (String cut : List.of("sotto-sealed-1:", sealed.substring(0, 40), sealed + "!")) {
            SecretFile.replace(file, cut.getBytes(StandardCharsets.US_ASCII));
            refused("", () -> read(HORSE));
        }
    }

    @Test
    void twoSeals_ofOneSecret_haveNothingInCommon() throws Exception {
        try (Secret secret = Secret.take(new byte[SecretFile.SIZE])) {
            write(secret, HORSE);
            String first = Files.readString(file);
            write(secret, HORSE);
            assertThat(Files.readString(file).substring(0, 40)).isNotEqualTo(first.substring(0, 40));
        }
    }

    @Test
    void secret_isSealedUnderAnotherPassphrase_orNone_andAgainWhatIsDoneIsLeft() throws Exception {
        try (Secret secret = Randomness.secure().secret(SecretFile.SIZE)) {
            write(secret, "");
            reseal("", HORSE);
            refused("is sealed", () -> read(""));
            reseal(HORSE, "second");
            String second = Files.readString(file);
            reseal(HORSE, "second");
            assertThat(Files.readString(file)).isEqualTo(second);
            refused("does not open", () -> reseal(HORSE, ""));
            reseal("second", "");
            try (Secret read = read("")) {
                assertThat(read.sameAs(secret)).isTrue();
            }
        }
    }

    private void reseal(String old, String fresh) throws Exception {
        SecretFile.reseal(file, passphrase(old), passphrase(fresh), Randomness.secure());
    }

    @Test
    void sealedSecret_isWhatAnotherProgramMakes() throws Exception {
        SecretFile.create(file, VECTOR.getBytes(StandardCharsets.US_ASCII));
        byte[] expected = new byte[SecretFile.SIZE];
        for (int i = 0; i < expected.length; i++) {
            expected[i] = (byte) i;
        }
        try (Secret read = read(HORSE);
                Secret counted = Secret.take(expected)) {
            assertThat(read.sameAs(counted)).isTrue();
        }
    }

    @Test
    void secret_thatOthersMayRead_isRefused() throws Exception {
        SecretFile.create(file, Base64.getEncoder().encode(new byte[SecretFile.SIZE]));
        mode("rw----r--");
        refused("has mode rw----r--; a secret must have rw------- (chmod 600)", () -> read(""));
        refused("has mode rw----r--", () -> SecretFile.read(file));
    }

    @Test
    void secret_thatItsGroupMayRead_isRefusedUnlessItIsRoots() throws Exception {
        SecretFile.create(file, Base64.getEncoder().encode(new byte[SecretFile.SIZE]));
        mode("r--r-----");
        if (Files.getAttribute(file, "unix:uid").equals(0)) {
            read("").close();
            Files.setAttribute(file, "unix:uid", 10001);
        }
        refused("r--r-----", () -> read(""));
    }

    @Test
    void whatIsNoSecret_isRefused() throws Exception {
        for (String bad : List.of("AA==", "", "not base64", "A".repeat(44))) {
            SecretFile.replace(file, bad.getBytes(StandardCharsets.US_ASCII));
            refused("must hold 32 bytes in base64", () -> read(""));
        }
        SecretFile.replace(
                file,
                (Base64.getEncoder().encodeToString(new byte[SecretFile.SIZE]) + "\r\n\n")
                        .getBytes(StandardCharsets.US_ASCII));
        read("").close();
    }

    @Test
    void passphrase_isInAVariableOrInAFileThatOthersMayNotRead() throws Exception {
        assertThat(passphrase("").isGiven()).isFalse();
        assertThat(passphrase("a b").expose()).containsExactly('a', ' ', 'b');
        SecretFile.create(file, "a b\n".getBytes(StandardCharsets.UTF_8));
        Passphrase read = Passphrase.read("P", Map.of("P_FILE", file.toString()));
        assertThat(read.expose()).containsExactly('a', ' ', 'b');
        assertThat(read.toString()).doesNotContain("a b");
        read.close();
        assertThat(read.expose()).containsOnly('\0');
        for (Map<String, String> wrong : List.of(Map.of("P", "x", "P_FILE", file.toString()), Map.of("P", ""))) {
            assertThatThrownBy(() -> {
                        var _ = Passphrase.read("P", wrong);
                    })
                    .isInstanceOf(InvalidSecret.class)
                    .hasMessageMatching("P (and P_FILE are both set; set one|is empty; a passphrase is not)");
        }
        mode("rw-rw-rw-");
        refused("has mode rw-rw-rw-", () -> {
            var _ = Passphrase.read("P", Map.of("P_FILE", file.toString()));
        });
    }
}

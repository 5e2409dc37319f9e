package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.secrets.Passphrase;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// The consortium's keys over the years: the root's is away, and comes for an hour to make the next authority.
class RotateCommandTest {
    private final Path home;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    RotateCommandTest(@TempDir Path home) {
        this.home = home;
    }

    private int coordinator(String... arguments) {
        CommandLine line = Coordinator.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(arguments);
    }

    private Folder init(String name) throws Exception {
        Path layout = Files.writeString(home.resolve("layout.json"), """
                {"baseModelDigest":"%s","r":8,"alpha":16,"targetModules":["q_proj"],
                 "tensors":[{"name":"q_proj.lora_A.weight","shape":[8,16]}]}""".formatted("1".repeat(64)));
        Folder folder = new Folder(home.resolve(name));
        assertThat(coordinator(
                        "init",
                        "--dir",
                        folder.path().toString(),
                        "--federation",
                        "north",
                        "--bootstrap",
                        "kafka:9093",
                        "--url",
                        "https://coordinator:8443",
                        "--layout",
                        layout.toString(),
                        "--broker-san",
                        "kafka-1.example"))
                .as(err.toString())
                .isZero();
        return folder;
    }

    private static CertificateAuthority authority(Folder folder) throws Exception {
        return CertificateAuthority.load(
                Files.readAllBytes(folder.issuing()), Files.readString(folder.ca()), new char[0], new SecureRandom());
    }

    private static Map<Path, String> files(Folder folder) throws Exception {
        Map<Path, String> files = new HashMap<>();
        files.put(folder.issuing(), Files.readString(folder.issuing()));
        for (Path file : folder.certificates()) {
            files.put(file, Files.readString(file));
        }
        return files;
    }

    @Test
    void rotate_replacesWhatIsIssued_andNothingThatIsTrusted() throws Exception {
        Folder folder = init("north");
        assertThat(out.toString()).contains("carry " + folder.rootKey().getParent() + " away");
        String trusted = Files.readString(folder.ca());
        Map<Path, String> before = files(folder);
        Path away = Files.createDirectory(home.resolve("safe"));
        Files.move(folder.rootKey(), away.resolve("ca-key.pem"));
        Files.delete(folder.rootKey().getParent());
        // The coordinator needs it for nothing.
        assertThat(authority(folder).fingerprint()).isNotNull();

        assertThat(coordinator("rotate", "--dir", folder.path().toString())).isEqualTo(2);
        assertThat(err.toString()).contains("root/ca-key.pem: there is no such file");
        assertThat(files(folder)).isEqualTo(before);

        assertThat(coordinator("rotate", "--dir", folder.path().toString(), "--root", away.toString()))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("admin.pem, broker.pem, issuing.pem, tls.pem, viewer.pem");
        Map<Path, String> after = files(folder);
        assertThat(after.keySet()).isEqualTo(before.keySet());
        after.forEach((file, text) -> {
            assertThat(text).as(file.toString()).isNotEqualTo(before.get(file));
            assertThat(file).satisfies(RotateCommandTest::isSecret);
        });
        assertThat(Files.readString(folder.ca())).isEqualTo(trusted);
        assertThat(authority(folder).rootPem()).isEqualTo(trusted);
        assertThat(after.get(folder.broker())).contains(trusted);
    }

    @Test
    void rotate_withAnotherRootsKey_replacesNothing() throws Exception {
        Folder folder = init("north");
        Folder other = init("south");
        Map<Path, String> before = files(folder);
        assertThat(coordinator(
                        "rotate",
                        "--dir",
                        folder.path().toString(),
                        "--root",
                        other.path().resolve("root").toString()))
                .isEqualTo(1);
        assertThat(err.toString()).contains("the issuing CA's certificate is not signed by the root's key");
        assertThat(files(folder)).isEqualTo(before);
    }

    @Test
    void keysThatOthersMayRead_areRefused() throws Exception {
        Folder folder = init("north");
        isSecret(folder.rootKey());
        isSecret(folder.issuing());
        Files.setPosixFilePermissions(folder.rootKey(), PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(coordinator("rotate", "--dir", folder.path().toString())).isEqualTo(2);
        assertThat(err.toString()).contains("ca-key.pem has mode rw-r--r--");
    }

    @Test
    void folderFromBeforeTheIssuingCa_isNoFolder_andSaysWhatToDo() throws Exception {
        Folder folder = init("north");
        Path old = folder.path().resolve("ca-key.pem");
        Files.move(folder.rootKey(), old);
        Files.delete(folder.issuing());
        assertThat(coordinator("run", "--dir", folder.path().toString())).isEqualTo(2);
        assertThat(err.toString())
                .contains(folder.path() + " is of a version of sotto in which the CA's key lay in the folder")
                .contains("sotto admin init");
        err.getBuffer().setLength(0);
        assertThat(coordinator("rotate", "--dir", folder.path().toString())).isEqualTo(2);
        assertThat(err.toString()).contains("is of a version of sotto in which");

        // Lost, and not old: the root's key makes the next one.
        err.getBuffer().setLength(0);
        Files.createDirectories(folder.path().resolve("safe"));
        Files.move(old, folder.path().resolve("safe/ca-key.pem"));
        assertThat(coordinator("run", "--dir", folder.path().toString())).isEqualTo(2);
        assertThat(err.toString()).contains("issuing.pem is not there; `sotto coordinator rotate --root …` makes it");
        assertThat(coordinator(
                        "rotate",
                        "--dir",
                        folder.path().toString(),
                        "--root",
                        folder.path().resolve("safe").toString()))
                .isZero();
        assertThat(folder.issuing()).exists();
    }

    @Test
    void seal_sealsWhatTheCoordinatorStartsWith_andOpensItAgain() throws Exception {
        Folder folder = init("north");
        try (Passphrase none = passphrase("");
                Passphrase first = passphrase("first");
                Passphrase second = passphrase("second");
                Secret identity = Folder.readSecret(folder.identity(), none);
                Secret round = Folder.readSecret(folder.roundSecret(), none)) {
            SealCommand.reseal(folder, none, first);
            assertThatThrownBy(() -> Folder.readSecret(folder.identity(), none))
                    .isInstanceOf(InvalidSettings.class)
                    .hasMessageContaining("is sealed by a passphrase");
            assertThatThrownBy(() -> authority(folder)).hasMessageContaining("no passphrase is given");
            assertThatThrownBy(() -> SealCommand.reseal(folder, second, none))
                    .hasMessageContaining("does not open with this passphrase");

            // As if it had broken off after the first file.
            Folder.reseal(folder.identity(), first, second);
            SealCommand.reseal(folder, first, second);
            for (Path file : List.of(folder.identity(), folder.roundSecret(), folder.issuing())) {
                isSecret(file);
            }
            try (Secret opened = Folder.readSecret(folder.identity(), second);
                    Secret openedRound = Folder.readSecret(folder.roundSecret(), second)) {
                assertThat(opened.sameAs(identity)).isTrue();
                assertThat(openedRound.sameAs(round)).isTrue();
            }

            SealCommand.reseal(folder, second, none);
            assertThat(authority(folder).fingerprint()).isNotNull();
            Folder.readSecret(folder.roundSecret(), none).close();
        }
        assertThat(coordinator("seal", "--dir", folder.path().toString()))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("are not sealed");
    }

    private static Passphrase passphrase(String text) throws Exception {
        return Passphrase.read("P", text.isEmpty() ? Map.of() : Map.of("P", text));
    }

    private static void isSecret(Path file) {
        assertThat(file)
                .satisfies(secret -> assertThat(Files.getPosixFilePermissions(secret))
                        .isEqualTo(PosixFilePermissions.fromString("rw-------")));
    }
}

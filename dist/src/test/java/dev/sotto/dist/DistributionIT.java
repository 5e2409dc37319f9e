package dev.sotto.dist;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The zip, unpacked elsewhere.
class DistributionIT {
    private static final Path ZIP = Path.of(System.getProperty("sotto.zip"));

    @TempDir
    Path folder;

    /// Only what `unzip` would do; the launcher is the one file that must be executable, as the zip says.
    private Path unpack() throws IOException {
        Path root = folder.resolve(ZIP.getFileName().toString().replace(".zip", ""));
        try (ZipFile zip = new ZipFile(ZIP.toFile())) {
            for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements(); ) {
                ZipEntry entry = entries.nextElement();
                Path to = folder.resolve(entry.getName());
                assertThat(to.normalize()).startsWithRaw(root);
                if (!entry.isDirectory()) {
                    Files.createDirectories(to.getParent());
                    Files.copy(zip.getInputStream(entry), to);
                }
            }
        }
        Files.setPosixFilePermissions(root.resolve("bin/sotto"), PosixFilePermissions.fromString("r-xr-xr-x"));
        return root;
    }

    private Script sotto(Path root, String... command) throws Exception {
        Map<String, String> environment = new HashMap<>();
        environment.put("HOME", folder.toString());
        // No JAVA_HOME: the Java of this process is the first on the PATH.
        environment.put("PATH", Path.of(System.getProperty("java.home"), "bin") + ":" + System.getenv("PATH"));
        return Script.run(environment, root.resolve("bin/sotto"), command);
    }

    @Test
    void zip_unpackedElsewhere_runsBothPrograms() throws Exception {
        Path root = unpack();
        Script help = sotto(root, "--help");
        assertThat(help.exitCode()).as(help.output()).isZero();
        assertThat(help.output()).startsWith("Usage: sotto ").contains("audit", "doctor", "cert");

        Script wrong = sotto(root, "docter");
        assertThat(wrong.exitCode()).isEqualTo(2);
        assertThat(wrong.output()).contains("Did you mean: sotto doctor");

        Path data = folder.resolve("data");
        Script made = sotto(root, "data", "--output-dir", data.toString());
        assertThat(made.exitCode()).as(made.output()).isZero();
        assertThat(data).isNotEmptyDirectory();

        Path layout = Path.of("../helm/src/test/resources/adapter-layout.json").toAbsolutePath();
        Path federation = folder.resolve("north");
        Script init = sotto(
                root,
                "admin",
                "init",
                "--dir=" + federation,
                "--federation=north",
                "--bootstrap=kafka:9093",
                "--url=https://coordinator:8443",
                "--layout=" + layout);
        assertThat(init.exitCode()).as(init.output()).isZero();
        assertThat(federation.resolve("ca.pem")).exists();
        assertThat(sotto(root, "coordinator", "run", "--help").output()).contains("--replica");

        assertThat(root.resolve("share/man/man1/sotto-audit.1")).exists();
        assertThat(root.resolve("share/bash-completion/completions/sotto")).exists();
        assertThat(root.resolve("examples/simulate/demo.yaml")).exists();
    }

    /// A cache that does not fit must be as good as none.
    @Test
    void warmUp_makesACache_andABrokenOneIsNoHindrance() throws Exception {
        Path root = unpack();
        Script warm = sotto(root, "warm-up");
        assertThat(warm.exitCode()).as(warm.output()).isZero();
        Path cache = root.resolve("lib/coordinator/sotto.aot");
        assertThat(Files.size(cache)).isGreaterThan(10_000_000);
        Script help = sotto(root, "coordinator", "--help");
        assertThat(help.exitCode()).isZero();
        Files.writeString(cache, "no cache");
        assertThat(sotto(root, "coordinator", "--help")).isEqualTo(help);
        Files.delete(cache);
        assertThat(sotto(root, "coordinator", "--help")).isEqualTo(help);
    }

    @Test
    void zip_holdsNoTimeOfTheBuild() throws Exception {
        try (ZipFile zip = new ZipFile(ZIP.toFile())) {
            assertThat(zip.stream().map(ZipEntry::getTime).distinct()).hasSize(1);
        }
    }

    @Test
    void launcherOfTheRepository_handsOnWhatIsNotItsOwn() throws Exception {
        Map<String, String> java = Map.of(
                "JAVA_HOME", Script.echoingJava(folder.resolve("java"), 25).toString());
        Path launcher = Path.of("..", "sotto");
        assertThat(Script.run(java, launcher, "doctor", "--home", "h").output().lines())
                .endsWith("doctor", "--home", "h")
                .anyMatch(line -> line.endsWith("participant/target/sotto-participant.jar"));
        assertThat(Script.run(java, launcher, "admin", "init").output().lines())
                .endsWith("init")
                .anyMatch(line -> line.endsWith("coordinator/target/quarkus-app/quarkus-run.jar"));
    }
}

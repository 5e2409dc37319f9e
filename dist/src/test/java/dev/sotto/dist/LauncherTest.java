package dev.sotto.dist;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What both launchers offer is what the programs have.
class LauncherTest {
    private static final Path REPOSITORY = Path.of("..", "sotto");
    /// What the launcher of the repository does itself; it is the whole of its list besides the programs' commands.
    private static final Set<String> ITS_OWN =
            Set.of("demo", "test", "dist", "warm-up", "fuzz", "bench", "mutate", "mvn");

    private static final Set<String> COMMANDS =
            new TreeSet<>(Pages.sotto().getSubcommands().keySet());

    @TempDir
    Path folder;

    private Path launcher = Path.of("");
    private Map<String, String> java = Map.of();

    @BeforeEach
    void layOut() throws IOException {
        launcher = Files.copy(
                Path.of("bin/sotto"),
                Files.createDirectories(folder.resolve("bin")).resolve("sotto"));
        assertThat(launcher.toFile().setExecutable(true)).isTrue();
        Files.createDirectories(folder.resolve("lib"));
        java = Map.of(
                "JAVA_HOME", Script.echoingJava(folder.resolve("java"), 25).toString());
    }

    private List<String> started(String... command) throws Exception {
        Script script = Script.run(java, launcher, command);
        assertThat(script.exitCode()).isZero();
        return script.output().lines().toList();
    }

    private List<String> jar(String jar, String... arguments) throws IOException {
        List<String> expected = new ArrayList<>(List.of(
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-jar",
                folder.toRealPath().resolve("lib").resolve(jar).toString()));
        expected.addAll(List.of(arguments));
        return expected;
    }

    @Test
    void helpOfTheRepository_listsTheProgramsCommandsAndItsOwn_andNoOther() throws Exception {
        Script help = Script.run(Map.of(), REPOSITORY, "help");
        assertThat(help.exitCode()).isZero();
        Set<String> listed = Pattern.compile("(?m)^  ([a-z-]+) +\\S")
                .matcher(help.output())
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> expected = new TreeSet<>(COMMANDS);
        expected.addAll(ITS_OWN);
        assertThat(listed).isEqualTo(expected);
        assertThat(new HashSet<>(COMMANDS)).doesNotContainAnyElementsOf(ITS_OWN);
    }

    @Test
    void launchersCases_areTheRepositorysOwnOnly() throws IOException {
        String script = Files.readString(REPOSITORY);
        Set<String> cases = Pattern.compile("(?m)^  ([a-z-]+)\\)")
                .matcher(script.substring(script.lastIndexOf("\ncase ")))
                .results()
                .map(found -> found.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(cases).isEqualTo(new TreeSet<>(ITS_OWN));
    }

    @Test
    void everyCommand_reachesItsProgram() throws Exception {
        for (String command : COMMANDS) {
            if (command.equals("coordinator")) {
                assertThat(started(command, "run", "--dir", "a b"))
                        .isEqualTo(jar("coordinator/quarkus-run.jar", "run", "--dir", "a b"));
            } else {
                assertThat(started(command, "x", "a b", ""))
                        .isEqualTo(jar("participant/sotto-participant.jar", command, "x", "a b", ""));
            }
        }
        assertThat(started("admin", "init", "--dir", "d"))
                .isEqualTo(jar("coordinator/quarkus-run.jar", "init", "--dir", "d"));
        assertThat(started("nonsense"))
                .as("the program says what there is")
                .isEqualTo(jar("participant/sotto-participant.jar", "nonsense"));
    }

    @Test
    void help_isPrintedWithoutTheOptimisingCompiler() throws Exception {
        for (String asking : List.of("-h", "--help", "-V", "--version")) {
            assertThat(started("run", asking)).contains("-XX:TieredStopAtLevel=1", asking);
        }
        assertThat(started()).isEqualTo(started("--help")).contains("-XX:TieredStopAtLevel=1");
        assertThat(started("run")).doesNotContain("-XX:TieredStopAtLevel=1");
    }

    @Test
    void launcher_startedThroughALink_findsItsFolder() throws Exception {
        Path link = Files.createSymbolicLink(folder.resolve("link"), launcher);
        assertThat(Script.run(java, link, "status").output().lines())
                .isEqualTo(jar("participant/sotto-participant.jar", "status"));
    }

    @Test
    void javaOnThePath_isFound() throws Exception {
        String path = Path.of(java.getOrDefault("JAVA_HOME", ""), "bin") + ":" + System.getenv("PATH");
        assertThat(Script.run(Map.of("PATH", path), launcher, "status").output().lines())
                .isEqualTo(jar("participant/sotto-participant.jar", "status"));
    }

    @Test
    void javaThatIsTooOld_isPassedOver() throws Exception {
        Script script = Script.run(
                Map.of(
                        "JAVA_HOME",
                        Script.echoingJava(folder.resolve("old"), 24).toString()),
                launcher,
                "--version");
        assertThat(script.output()).as("another Java was found, or none").doesNotContain("--enable-native-access");
    }

    @Test
    void libtorch_thatIsNotThere_isRefused() throws Exception {
        Script script = Script.run(
                Map.of("JAVA_HOME", java.getOrDefault("JAVA_HOME", ""), "SOTTO_LIBTORCH", folder.toString()),
                launcher,
                "train");
        assertThat(script.exitCode()).isEqualTo(2);
        assertThat(script.output()).contains("SOTTO_LIBTORCH=" + folder, "libtorch.so");
    }

    @Test
    void libtorch_ofTheRepositorysLauncher_isForAllThatComputes() throws Exception {
        Path repository = Files.copy(REPOSITORY, folder.resolve("sotto"));
        Files.createDirectories(folder.resolve("dist"));
        Files.createSymbolicLink(folder.resolve("dist/bin"), folder.resolve("bin"));
        for (String file : List.of(
                "participant/target/sotto-participant.jar",
                "participant/target/lib/pytorch-native-cpu-2.7.1-linux-x86_64.jar",
                "coordinator/target/quarkus-app/quarkus-run.jar",
                "sandbox/target/sotto-sandbox.jar",
                "bench/target/sotto-bench.jar",
                "libtorch/libtorch.so",
                "libtorch/libtorch_cuda.so")) {
            Files.createDirectories(folder.resolve(file).getParent());
            Files.createFile(folder.resolve(file));
        }
        Files.writeString(
                Path.of(java.getOrDefault("JAVA_HOME", ""), "bin", "java"),
                "#!/bin/sh\necho $PYTORCH_LIBRARY_PATH $PYTORCH_VERSION $PYTORCH_FLAVOR\n");
        String libtorch = folder.resolve("libtorch").toString();
        for (String command : List.of("train", "run", "demo", "bench")) {
            Script script = Script.run(
                    Map.of("JAVA_HOME", java.getOrDefault("JAVA_HOME", ""), "SOTTO_LIBTORCH", libtorch),
                    repository,
                    command);
            assertThat(script.output()).as(command).isEqualTo(libtorch + " 2.7.1 cu128\n");
        }
    }
}

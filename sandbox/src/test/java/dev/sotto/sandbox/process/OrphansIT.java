package dev.sotto.sandbox.process;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.demo.Artefacts;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The demo leaves no process behind, in whatever way it ends.
@Timeout(120)
class OrphansIT {
    @TempDir
    Path folder;

    /// The JVM does not tell TERM and HUP from INT.
    @ParameterizedTest
    @ValueSource(strings = {"KILL", "INT"})
    void demo_endedBySignal_leavesNoChild(String signal) throws Exception {
        Process demo = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-jar",
                        Artefacts.ofThisBuild().broker().jar().toString(),
                        "demo",
                        "--output-dir",
                        folder.resolve("demo").toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        List<ProcessHandle> children = List.of();
        try (Stream<String> lines = demo.inputReader().lines()) {
            for (String line : (Iterable<String>) lines::iterator) {
                if (line.contains("enrolment")) {
                    children = demo.descendants().toList();
                    int sent = new ProcessBuilder("kill", "-" + signal, String.valueOf(demo.pid()))
                            .start()
                            .waitFor();
                    assertThat(sent).isZero();
                    break;
                }
            }
        }
        assertThat(children).as("broker and coordinator at least").hasSizeGreaterThanOrEqualTo(2);
        assertThat(demo.waitFor()).isNotZero();
        for (ProcessHandle child : children) {
            assertThat(child.onExit().get(20, TimeUnit.SECONDS).isAlive()).isFalse();
        }
    }
}

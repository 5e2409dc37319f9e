package dev.sotto.helm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/// A program of others that a test wants, where it is installed.
final class Tool {
    private Tool() {}

    /// What it says; it must succeed. Without it the test is skipped, and a line says so.
    static String run(Path folder, List<String> command) throws IOException, InterruptedException {
        Process process;
        try {
            process = new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            System.err.println("sotto: a test of the charts is skipped: " + command.getFirst() + " is not on the PATH");
            assumeTrue(false, command.getFirst() + " is not on the PATH");
            throw e;
        }
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as("%s%n%s", command, said).isZero();
        return said;
    }
}

package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class SandboxTest {
    @TempDir
    Path folder;

    @Test
    void optionThatCannotWork_isNamedWithItsValueAndWhatIsAllowed() throws Exception {
        Path foreign = Files.createDirectories(folder.resolve("mine"));
        Files.writeString(foreign.resolve("thesis.txt"), "important");
        refused("--organisations is 2, must be 3 to 16", "--organisations", "2");
        refused("--rounds is 0", "--rounds", "0");
        refused("--cohort is 5, must be 3 to 4", "--cohort", "5");
        refused("--steps is 1", "--steps", "1");
        refused("--learning-rate is 2.0", "--learning-rate", "2");
        refused("--data /nowhere.jsonl", "--data", "/nowhere.jsonl");
        refused("no config.json", "--base", folder.toString());
        refused("holds files that no demo wrote", "--output-dir", foreign.toString());
        assertThat(foreign.resolve("thesis.txt")).exists();
    }

    private static void refused(String sentence, String... options) {
        CommandLine line = Sandbox.commandLine();
        StringWriter error = new StringWriter();
        line.setErr(new PrintWriter(error));
        String[] arguments = new String[options.length + 1];
        arguments[0] = "demo";
        System.arraycopy(options, 0, arguments, 1, options.length);
        assertThat(line.execute(arguments)).isEqualTo(2);
        assertThat(error.toString()).contains(sentence).doesNotContain("\tat ");
    }
}

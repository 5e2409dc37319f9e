package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.broker.Ports;
import dev.sotto.sandbox.demo.Artefacts;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The blocks of `docs/first-federation.md`, run one after the other by a shell, as a reader does: with other ports and
/// another folder, and with one compiler only, as each command is short.
class FirstFederationIT {
    private static final Pattern BLOCK = Pattern.compile("```sh\n(.*?)```", Pattern.DOTALL);
    private static final int PATIENCE_MINUTES = 8;

    @TempDir
    Path folder;

    @Test
    void blocks_runOneAfterTheOther_endInAnAdapterAndAnAuditThatHolds() throws Exception {
        Path root = Artefacts.ofThisBuild().root();
        StringBuilder script =
                new StringBuilder("set -euo pipefail\ntrap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n");
        Matcher blocks = BLOCK.matcher(Files.readString(root.resolve("docs/first-federation.md")));
        while (blocks.find()) {
            script.append(blocks.group(1));
        }
        List<Integer> ports = Ports.free(3);
        Path output = folder.resolve("output");
        String here = script.toString()
                .replace("target/first", folder.toString())
                .replace("19092", ports.get(0).toString())
                .replace("19093", ports.get(1).toString())
                .replace("18443", ports.get(2).toString());
        ProcessBuilder shells = new ProcessBuilder("bash", "-c", here)
                .directory(root.toFile())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        Path java = Path.of(System.getProperty("java.home"));
        Map<String, String> environment = shells.environment();
        environment.put("JAVA_HOME", java.toString());
        environment.put("PATH", java.resolve("bin") + ":" + environment.getOrDefault("PATH", "/usr/bin:/bin"));
        environment.put("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1");
        Process shell = shells.start();
        boolean ended = shell.waitFor(PATIENCE_MINUTES, TimeUnit.MINUTES);
        shell.destroy();
        String said = Files.readString(output);
        assertThat(ended)
                .as("it comes to an end; until then it said:%n%s", said)
                .isTrue();
        assertThat(shell.exitValue()).as(said).isZero();
        assertThat(said)
                .contains("74752 coordinates", "acme is a member of north", "approved acme, bank, court")
                .contains("2 rounds: 36 checks hold, 0 failed, 0 could not be made.");
        assertThat(loss(said, "federated")).isLessThan(loss(said, "before") / 2);
        assertThat(folder.resolve("adapter/adapter_model.safetensors")).exists();
    }

    private static double loss(String said, String adapter) {
        Matcher line = Pattern.compile("(?m)^" + adapter + " +loss ([0-9.]+)").matcher(said);
        assertThat(line.find()).as(adapter).isTrue();
        return Double.parseDouble(line.group(1));
    }
}

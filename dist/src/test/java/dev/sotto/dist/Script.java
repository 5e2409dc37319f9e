package dev.sotto.dist;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// A script, run to its end.
///
/// @param exitCode of it
/// @param output   both streams of it
record Script(int exitCode, String output) {
    /// Runs it without JAVA_HOME, with `environment` added to this process's.
    static Script run(Map<String, String> environment, Path script, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(script.toString()));
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile("sotto", ".out");
        try {
            ProcessBuilder builder =
                    new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
            builder.environment().remove("JAVA_HOME");
            builder.environment().putAll(environment);
            int exitCode = builder.start().waitFor();
            return new Script(exitCode, Files.readString(output));
        } finally {
            Files.delete(output);
        }
    }

    /// A folder like a Java's whose `java` prints its arguments, a line each.
    static Path echoingJava(Path folder, int version) throws IOException {
        Files.createDirectories(folder.resolve("bin"));
        Files.writeString(folder.resolve("release"), "JAVA_VERSION=\"" + version + ".0.1\"\n");
        for (String tool : List.of("java", "javac")) {
            Path file = Files.writeString(folder.resolve("bin").resolve(tool), "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
            if (!file.toFile().setExecutable(true)) {
                throw new IOException(file + " cannot be made executable");
            }
        }
        return folder;
    }
}

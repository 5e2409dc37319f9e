package dev.sotto.sandbox.process;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// How a child JVM is started: the same Java as this process, the flags that Sotto uses everywhere, and
/// the leash.
///
/// @param java  the `java` executable
/// @param leash the jar of [dev.sotto.sandbox.leash.Leash]
public record Jvm(Path java, Path leash) {
    private static final List<String> FLAGS =
            List.of("--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-XX:+UseSerialGC");

    /// A program in a jar.
    ///
    /// @param jar   with a `Main-Class`
    /// @param flags of the JVM, besides those that Sotto uses everywhere
    public record Program(Path jar, List<String> flags) {
        /// Copies the list.
        public Program {
            flags = List.copyOf(flags);
        }
    }

    /// The Java that runs this process, with the leash in `leash`.
    public static Jvm ofThisProcess(Path leash) {
        return new Jvm(Path.of(System.getProperty("java.home"), "bin", "java"), leash);
    }

    List<String> command(Program program, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(java.toString());
        command.addAll(FLAGS);
        command.addAll(program.flags());
        command.add("-javaagent:" + leash);
        command.add("-jar");
        command.add(program.jar().toString());
        command.addAll(arguments);
        return command;
    }
}

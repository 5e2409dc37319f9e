package dev.sotto.sandbox;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.NoSuchAlgorithmException;
import java.security.NoSuchProviderException;
import java.security.Provider;
import java.security.SecureRandom;
import java.security.SecureRandomSpi;
import java.security.Security;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/// The operating system's randomness, of which every draw of 32 bytes is written down: so that a test knows
/// what a program that runs as it is keeps to itself. The JVM's own options put it before Java's generators,
/// and no program has to know of it.
public final class RecordedRandomness extends Provider {
    private static final long serialVersionUID = 1;
    private static final String FOLDER = "sotto.recorded";
    private static final int SIZE = 32;

    /// For the JVM.
    public RecordedRandomness() {
        super("Recorded", "1", "records draws of 32 bytes");
        put("SecureRandom.Recorded", Spi.class.getName());
    }

    /// The generator.
    public static final class Spi extends SecureRandomSpi {
        private static final long serialVersionUID = 1;
        private static final Object LOCK = new Object();
        private final SecureRandom real;

        /// For the JVM.
        public Spi() throws NoSuchAlgorithmException, NoSuchProviderException {
            real = SecureRandom.getInstance("NativePRNG", "SUN");
        }

        @Override
        protected void engineSetSeed(byte[] seed) {
            real.setSeed(seed);
        }

        @Override
        protected void engineNextBytes(byte[] bytes) {
            real.nextBytes(bytes);
            if (bytes.length == SIZE) {
                record(bytes);
            }
        }

        @Override
        protected byte[] engineGenerateSeed(int size) {
            return real.generateSeed(size);
        }

        private static void record(byte[] bytes) {
            Path file = Path.of(
                    System.getProperty(FOLDER),
                    String.valueOf(ProcessHandle.current().pid()));
            synchronized (LOCK) {
                try (OutputStream out =
                        Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
                    out.write((HexFormat.of().formatHex(bytes) + "\n").getBytes(StandardCharsets.US_ASCII));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    /// A `java` whose programs draw from it.
    ///
    /// @param folder for it, and for what it writes down
    static Path java(Path folder) throws Exception {
        Path draws = Files.createDirectories(folder.resolve("draws"));
        Path classes = folder.resolve("classes").resolve("dev/sotto/sandbox");
        Files.createDirectories(classes);
        for (Class<?> type : List.of(RecordedRandomness.class, Spi.class)) {
            String file = type.getName().substring(type.getName().lastIndexOf('.') + 1) + ".class";
            try (var in = type.getResourceAsStream(file)) {
                Files.copy(in, classes.resolve(file), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        List<String> providers = new ArrayList<>(List.of(RecordedRandomness.class.getName()));
        Stream.of(Security.getProviders()).map(Provider::getName).forEach(providers::add);
        StringBuilder security = new StringBuilder();
        for (int i = 0; i < providers.size(); i++) {
            security.append("security.provider.")
                    .append(i + 1)
                    .append('=')
                    .append(providers.get(i))
                    .append('\n');
        }
        Path properties = Files.writeString(folder.resolve("java.security"), security);
        Path java = folder.resolve("java");
        Files.writeString(java, """
                #!/bin/sh
                exec '%s' '-Xbootclasspath/a:%s' '-Djava.security.properties=%s' '-D%s=%s' "$@"
                """.formatted(
                        Path.of(System.getProperty("java.home"), "bin", "java"),
                        folder.resolve("classes"),
                        properties,
                        FOLDER,
                        draws));
        if (!java.toFile().setExecutable(true)) {
            throw new IOException(java + " cannot be made executable");
        }
        return java;
    }

    /// What all those programs have drawn, in hexadecimal.
    static List<String> draws(Path folder) throws IOException {
        List<String> draws = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder.resolve("draws"))) {
            for (Path file : files.toList()) {
                draws.addAll(Files.readAllLines(file));
            }
        }
        return draws;
    }
}

package dev.sotto.sandbox.broker;

import dev.sotto.sandbox.failure.Failure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/// Runs an Apache Kafka broker in this JVM, which then belongs to it.
public final class Broker {
    /// What the line on standard output contains by which a parent knows that clients may connect.
    public static final String READY = "Kafka Server started";

    /* The cluster id names the log folder's owner; the folder is fresh for each federation, so a constant will do: the
     * base64url form, without padding, of 16 bytes. */
    private static final String CLUSTER_ID = Base64.getUrlEncoder()
            .withoutPadding()
            .encodeToString("sotto-sandbox-01".getBytes(StandardCharsets.US_ASCII));

    private Broker() {}

    /// Formats the folder if it is new and runs the broker until the process is asked to end.
    ///
    /// @throws Failure if another broker holds the folder, a port is in use, or the folder cannot be
    ///   formatted
    public static void run(BrokerSettings settings) throws IOException, Failure {
        Path folder = Files.createDirectories(settings.folder());
        hold(folder.resolve("lock"));
        Ports.requireFree(settings.memberPort(), "--port");
        Ports.requireFree(settings.controllerPort(), "--controller-port");
        Path file = folder.resolve("server.properties");
        Files.writeString(file, settings.file());
        format(file);
        kafka.Kafka.main(new String[] {file.toString()});
    }

    /// Takes the folder for the life of this process. A second broker on a folder wrecks the first one
    /// before Kafka's own lock stops it.
    @SuppressWarnings("resource") // Held until the process ends.
    private static void hold(Path lock) throws IOException, Failure {
        FileChannel channel = FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        @Nullable FileLock held;
        try {
            held = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            held = null;
        }
        if (held == null) {
            throw Failure.invalid("another broker runs in " + lock.getParent() + "; stop it or give another folder");
        }
    }

    private static void format(Path file) throws Failure {
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int exitCode = kafka.tools.StorageTool.execute(
                new String[] {"format", "--ignore-formatted", "-t", CLUSTER_ID, "-c", file.toString()},
                new PrintStream(said, true, StandardCharsets.UTF_8));
        if (exitCode != 0) {
            throw Failure.invalid("Kafka cannot format the folder of " + file + ": "
                    + said.toString(StandardCharsets.UTF_8).strip());
        }
    }
}

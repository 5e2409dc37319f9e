package dev.sotto.participant.agent;

import dev.sotto.crypto.secagg.Spool;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.secrets.SecretFile;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/// The masked chunks of one attempt in one file, which gets its name when it is whole; then those of earlier attempts
/// go.
///
/// Used by one thread.
final class FileSpool implements Spool {
    private final Path file;
    private final Path part;

    /// What is done with each chunk.
    @FunctionalInterface
    interface Receiver {
        void chunk(int number, Envelope chunk) throws MalformedMessage;
    }

    FileSpool(Path folder, long round, long attempt) throws IOException {
        Files.createDirectories(folder);
        this.file = folder.resolve("round-" + round + "-attempt-" + attempt + ".spool");
        this.part = file.resolveSibling(file.getFileName() + ".part");
        Files.deleteIfExists(part);
    }

    @Override
    public void write(Envelope chunk) {
        byte[] encoded = chunk.encode().toArray();
        ByteBuffer bytes = ByteBuffer.allocate(4 + encoded.length)
                .putInt(encoded.length)
                .put(encoded)
                .flip();
        try (FileChannel channel = FileChannel.open(
                part, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND)) {
            while (bytes.hasRemaining()) {
                int _ = channel.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(Home.at(file, e));
        }
    }

    @Override
    public void seal() {
        try {
            try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            SecretFile.forceEntry(file);
            deleteOthers();
        } catch (IOException e) {
            throw new UncheckedIOException(Home.at(file, e));
        }
    }

    /// No earlier attempt is sent any more.
    private void deleteOthers() throws IOException {
        List<Path> others;
        try (Stream<Path> files = Files.list(file.getParent())) {
            others = files.filter(other -> !other.equals(file)).toList();
        }
        for (Path other : others) {
            Files.deleteIfExists(other);
        }
    }

    /// Every chunk in the order of writing; none if it was never whole.
    void forEach(Receiver receiver) {
        if (!Files.exists(file)) {
            return;
        }
        try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
            for (int number = 0; ; number++) {
                int size;
                try {
                    size = in.readInt();
                } catch (EOFException e) {
                    return;
                }
                if (size < 0 || size > Limits.ENVELOPE) {
                    throw new MalformedMessage("chunk " + number + " has " + size + " bytes");
                }
                receiver.chunk(number, Envelope.decode(Bytes.of(in.readNBytes(size))));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(Home.at(file, e));
        } catch (MalformedMessage e) {
            throw new UncheckedIOException(new IOException(file + " is damaged: " + e.getMessage(), e));
        }
    }

    void delete() {
        try {
            Files.deleteIfExists(part);
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(Home.at(file, e));
        }
    }
}

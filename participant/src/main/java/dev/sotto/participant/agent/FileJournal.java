package dev.sotto.participant.agent;

import dev.sotto.crypto.secagg.Journal;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.Topics;
import dev.sotto.secrets.SecretFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The journal as text files that only grow: a line per message, on disk before it leaves. A last line
/// without its end was never sent, and is cut off.
///
/// Used by one thread.
public final class FileJournal implements Journal {
    private final Path folder;

    /// In `folder`, which is made.
    public FileJournal(Path folder) throws IOException {
        this.folder = Files.createDirectories(folder);
    }

    @Override
    public List<Envelope> signed(long round, long attempt) {
        List<Envelope> signed = new ArrayList<>();
        for (String line : lines(attempt(round, attempt))) {
            try {
                signed.add(Envelope.decode(Bytes.of(Base64.getDecoder().decode(line))));
            } catch (MalformedMessage | IllegalArgumentException e) {
                throw damaged(attempt(round, attempt), e);
            }
        }
        return signed;
    }

    @Override
    public void recordSigned(long round, long attempt, Envelope envelope) {
        append(
                attempt(round, attempt),
                Base64.getEncoder().encodeToString(envelope.encode().toArray()));
    }

    @Override
    public Optional<List<String>> confirmed(Bytes adapterDigest) {
        return allConfirmed().stream()
                .filter(entry -> entry.getKey().equals(adapterDigest))
                .map(Map.Entry::getValue)
                .reduce((earlier, later) -> later);
    }

    /// The last confirmation of all: the adapter's digest, and the survivors.
    public Optional<Map.Entry<Bytes, List<String>>> lastConfirmed() {
        return allConfirmed().reversed().stream().findFirst();
    }

    private List<Map.Entry<Bytes, List<String>>> allConfirmed() {
        List<Map.Entry<Bytes, List<String>>> all = new ArrayList<>();
        for (String line : lines(confirmations())) {
            List<String> words = List.of(line.split(" ", -1));
            List<String> ids = words.subList(1, words.size());
            if (words.getFirst().length() != 2 * Limits.HASH
                    || ids.isEmpty()
                    || !ids.stream().allMatch(Topics::isOrganisation)) {
                throw damaged(confirmations(), new IllegalArgumentException("no digest and organisations: " + line));
            }
            try {
                all.add(Map.entry(Bytes.fromHex(words.getFirst()), ids));
            } catch (IllegalArgumentException e) {
                throw damaged(confirmations(), e);
            }
        }
        return all;
    }

    @Override
    public Optional<SurvivorsLifted> lifted(Bytes adapterDigest) {
        return lines(lifts()).stream()
                .map(this::lift)
                .filter(lifted -> lifted.adapterDigest().equals(adapterDigest))
                .findFirst();
    }

    @Override
    public void recordLifted(SurvivorsLifted lifted) {
        append(lifts(), Base64.getEncoder().encodeToString(lifted.encode().toArray()));
    }

    private SurvivorsLifted lift(String line) {
        try {
            return SurvivorsLifted.parse(Bytes.of(Base64.getDecoder().decode(line)));
        } catch (MalformedMessage | IllegalArgumentException e) {
            throw damaged(lifts(), e);
        }
    }

    private static UncheckedIOException damaged(Path file, Exception e) {
        return new UncheckedIOException(new IOException(file + " is damaged: " + e.getMessage(), e));
    }

    @Override
    public void recordConfirmed(Bytes adapterDigest, List<String> survivors) {
        append(confirmations(), adapterDigest.hex() + " " + String.join(" ", survivors));
    }

    private Path attempt(long round, long attempt) {
        return folder.resolve("round-" + round + "-attempt-" + attempt + ".log");
    }

    private Path confirmations() {
        return folder.resolve("confirmed.log");
    }

    private Path lifts() {
        return folder.resolve("lifted.log");
    }

    private static List<String> lines(Path file) {
        try {
            if (!Files.exists(file)) {
                return List.of();
            }
            String text = Files.readString(file, StandardCharsets.US_ASCII);
            int end = text.lastIndexOf('\n') + 1;
            return text.substring(0, end).lines().toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void append(Path file, String line) {
        boolean fresh = !Files.exists(file);
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            channel.position(whole(channel));
            channel.truncate(channel.position());
            ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.US_ASCII));
            while (bytes.hasRemaining()) {
                int _ = channel.write(bytes);
            }
            channel.force(true);
            if (fresh) {
                SecretFile.forceEntry(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(Home.at(file, e));
        }
    }

    /// Where the last whole line ends.
    private static long whole(FileChannel channel) throws IOException {
        ByteBuffer one = ByteBuffer.allocate(1);
        for (long at = channel.size(); at > 0; at--) {
            one.clear();
            if (channel.read(one, at - 1) == 1 && one.get(0) == '\n') {
                return at;
            }
        }
        return 0;
    }
}

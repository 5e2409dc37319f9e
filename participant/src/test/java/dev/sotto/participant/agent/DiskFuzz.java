package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.SurvivorsLifted;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/// The agent's own files, damaged: what they hold, or an [UncheckedIOException] that says which is.
public final class DiskFuzz {
    private static final Bytes ADAPTER = Bytes.zeros(32);

    private DiskFuzz() {}

    private static Envelope envelope() {
        return new Envelope(
                MessageType.SURVIVORS_CONFIRMED,
                "north",
                "bank",
                Bytes.zeros(32),
                Bytes.zeros(32),
                Bytes.EMPTY,
                Bytes.zeros(64));
    }

    /// One file of the journal under each of its names.
    public static boolean journal(Path folder, byte[] input) throws IOException {
        Files.write(folder.resolve("round-0-attempt-1.log"), input);
        Files.write(folder.resolve("confirmed.log"), input);
        Files.write(folder.resolve("lifted.log"), input);
        FileJournal journal = new FileJournal(folder);
        boolean signed = holds(() -> journal.signed(0, 1));
        boolean confirmed = holds(() -> journal.confirmed(ADAPTER)
                        .ifPresent(ids -> assertThat(ids).isNotEmpty()))
                && holds(journal::lastConfirmed);
        boolean lifted = holds(() -> journal.lifted(ADAPTER));
        return signed || confirmed || lifted;
    }

    /// One whole file of each kind, and the start of another line.
    public static List<Bytes> journals() {
        Base64.Encoder base64 = Base64.getEncoder();
        SurvivorsLifted lifted =
                new SurvivorsLifted(ADAPTER, List.of("bank", "clinic", "court"), List.of("bank", "clinic"));
        return List.of(
                Bytes.utf8(base64.encodeToString(envelope().encode().toArray()) + "\nAAAA"),
                Bytes.utf8(ADAPTER.hex() + " bank clinic court\n"),
                Bytes.utf8(base64.encodeToString(lifted.encode().toArray()) + "\n"));
    }

    /// The spool.
    public static boolean spool(Path folder, byte[] input) throws IOException {
        FileSpool spool = new FileSpool(folder, 0, 1);
        Files.write(folder.resolve("round-0-attempt-1.spool"), input);
        List<Envelope> chunks = new ArrayList<>();
        return holds(() -> spool.forEach((number, chunk) -> {
            assertThat(number).isEqualTo(chunks.size());
            chunks.add(chunk);
        }));
    }

    /// Two chunks as the spool writes them.
    public static Bytes spool(Path folder) {
        try {
            FileSpool spool = new FileSpool(folder, 0, 2);
            spool.write(envelope());
            spool.write(envelope());
            spool.seal();
            return Bytes.of(Files.readAllBytes(folder.resolve("round-0-attempt-2.spool")));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// What lies beside a version's numbers.
    public static void description(Path folder) throws Exception {
        new Versions(folder).last().ifPresent(description -> {
            assertThat(description.digest()).isNotNull();
            assertThat(description.lora().rank()).isPositive();
        });
    }

    private static boolean holds(Runnable reading) {
        try {
            reading.run();
            return true;
        } catch (UncheckedIOException damaged) {
            assertThat(damaged.getMessage()).isNotBlank();
            return false;
        }
    }
}

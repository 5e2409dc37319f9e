package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.UpdateChunk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileJournalTest {
    private final Identity identity =
            new Identity(new BouncyCastlePrimitives(), "north", "acme", Secret.take(new byte[32]));

    @TempDir
    Path folder;

    @Test
    void messages_surviveAsTheyWereSigned() throws Exception {
        new FileJournal(folder).recordSigned(3, 1, message("one"));
        new FileJournal(folder).recordSigned(3, 1, message("two"));
        assertThat(new FileJournal(folder).signed(3, 1)).containsExactly(message("one"), message("two"));
        assertThat(new FileJournal(folder).signed(3, 2)).isEmpty();
    }

    /// A crash in the middle of a write: that message never left.
    @Test
    void lastLine_thatWasCutOff_isForgottenAndOverwritten() throws Exception {
        FileJournal journal = new FileJournal(folder);
        journal.recordSigned(0, 1, message("one"));
        Files.writeString(folder.resolve("round-0-attempt-1.log"), "AAAAhalf", StandardOpenOption.APPEND);
        assertThat(journal.signed(0, 1)).containsExactly(message("one"));
        journal.recordSigned(0, 1, message("two"));
        assertThat(journal.signed(0, 1)).containsExactly(message("one"), message("two"));
    }

    @Test
    void survivors_areRememberedByAdapter() throws Exception {
        Bytes adapter = Enc.hash("adapter");
        new FileJournal(folder).recordConfirmed(adapter, List.of("acme", "bank", "court"));
        assertThat(new FileJournal(folder).confirmed(adapter)).hasValue(List.of("acme", "bank", "court"));
        assertThat(new FileJournal(folder).confirmed(Enc.hash("another"))).isEmpty();
    }

    @Test
    void spool_isReadOnlyWhenItIsWhole() throws Exception {
        FileSpool spool = new FileSpool(folder, 0, 1);
        spool.write(chunk(0));
        spool.write(chunk(1));
        assertThat(read(new FileSpool(folder, 0, 2))).isEmpty();
        spool.seal();
        assertThat(read(new FileSpool(folder, 0, 1))).containsExactly(chunk(0), chunk(1));
        spool.delete();
        assertThat(read(new FileSpool(folder, 0, 1))).isEmpty();
    }

    @Test
    void spool_thatWasNeverSealed_isGoneAfterARestart() throws Exception {
        new FileSpool(folder, 0, 1).write(chunk(0));
        FileSpool again = new FileSpool(folder, 0, 1);
        again.write(chunk(1));
        again.seal();
        assertThat(read(again)).containsExactly(chunk(1));
    }

    private static List<Envelope> read(FileSpool spool) {
        List<Envelope> chunks = new ArrayList<>();
        spool.forEach((number, chunk) -> {
            assertThat(number).isEqualTo(chunks.size());
            chunks.add(chunk);
        });
        return chunks;
    }

    private Envelope message(String detail) {
        return identity.sign(new RoundDeclined("POLICY", detail), Bytes.zeros(32));
    }

    private Envelope chunk(int index) {
        return identity.sign(new UpdateChunk("adapter", index, Bytes.zeros(48)), Bytes.zeros(32));
    }
}

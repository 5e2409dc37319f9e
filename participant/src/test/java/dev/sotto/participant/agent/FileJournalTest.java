package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Identity;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.UpdateChunk;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
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
    void confirmations_thatAreDamaged_areNamed() throws Exception {
        FileJournal journal = new FileJournal(folder);
        for (String bad :
                List.of(" ", "00 acme", "zz".repeat(32) + " acme", "0".repeat(64), "0".repeat(64) + "  acme")) {
            Files.writeString(folder.resolve("confirmed.log"), bad + "\n");
            assertThatThrownBy(() -> journal.confirmed(Bytes.zeros(32)))
                    .as(bad)
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("confirmed.log is damaged");
        }
    }

    @Test
    void spool_thatClaimsAChunkOfAnotherLength_isNamed() throws Exception {
        FileSpool spool = new FileSpool(folder, 0, 1);
        for (int size : new int[] {-1, Integer.MAX_VALUE, 3}) {
            Files.write(
                    folder.resolve("round-0-attempt-1.spool"),
                    ByteBuffer.allocate(4).putInt(size).array());
            assertThatThrownBy(() -> spool.forEach((number, chunk) -> {}))
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining("round-0-attempt-1.spool is damaged");
        }
    }

    @Test
    void survivors_areRememberedByAdapter() throws Exception {
        Bytes adapter = Enc.hash("adapter");
        new FileJournal(folder).recordConfirmed(adapter, List.of("acme", "bank", "court"));
        assertThat(new FileJournal(folder).confirmed(adapter)).hasValue(List.of("acme", "bank", "court"));
        assertThat(new FileJournal(folder).confirmed(Enc.hash("another"))).isEmpty();
    }

    @Test
    void lift_isRememberedOncePerAdapter_andTheLastConfirmationCounts() throws Exception {
        Bytes adapter = Enc.hash("adapter");
        List<String> all = List.of("acme", "bank", "court", "dairy");
        List<String> rest = List.of("acme", "bank", "court");
        FileJournal journal = new FileJournal(folder);
        journal.recordConfirmed(adapter, all);
        SurvivorsLifted lifted = new SurvivorsLifted(adapter, all, rest);
        journal.recordLifted(lifted);
        journal.recordConfirmed(adapter, rest);
        assertThat(new FileJournal(folder).lifted(adapter)).hasValue(lifted);
        assertThat(new FileJournal(folder).lifted(Enc.hash("another"))).isEmpty();
        assertThat(new FileJournal(folder).confirmed(adapter)).hasValue(rest);
        assertThat(new FileJournal(folder).lastConfirmed()).hasValue(Map.entry(adapter, rest));
    }

    /// c_k moves only with a round that closed with this member in it.
    @Test
    void controls_pendingOnes_becomeOwnOnlyWhenTheMemberSurvived() throws Exception {
        Controls controls = new Controls(folder.resolve("controls"));
        assertThat(controls.own(2)).isEmpty();
        controls.pend(0, 1, new float[] {1, 2});
        assertThat(controls.own(2)).isEmpty();
        controls.ended(0, 1, true);
        assertThat(controls.own(2)).hasValueSatisfying(own -> assertThat(own).containsExactly(1, 2));
        controls.pend(1, 1, new float[] {3, 4});
        controls.ended(1, 1, false);
        controls.ended(1, 1, true);
        assertThat(new Controls(folder.resolve("controls")).own(2))
                .hasValueSatisfying(own -> assertThat(own).containsExactly(1, 2));
        assertThat(controls.own(3)).as("of another adapter").isEmpty();
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

package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileSpoolTest {
    @TempDir
    Path folder;

    @Test
    void aWholeSpool_takesThePlaceOfEarlierOnes() throws Exception {
        FileSpool first = new FileSpool(folder, 0, 1);
        first.write(chunk(1));
        first.seal();
        FileSpool second = new FileSpool(folder, 0, 2);
        second.write(chunk(2));
        // Until the second one is whole, the first can be sent again.
        assertThat(chunks(first)).containsExactly(chunk(1));
        assertThat(chunks(second)).isEmpty();
        second.write(chunk(3));
        second.seal();
        assertThat(chunks(second)).containsExactly(chunk(2), chunk(3));
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(1);
        }
    }

    private static List<Envelope> chunks(FileSpool spool) {
        List<Envelope> chunks = new ArrayList<>();
        spool.forEach((number, chunk) -> chunks.add(chunk));
        return chunks;
    }

    private static Envelope chunk(int content) {
        return new Envelope(
                MessageType.UPDATE_CHUNK,
                "north",
                "acme",
                Bytes.zeros(32),
                Bytes.zeros(32),
                Bytes.of(new byte[] {(byte) content}),
                Bytes.zeros(64));
    }
}

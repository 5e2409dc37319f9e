package dev.sotto.sandbox.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.sandbox.failure.Failure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataSetsTest {
    private static final List<String> THREE = List.of("bank", "court", "hospital");

    @TempDir
    Path folder;

    @Test
    void lines_areDealtInTurn_andTheLastFifthIsHeldOut() throws Exception {
        Path source = write("all.jsonl", 100);
        DataSets data = DataSets.dealt(THREE, List.of(source), folder.resolve("out"));
        assertThat(data.heldOut()).isEqualTo(20);
        assertThat(data.lines())
                .containsEntry("bank", 27)
                .containsEntry("court", 27)
                .containsEntry("hospital", 26);
        assertThat(Files.readAllLines(data.files().get("court")).getFirst()).contains("\"1\"");
        assertThat(Files.readAllLines(data.evaluation()).getFirst()).contains("\"80\"");
    }

    @Test
    void badLine_namesFileAndLine() throws Exception {
        Path source = write("all.jsonl", 100);
        List<String> lines = new java.util.ArrayList<>(Files.readAllLines(source));
        lines.set(41, "{\"instruction\": ");
        Files.write(source, lines);
        refused(() -> DataSets.dealt(THREE, List.of(source), folder.resolve("out")), "all.jsonl:42: is no JSON");
        lines.set(41, "[1]");
        Files.write(source, lines);
        refused(() -> DataSets.dealt(THREE, List.of(source), folder.resolve("out")), "all.jsonl:42: is no JSON object");
    }

    @Test
    void tooFewLines_sayHowManyAreNeeded() throws Exception {
        Path source = write("all.jsonl", 40);
        refused(() -> DataSets.dealt(THREE, List.of(source), folder.resolve("out")), "40 lines", "at least 60");
    }

    @Test
    void folder_ofFiles_isTakenAsItIs() throws Exception {
        for (String name : THREE) {
            write(name + ".jsonl", 40);
        }
        assertThat(DataSets.organisations(folder)).isEqualTo(THREE);
        DataSets data = DataSets.given(folder, folder.resolve("out"));
        assertThat(data.lines()).containsEntry("bank", 32);
        assertThat(data.heldOut()).isEqualTo(24);
        write("coordinator.jsonl", 40);
        refused(() -> DataSets.organisations(folder), "coordinator.jsonl");
    }

    private static void refused(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String... parts) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        Failure.class, failure -> assertThat(failure.exitCode()).isEqualTo(Failure.INVALID))
                .hasMessageContainingAll(parts);
    }

    private Path write(String name, int lines) throws Exception {
        return Files.write(
                folder.resolve(name),
                IntStream.range(0, lines)
                        .mapToObj(i -> "{\"instruction\":\"" + i + "\",\"output\":\"x\"}")
                        .toList());
    }
}

package dev.sotto.training.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Preference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What the document's examples promise.
class ExamplesTest {
    private static final Path BASE = Path.of("../models/sotto-demo-base");

    @Test
    void training_ofSixteenOpposites_lowersTheirLossAndAnswers(@TempDir Path folder) throws Exception {
        List<String> lines = new ArrayList<>();
        for (String pair : List.of(
                "cold hot", "big small", "high low", "fast slow", "old new", "wet dry", "dark light", "hard soft")) {
            String[] words = pair.split(" ");
            for (String line : List.of(words[0] + " " + words[1], words[1] + " " + words[0])) {
                String[] one = line.split(" ");
                lines.add("{\"instruction\": \"What is the opposite of " + one[0] + "?\", \"output\": \"" + one[1]
                        + "\"}");
            }
        }
        Path instructions = Files.write(folder.resolve("opposites.jsonl"), lines);
        TrainAnAdapter.Learned learned =
                TrainAnAdapter.train(BASE, instructions, folder.resolve("adapter"), "What is the opposite of cold?");
        assertThat(learned.after().loss()).isLessThan(learned.before().loss() / 2);
        assertThat(learned.answer().strip()).isEqualTo("hot");
        assertThat(folder.resolve("adapter/adapter_model.safetensors")).exists();
        assertThat(folder.resolve("adapter/adapter_config.json")).exists();
    }

    @Test
    void reading_withOneBadRecord_countsIt(@TempDir Path folder) throws Exception {
        Path mapping = Files.writeString(
                folder.resolve("mine.yaml"), "kind: preference\nprompt: asked\nchosen: better\nrejected: worse\n");
        Path records = Files.writeString(folder.resolve("mine.jsonl"), """
                {"asked": "Say hello.", "better": "Hello.", "worse": "No."}
                {"asked": "Say hello.", "better": "Hello."}
                """);
        Loaded<Preference> read = ReadPreferences.read(mapping, records);
        assertThat(read.examples()).hasSize(1);
        assertThat(read.skipped()).isEqualTo(1);
        assertThat(read.firstBad())
                .singleElement()
                .asString()
                .contains("mine.jsonl: line 2")
                .contains("worse");
    }
}

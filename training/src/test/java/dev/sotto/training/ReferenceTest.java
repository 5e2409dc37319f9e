package dev.sotto.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Example;
import dev.sotto.training.data.JsonLines;
import dev.sotto.training.djl.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Instruction data: files, and the tokenizer of a small random Llama.
class ReferenceTest {
    private static final Path BASE = Path.of("src/test/resources/llama/base");

    @Test
    void tokenizer_example_hasLossOnTheResponseOnly() throws Exception {
        LlamaConfig config = LlamaConfig.read(BASE);
        try (Tokenizer tokenizer = Tokenizer.load(BASE, config)) {
            Batch.Sequence sequence = tokenizer.encode(new Example("Name a colour.", "blue"), 200);
            Batch batch = Batch.of(List.of(sequence), config.padToken());
            assertThat(sequence.tokens()[0]).isEqualTo(config.beginToken());
            assertThat(sequence.tokens()[sequence.tokens().length - 1]).isEqualTo(config.endToken());
            assertThat(batch.counted()).isEqualTo(sequence.tokens().length - sequence.prompt());
            assertThat(batch.counted()).isPositive();
        }
    }

    @Test
    void jsonLines_badLine_isNamed(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("data.jsonl");
        Files.writeString(file, """
                {"instruction": "a", "input": "b", "output": "c"}

                {"question": "d", "answer": "e"}
                """);
        assertThat(JsonLines.read(file)).containsExactly(new Example("a\nb", "c"), new Example("d", "e"));
        Files.writeString(file, "{\"question\": \"d\", \"answer\": \"e\"}\n{\"question\": \"d\"}\n");
        assertThatThrownBy(() -> JsonLines.read(file))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("data.jsonl: line 2 must have a text");
        Files.writeString(file, "{oops");
        assertThatThrownBy(() -> JsonLines.read(file)).hasMessageContaining("line 1 is no JSON");
        Files.writeString(file, "\n");
        assertThatThrownBy(() -> JsonLines.read(file)).hasMessageContaining("no examples");
    }
}

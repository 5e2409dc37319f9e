package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.training.checkpoint.BpeTrainer;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.template.TextEncoder;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Tokens, and where they stand in the text.
class TokenizerTest {
    @TempDir
    Path folder = Path.of("");

    private Tokenizer made() throws Exception {
        BpeTrainer.train(List.of("low lower lowest low", "newer newest wider"), 300, folder.resolve("tokenizer.json"));
        return Tokenizer.load(folder);
    }

    /// The emoji is two `char`s of one code point, and several tokens.
    @Test
    void encode_textBeyondTheBasicPlane_hasPlacesInChars() throws Exception {
        String text = "low 😀é newer</s>x";
        try (Tokenizer tokenizer = made()) {
            TextEncoder.Tokens tokens = tokenizer.encode(text);
            StringBuilder rebuilt = new StringBuilder();
            int last = 0;
            for (int i = 0; i < tokens.ids().length; i++) {
                assertThat(tokens.starts()[i]).isBetween(0, text.length());
                assertThat(tokens.ends()[i]).isBetween(tokens.starts()[i], text.length());
                if (tokens.ends()[i] > last) {
                    rebuilt.append(text, last, tokens.ends()[i]);
                    last = tokens.ends()[i];
                }
            }
            assertThat(rebuilt.toString()).isEqualTo(text);
            int end = text.indexOf("</s>");
            assertThat(tokens.ids()[tokens.ids().length - 2]).isEqualTo(1);
            assertThat(tokens.starts()[tokens.ids().length - 2]).isEqualTo(end);
            assertThat(tokenizer.decode(tokens.ids())).isEqualTo("low 😀é newerx");
        }
    }

    @Test
    void continuation_ofAPrompt_followsThePromptsTokens() throws Exception {
        try (Tokenizer tokenizer = made()) {
            assertThat(tokenizer.continuation("new", "est"))
                    .isEqualTo(tokenizer.encode("est").ids());
            assertThat(tokenizer.continuation("low", " low"))
                    .isEqualTo(tokenizer.encode(" low").ids())
                    .hasSizeLessThan(4);
            assertThat(tokenizer.continuation("", "low"))
                    .isEqualTo(tokenizer.encode("low").ids());
        }
    }

    @Test
    void beginToken_isWhatTheFileSays() throws Exception {
        try (Tokenizer tokenizer = made()) {
            assertThat(tokenizer.beginToken()).isZero();
        }
        Path file = folder.resolve("tokenizer.json");
        Files.writeString(file, Files.readString(file).replaceAll("(?s)\"post_processor\" : .*\"model\"", "\"model\""));
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            assertThat(tokenizer.beginToken()).isEqualTo(-1);
        }
    }

    @Test
    void load_damagedOrMissingFile_isNamed() throws Exception {
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("tokenizer.json");
        Files.writeString(folder.resolve("tokenizer.json"), "{\"model\": {\"type\": \"Nothing\"}}");
        assertThatThrownBy(() -> Tokenizer.load(folder))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("tokenizer.json");
    }
}

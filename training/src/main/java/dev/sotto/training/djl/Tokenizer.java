package dev.sotto.training.djl;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.data.Alpaca;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Example;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.LongStream;

/// `tokenizer.json` of a checkpoint. Truncation and padding are off, which are on by default in the
/// library. One thread at a time.
public final class Tokenizer implements AutoCloseable {
    private final HuggingFaceTokenizer tokenizer;
    private final LlamaConfig config;

    private Tokenizer(HuggingFaceTokenizer tokenizer, LlamaConfig config) {
        this.tokenizer = tokenizer;
        this.config = config;
    }

    /// Opens the tokenizer of a checkpoint folder.
    public static Tokenizer load(Path folder, LlamaConfig config) throws IOException {
        System.setProperty("ai.djl.offline", "true");
        return new Tokenizer(
                HuggingFaceTokenizer.newInstance(
                        folder.resolve("tokenizer.json"),
                        Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false")),
                config);
    }

    /// An example in the Alpaca template: begin token, prompt, response, end token. Longer ones are cut
    /// at the end.
    ///
    /// @param maxTokens at least 2
    public Batch.Sequence encode(Example example, int maxTokens) {
        long[] prompt = tokenizer.encode(Alpaca.prompt(example)).getIds();
        long[] response = tokenizer.encode(Alpaca.response(example)).getIds();
        long[] begin = config.beginToken() < 0 ? new long[0] : new long[] {config.beginToken()};
        long[] end = config.endToken() < 0 ? new long[0] : new long[] {config.endToken()};
        int[] all = LongStream.concat(
                        LongStream.concat(Arrays.stream(begin), Arrays.stream(prompt)),
                        LongStream.concat(Arrays.stream(response), Arrays.stream(end)))
                .mapToInt(id -> (int) id)
                .limit(maxTokens)
                .toArray();
        return new Batch.Sequence(all, Math.min(begin.length + prompt.length, all.length));
    }

    /// The tokens of plain text, nothing added.
    int[] tokens(String text) {
        return Arrays.stream(tokenizer.encode(text).getIds())
                .mapToInt(id -> (int) id)
                .toArray();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}

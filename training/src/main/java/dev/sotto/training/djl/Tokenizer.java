package dev.sotto.training.djl;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.template.TextEncoder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/// `tokenizer.json` of a checkpoint. Truncation and padding are off, which are on by default in the
/// library. One thread at a time.
public final class Tokenizer implements TextEncoder, AutoCloseable {
    private final HuggingFaceTokenizer tokenizer;
    private final int beginToken;

    private Tokenizer(HuggingFaceTokenizer tokenizer) {
        this.tokenizer = tokenizer;
        long[] plain = tokenizer.encode("a", false, false).getIds();
        long[] whole = tokenizer.encode("a", true, false).getIds();
        this.beginToken = whole.length == 0 || plain.length > 0 && whole[0] == plain[0] ? -1 : (int) whole[0];
    }

    /// Opens the tokenizer of a checkpoint folder.
    ///
    /// @throws InvalidFile if the file is no tokenizer that the library knows
    public static Tokenizer load(Path folder) throws IOException, InvalidFile {
        System.setProperty("ai.djl.offline", "true");
        Path file = folder.resolve("tokenizer.json");
        if (!Files.isRegularFile(file)) {
            throw new NoSuchFileException(file.toString());
        }
        try {
            return new Tokenizer(
                    HuggingFaceTokenizer.newInstance(file, Map.of("truncation", "false", "padding", "false")));
        } catch (RuntimeException e) {
            throw new InvalidFile(file, "is no tokenizer: " + e.getMessage());
        } catch (UnsatisfiedLinkError e) {
            // DJL unpacks it below a folder of its own where it sees a card; where it sees none, it takes that folder
            // for what it looks for.
            throw new IOException(
                    "the tokenizers' native library does not load: " + e.getMessage()
                            + "; remove the folder tokenizers in the one that DJL_CACHE_DIR names (default ~/.djl.ai),"
                            + " it is unpacked anew",
                    e);
        }
    }

    /// As [TextEncoder] has it. The library counts code points; this counts `char`s.
    @Override
    public Tokens encode(String text) {
        Encoding encoding = tokenizer.encode(text, false, false);
        int[] ids = narrow(encoding.getIds());
        int[] starts = new int[ids.length];
        int[] ends = new int[ids.length];
        int[] places = places(text);
        CharSpan[] spans = encoding.getCharTokenSpans();
        for (int i = 0; i < ids.length; i++) {
            starts[i] = places[spans[i].getStart()];
            ends[i] = places[spans[i].getEnd()];
        }
        return new Tokens(ids, starts, ends);
    }

    /// Where each code point begins, and the end.
    private static int[] places(String text) {
        int[] places = new int[text.codePointCount(0, text.length()) + 1];
        int at = 0;
        for (int i = 0; i < places.length; i++) {
            places[i] = at;
            at += at < text.length() ? Character.charCount(text.codePointAt(at)) : 0;
        }
        return places;
    }

    @Override
    public int beginToken() {
        return beginToken;
    }

    /// The text of tokens, without special ones.
    public String decode(int[] tokens) {
        return tokenizer.decode(Arrays.stream(tokens).asLongStream().toArray(), true);
    }

    private static int[] narrow(long[] ids) {
        return Arrays.stream(ids).mapToInt(id -> (int) id).toArray();
    }

    @Override
    public void close() {
        tokenizer.close();
    }
}

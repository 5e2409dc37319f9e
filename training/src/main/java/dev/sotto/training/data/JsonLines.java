package dev.sotto.training.data;

import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// Reads instruction data with the field names in use, from a file of any format of [Rows]: `instruction`,
/// optionally `input`, `output` (Alpaca); `question`, `answer` (GSM8K); `prompt` or `instruction`, `response`
/// or `completion`. An input follows its instruction after a space, as OpenFedLLM has it.
public final class JsonLines {
    private JsonLines() {}

    /// All examples of a file; blank lines are skipped.
    ///
    /// @throws InvalidFile naming the line, if one is no such record, or there is none
    public static List<Example> read(Path file) throws IOException, InvalidFile {
        Mapping<Conversation> mapping = Datasets.mapping(Datasets.DEFAULT).conversations();
        return Loaded.read(List.of(file), mapping, false).examples().stream()
                .map(conversation -> new Example(
                        conversation.messages().getFirst().content(),
                        conversation.messages().getLast().content()))
                .toList();
    }
}

package dev.sotto.training.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Reads instruction data, one JSON object per line, with the field names in use: `instruction`,
/// optionally `input`, `output` (Alpaca); `question`, `answer` (GSM8K); `prompt` or `instruction`,
/// `response` or `completion`.
public final class JsonLines {
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
    private static final List<String> ASKED = List.of("instruction", "question", "prompt");
    private static final List<String> ANSWERED = List.of("output", "answer", "response", "completion");

    private JsonLines() {}

    /// All examples of a file; blank lines are skipped.
    ///
    /// @throws InvalidFile naming the line, if one is no such object, or there is none
    public static List<Example> read(Path file) throws IOException, InvalidFile {
        List<Example> examples = new ArrayList<>();
        int number = 0;
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                if (!line.isBlank()) {
                    examples.add(example(file, number, line));
                }
            }
        } catch (CharacterCodingException e) {
            throw new InvalidFile(file, "line " + (number + 1) + " or later is not UTF-8");
        }
        if (examples.isEmpty()) {
            throw new InvalidFile(file, "holds no examples");
        }
        return List.copyOf(examples);
    }

    private static Example example(Path file, int number, String line) throws InvalidFile {
        JsonNode json;
        try {
            json = JSON.readTree(line);
        } catch (JsonProcessingException e) {
            throw new InvalidFile(
                    file,
                    "line " + number + " is no JSON: " + e.getOriginalMessage().replaceAll(" \\(start marker.*", ""));
        }
        String asked = field(file, number, json, ASKED);
        String input = json.path("input").asText("");
        return new Example(input.isBlank() ? asked : asked + "\n" + input, field(file, number, json, ANSWERED));
    }

    private static String field(Path file, int number, JsonNode json, List<String> names) throws InvalidFile {
        for (String name : names) {
            if (json.path(name).isTextual() && !json.path(name).asText().isBlank()) {
                return json.path(name).asText();
            }
        }
        throw new InvalidFile(file, "line " + number + " must have a text in one of " + names);
    }
}

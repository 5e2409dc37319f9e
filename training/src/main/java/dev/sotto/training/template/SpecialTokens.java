package dev.sotto.training.template;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// How a model's begin and end tokens are written out, from `tokenizer_config.json`.
///
/// @param begin `<s>`, or empty if there is none
/// @param end   `</s>`
public record SpecialTokens(String begin, String end) {
    static final String FILE = "tokenizer_config.json";

    /// Of a checkpoint folder.
    ///
    /// @throws InvalidFile if there is no end token
    public static SpecialTokens read(Path folder) throws IOException, InvalidFile {
        JsonNode config = config(folder);
        String end = token(config.path("eos_token"));
        if (end.isEmpty()) {
            throw new InvalidFile(folder.resolve(FILE), "eos_token is missing, must be a text");
        }
        return new SpecialTokens(token(config.path("bos_token")), end);
    }

    static JsonNode config(Path folder) throws IOException, InvalidFile {
        Path file = folder.resolve(FILE);
        try {
            return new ObjectMapper().readTree(Files.readAllBytes(file));
        } catch (JsonProcessingException e) {
            throw new InvalidFile(file, "is no JSON: " + e.getOriginalMessage());
        }
    }

    private static String token(JsonNode token) {
        return token.path("content").asText(token.isTextual() ? token.asText() : "");
    }
}

package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// The JSON object of a file that a person gave.
final class Json {
    private static final ObjectMapper JSON = new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private Json() {}

    /// The object in `bytes`, which are UTF-8: the library would guess other encodings.
    ///
    /// @param what the place within the file, such as `its header`
    /// @throws InvalidFile if it is none
    static JsonNode object(Path file, String what, ByteBuffer bytes) throws InvalidFile {
        try {
            JsonNode json = JSON.readTree(
                    StandardCharsets.UTF_8.newDecoder().decode(bytes).toString());
            if (!json.isObject()) {
                throw new InvalidFile(file, what + " must be a JSON object");
            }
            return json;
        } catch (CharacterCodingException e) {
            throw new InvalidFile(file, what + " is not UTF-8");
        } catch (JsonProcessingException e) {
            throw new InvalidFile(file, what + " is no JSON: " + e.getOriginalMessage());
        }
    }
}

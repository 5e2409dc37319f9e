package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// The shape of a Llama decoder, from `config.json`.
///
/// @param vocabulary   number of tokens
/// @param hidden       width
/// @param intermediate width of the MLP
/// @param layers       number of layers
/// @param heads        query heads
/// @param keyHeads     key and value heads, a divisor of `heads`
/// @param headSize     width of a head
/// @param positions    longest sequence
/// @param epsilon      of RMSNorm
/// @param ropeTheta    base of the rotary embedding
/// @param tied         whether the output uses the input embedding
/// @param beginToken   id put before a prompt, or −1
/// @param endToken     id put after a response
/// @param padToken     id of padding
public record LlamaConfig(
        int vocabulary,
        int hidden,
        int intermediate,
        int layers,
        int heads,
        int keyHeads,
        int headSize,
        int positions,
        double epsilon,
        double ropeTheta,
        boolean tied,
        int beginToken,
        int endToken,
        int padToken) {
    /// Reads `config.json` of a checkpoint folder.
    ///
    /// @throws InvalidFile if a value is missing, or one asks for maths that is not here, naming it
    public static LlamaConfig read(Path folder) throws IOException, InvalidFile {
        Path file = folder.resolve("config.json");
        JsonNode json;
        try {
            json = new ObjectMapper().readTree(Files.readAllBytes(file));
        } catch (JsonProcessingException e) {
            throw new InvalidFile(file, "is no JSON: " + e.getOriginalMessage());
        }
        require(file, json, "model_type", "llama");
        require(file, json, "hidden_act", "silu");
        for (String bias : new String[] {"attention_bias", "mlp_bias"}) {
            if (json.path(bias).asBoolean(false)) {
                throw new InvalidFile(file, bias + " is true, only false is supported");
            }
        }
        JsonNode rope = json.has("rope_parameters") ? json.get("rope_parameters") : json.path("rope_scaling");
        String ropeType = rope.path("rope_type").asText(rope.path("type").asText("default"));
        if (!ropeType.equals("default")) {
            throw new InvalidFile(file, "rope_type is '" + ropeType + "', only default is supported");
        }
        int hidden = positive(file, json, "hidden_size", -1);
        int heads = positive(file, json, "num_attention_heads", -1);
        int keyHeads = positive(file, json, "num_key_value_heads", heads);
        if (heads % keyHeads != 0) {
            throw new InvalidFile(file, "num_key_value_heads " + keyHeads + " does not divide " + heads);
        }
        int end = json.path("eos_token_id").asInt(-1);
        return new LlamaConfig(
                positive(file, json, "vocab_size", -1),
                hidden,
                positive(file, json, "intermediate_size", -1),
                positive(file, json, "num_hidden_layers", -1),
                heads,
                keyHeads,
                positive(file, json, "head_dim", hidden / heads),
                positive(file, json, "max_position_embeddings", 2048),
                json.path("rms_norm_eps").asDouble(1e-6),
                rope.path("rope_theta").asDouble(json.path("rope_theta").asDouble(10_000)),
                json.path("tie_word_embeddings").asBoolean(false),
                json.path("bos_token_id").asInt(-1),
                end,
                json.path("pad_token_id").asInt(Math.max(end, 0)));
    }

    private static void require(Path file, JsonNode json, String key, String value) throws InvalidFile {
        String got = json.path(key).asText(value);
        if (!got.equals(value)) {
            throw new InvalidFile(file, key + " is '" + got + "', only " + value + " is supported");
        }
    }

    private static int positive(Path file, JsonNode json, String key, int otherwise) throws InvalidFile {
        int value = json.path(key).asInt(otherwise);
        if (value < 1) {
            throw new InvalidFile(file, key + " is " + json.path(key) + ", must be a positive integer");
        }
        return value;
    }
}

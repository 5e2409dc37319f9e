package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
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
        JsonNode json = Json.object(file, "it", ByteBuffer.wrap(Files.readAllBytes(file)));
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
        int vocabulary = positive(file, json, "vocab_size", 1 << 22, -1);
        int hidden = positive(file, json, "hidden_size", 1 << 20, -1);
        int heads = positive(file, json, "num_attention_heads", 4_096, -1);
        int keyHeads = positive(file, json, "num_key_value_heads", 4_096, heads);
        if (heads % keyHeads != 0) {
            throw new InvalidFile(file, "num_key_value_heads " + keyHeads + " does not divide " + heads);
        }
        int end = token(file, json, "eos_token_id", vocabulary, -1);
        return new LlamaConfig(
                vocabulary,
                hidden,
                positive(file, json, "intermediate_size", 1 << 20, -1),
                positive(file, json, "num_hidden_layers", 1_024, -1),
                heads,
                keyHeads,
                positive(file, json, "head_dim", 4_096, hidden / heads),
                positive(file, json, "max_position_embeddings", 1 << 24, 2048),
                positive(file, json, "rms_norm_eps", 1e-6),
                positive(file, rope, "rope_theta", positive(file, json, "rope_theta", 10_000)),
                json.path("tie_word_embeddings").asBoolean(false),
                token(file, json, "bos_token_id", vocabulary, -1),
                end,
                token(file, json, "pad_token_id", vocabulary, Math.max(end, 0)));
    }

    private static void require(Path file, JsonNode json, String key, String value) throws InvalidFile {
        String got = json.path(key).asText(value);
        if (!got.equals(value)) {
            throw new InvalidFile(file, key + " is '" + got + "', only " + value + " is supported");
        }
    }

    private static int positive(Path file, JsonNode json, String key, int most, int otherwise) throws InvalidFile {
        JsonNode value = json.path(key);
        if (value.isMissingNode() || value.isNull()) {
            if (otherwise < 1) {
                throw new InvalidFile(file, key + " is missing");
            }
            return otherwise;
        }
        if (!value.isInt() || value.intValue() < 1 || value.intValue() > most) {
            throw new InvalidFile(file, key + " is " + value + ", must be an integer from 1 to " + most);
        }
        return value.intValue();
    }

    private static double positive(Path file, JsonNode json, String key, double otherwise) throws InvalidFile {
        JsonNode value = json.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return otherwise;
        }
        if (!value.isNumber() || !(value.doubleValue() > 0) || Double.isInfinite(value.doubleValue())) {
            throw new InvalidFile(file, key + " is " + value + ", must be a positive number");
        }
        return value.doubleValue();
    }

    /// A list of tokens is as good as none.
    private static int token(Path file, JsonNode json, String key, int vocabulary, int otherwise) throws InvalidFile {
        JsonNode value = json.path(key);
        if (value.isMissingNode() || value.isNull() || value.isArray()) {
            return otherwise;
        }
        if (!value.isInt() || value.intValue() < 0 || value.intValue() >= vocabulary) {
            throw new InvalidFile(file, key + " is " + value + ", must be from 0 to " + (vocabulary - 1));
        }
        return value.intValue();
    }
}

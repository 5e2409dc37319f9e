package dev.sotto.training.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The shape of a decoder of Llama's family (Llama 2 and 3, Mistral, Qwen2, Qwen3), from `config.json`.
///
/// Every key of the file is read, known to be harmless, or refused: a key that might change the maths is
/// never ignored.
///
/// @param vocabulary   number of tokens
/// @param hidden       width
/// @param intermediate width of the MLP
/// @param layers       number of layers
/// @param heads        query heads
/// @param keyHeads     key and value heads, a divisor of `heads`
/// @param headSize     width of a head, even
/// @param positions    longest sequence; no longer than a sliding window, which then never hides anything
/// @param epsilon      of RMSNorm
/// @param rope         the rotary embedding
/// @param tied         whether the output uses the input embedding
/// @param biases       which linear modules have one
/// @param headNorm     whether queries and keys pass an RMSNorm per head
/// @param beginToken   id put before a prompt, or −1
/// @param endTokens    ids that end a response; the first is put after one; may be empty
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
        Rope rope,
        boolean tied,
        Biases biases,
        boolean headNorm,
        int beginToken,
        List<Integer> endTokens,
        int padToken) {
    /// Which linear modules have a bias.
    ///
    /// @param input  q_proj, k_proj and v_proj
    /// @param output o_proj
    /// @param mlp    gate_proj, up_proj and down_proj
    public record Biases(boolean input, boolean output, boolean mlp) {}

    /// A linear module of a layer: y = W x, W out × in.
    ///
    /// @param path as in `self_attn.q_proj`
    public record Linear(String path, int out, int in, boolean bias) {
        /// The last part of the path.
        public String name() {
            return path.substring(path.indexOf('.') + 1);
        }
    }

    private static final Set<String> FAMILIES = Set.of("llama", "mistral", "qwen2", "qwen3");

    private static final Set<String> READ = Set.of(
            "model_type",
            "vocab_size",
            "hidden_size",
            "intermediate_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "max_position_embeddings",
            "rms_norm_eps",
            "rope_theta",
            "rope_scaling",
            "rope_parameters",
            "tie_word_embeddings",
            "attention_bias",
            "mlp_bias",
            "hidden_act",
            "bos_token_id",
            "eos_token_id",
            "pad_token_id",
            "sliding_window",
            "use_sliding_window",
            "max_window_layers",
            "layer_types");

    /// Keys that only these values leave without effect.
    private static final Map<String, Set<String>> NEUTRAL = Map.ofEntries(
            Map.entry("attention_dropout", Set.of("0", "0.0")),
            Map.entry("hidden_dropout", Set.of("0", "0.0")),
            Map.entry("resid_pdrop", Set.of("0", "0.0")),
            Map.entry("partial_rotary_factor", Set.of("1", "1.0")),
            Map.entry("rope_interleaved", Set.of("false")),
            Map.entry("use_mrope", Set.of("false")),
            Map.entry("is_encoder_decoder", Set.of("false")),
            Map.entry("add_cross_attention", Set.of("false")),
            Map.entry("is_decoder", Set.of("false", "true")),
            Map.entry("pruned_heads", Set.of("{}")),
            Map.entry("chunk_size_feed_forward", Set.of("0")));

    /// Keys that say nothing about the maths of one forward pass.
    private static final Set<String> HARMLESS = Set.of(
            "architectures",
            "dtype",
            "torch_dtype",
            "use_cache",
            "initializer_range",
            "transformers_version",
            "pretraining_tp",
            "tokenizer_class",
            "is_llama_config",
            "attn_implementation",
            "output_attentions",
            "output_hidden_states",
            "return_dict",
            "return_dict_in_generate",
            "output_scores",
            "torchscript",
            "use_bfloat16",
            "id2label",
            "label2id",
            "num_labels",
            "problem_type",
            "finetuning_task",
            "task_specific_params",
            "tie_encoder_decoder",
            "decoder_start_token_id",
            "sep_token_id",
            "unk_token_id",
            "prefix",
            "transformers.js_config",
            "unsloth_version",
            "unsloth_fixed",
            "max_length",
            "min_length",
            "max_new_tokens",
            "do_sample",
            "num_beams",
            "num_beam_groups",
            "num_return_sequences",
            "temperature",
            "top_k",
            "top_p",
            "typical_p",
            "repetition_penalty",
            "length_penalty",
            "diversity_penalty",
            "no_repeat_ngram_size",
            "encoder_no_repeat_ngram_size",
            "bad_words_ids",
            "begin_suppress_tokens",
            "suppress_tokens",
            "early_stopping",
            "exponential_decay_length_penalty",
            "forced_bos_token_id",
            "forced_eos_token_id",
            "remove_invalid_values");

    /// Copies the end tokens.
    public LlamaConfig {
        endTokens = List.copyOf(endTokens);
    }

    /// The id put after a response, or −1.
    public int endToken() {
        return endTokens.isEmpty() ? -1 : endTokens.getFirst();
    }

    /// The linear modules of every layer, in the order of a forward pass.
    public List<Linear> linears() {
        int q = heads * headSize;
        int kv = keyHeads * headSize;
        return List.of(
                new Linear("self_attn.q_proj", q, hidden, biases.input),
                new Linear("self_attn.k_proj", kv, hidden, biases.input),
                new Linear("self_attn.v_proj", kv, hidden, biases.input),
                new Linear("self_attn.o_proj", hidden, q, biases.output),
                new Linear("mlp.gate_proj", intermediate, hidden, biases.mlp),
                new Linear("mlp.up_proj", intermediate, hidden, biases.mlp),
                new Linear("mlp.down_proj", hidden, intermediate, biases.mlp));
    }

    /// The tensors of a checkpoint and their shapes, in the order of a forward pass.
    public Map<String, List<Integer>> weights() {
        Map<String, List<Integer>> weights = new LinkedHashMap<>();
        weights.put("model.embed_tokens.weight", List.of(vocabulary, hidden));
        for (int layer = 0; layer < layers; layer++) {
            String at = "model.layers." + layer + ".";
            weights.put(at + "input_layernorm.weight", List.of(hidden));
            for (Linear linear : linears()) {
                if (linear.path.equals("mlp.gate_proj")) {
                    weights.put(at + "post_attention_layernorm.weight", List.of(hidden));
                }
                weights.put(at + linear.path + ".weight", List.of(linear.out, linear.in));
                if (linear.bias) {
                    weights.put(at + linear.path + ".bias", List.of(linear.out));
                }
            }
            if (headNorm) {
                weights.put(at + "self_attn.q_norm.weight", List.of(headSize));
                weights.put(at + "self_attn.k_norm.weight", List.of(headSize));
            }
        }
        weights.put("model.norm.weight", List.of(hidden));
        if (!tied) {
            weights.put("lm_head.weight", List.of(vocabulary, hidden));
        }
        return weights;
    }

    /// Reads `config.json` of a checkpoint folder.
    ///
    /// @throws InvalidFile if a value is missing, or one asks for maths that is not here, naming it
    public static LlamaConfig read(Path folder) throws IOException, InvalidFile {
        Path file = folder.resolve("config.json");
        JsonNode json = parsed(file);
        String family = text(file, json, "model_type", FAMILIES);
        refuseUnknown(file, json);
        if (json.hasNonNull("hidden_act")) {
            text(file, json, "hidden_act", Set.of("silu"));
        }
        int vocabulary = positive(file, json, "vocab_size", 1 << 22, -1);
        int hidden = positive(file, json, "hidden_size", 1 << 20, -1);
        int layers = positive(file, json, "num_hidden_layers", 1_024, -1);
        int heads = positive(file, json, "num_attention_heads", 4_096, -1);
        int keyHeads = positive(file, json, "num_key_value_heads", 4_096, heads);
        if (heads % keyHeads != 0) {
            throw new InvalidFile(
                    file,
                    "num_key_value_heads is " + keyHeads + ", must divide num_attention_heads, which is " + heads);
        }
        int headSize = positive(file, json, "head_dim", 4_096, hidden / heads);
        if (headSize % 2 != 0) {
            throw new InvalidFile(file, "head_dim is " + headSize + ", must be even");
        }
        boolean bias = flag(file, json, "attention_bias", false);
        List<Integer> end = endTokens(folder, file, json, vocabulary);
        List<Integer> begin = tokens(file, json, "bos_token_id", vocabulary);
        List<Integer> pad = tokens(file, json, "pad_token_id", vocabulary);
        return new LlamaConfig(
                vocabulary,
                hidden,
                positive(file, json, "intermediate_size", 1 << 20, -1),
                layers,
                heads,
                keyHeads,
                headSize,
                positions(file, json, family, layers),
                number(file, json, "rms_norm_eps", 1e-6),
                Rope.read(file, json),
                flag(file, json, "tie_word_embeddings", false),
                new Biases(bias || family.equals("qwen2"), bias, flag(file, json, "mlp_bias", false)),
                family.equals("qwen3"),
                begin.isEmpty() ? -1 : begin.getFirst(),
                end,
                !pad.isEmpty() ? pad.getFirst() : end.isEmpty() ? 0 : end.getFirst());
    }

    private static void refuseUnknown(Path file, JsonNode json) throws InvalidFile {
        for (Map.Entry<String, JsonNode> entry : json.properties()) {
            String key = entry.getKey();
            JsonNode value = entry.getValue();
            if (value.isNull() || key.startsWith("_") || READ.contains(key) || HARMLESS.contains(key)) {
                continue;
            }
            Set<String> neutral = NEUTRAL.get(key);
            if (neutral == null) {
                throw new InvalidFile(
                        file,
                        key + " is " + value + ", a key that is not known and may change the maths; remove it if not");
            }
            if (!neutral.contains(value.toString())) {
                throw new InvalidFile(file, key + " is " + value + ", must be " + among(neutral));
            }
        }
    }

    /// The longest sequence for which full attention is what the model does.
    private static int positions(Path file, JsonNode json, String family, int layers) throws InvalidFile {
        int positions = positive(file, json, "max_position_embeddings", Integer.MAX_VALUE, 2048);
        List<String> types = new ArrayList<>();
        json.path("layer_types").forEach(type -> types.add(type.asText()));
        for (String type : types) {
            if (!Set.of("full_attention", "sliding_attention").contains(type)) {
                throw new InvalidFile(
                        file, "layer_types has '" + type + "', must be full_attention or sliding_attention");
            }
        }
        boolean slides;
        if (!types.isEmpty()) {
            slides = types.contains("sliding_attention");
        } else if (family.startsWith("qwen")) {
            slides = flag(file, json, "use_sliding_window", false)
                    && positive(file, json, "max_window_layers", 1_024, 28) < layers;
        } else {
            slides = json.path("sliding_window").isNumber();
        }
        return slides ? Math.min(positions, positive(file, json, "sliding_window", Integer.MAX_VALUE, -1)) : positions;
    }

    /// Those of `config.json`, then those that `generation_config.json` adds.
    private static List<Integer> endTokens(Path folder, Path file, JsonNode json, int vocabulary)
            throws IOException, InvalidFile {
        List<Integer> end = new ArrayList<>(tokens(file, json, "eos_token_id", vocabulary));
        Path generation = folder.resolve("generation_config.json");
        if (Files.exists(generation)) {
            end.addAll(tokens(generation, parsed(generation), "eos_token_id", vocabulary));
        }
        return end.stream().distinct().toList();
    }

    private static JsonNode parsed(Path file) throws IOException, InvalidFile {
        return Json.object(file, "it", ByteBuffer.wrap(Files.readAllBytes(file)));
    }

    private static List<Integer> tokens(Path file, JsonNode json, String key, int vocabulary) throws InvalidFile {
        JsonNode value = json.path(key);
        List<Integer> tokens = new ArrayList<>();
        for (JsonNode token : value.isArray() ? value : List.of(value)) {
            if (token.isInt() && token.intValue() >= 0 && token.intValue() < vocabulary) {
                tokens.add(token.intValue());
            } else if (!token.isNull() && !token.isMissingNode()) {
                throw new InvalidFile(
                        file,
                        key + " is " + value + ", must be a token's id, from 0 to " + (vocabulary - 1)
                                + ", or a list of them");
            }
        }
        return tokens;
    }

    private static String text(Path file, JsonNode json, String key, Set<String> allowed) throws InvalidFile {
        String value = json.path(key).asText();
        if (!allowed.contains(value)) {
            throw new InvalidFile(file, key + " is '" + value + "', must be " + among(allowed));
        }
        return value;
    }

    static String among(Set<String> allowed) {
        return (allowed.size() == 1 ? "" : "one of ") + String.join(", ", new TreeSet<>(allowed));
    }

    private static boolean flag(Path file, JsonNode json, String key, boolean otherwise) throws InvalidFile {
        JsonNode value = json.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return otherwise;
        }
        if (!value.isBoolean()) {
            throw new InvalidFile(file, key + " is " + value + ", must be true or false");
        }
        return value.asBoolean();
    }

    static double number(Path file, JsonNode json, String key, double otherwise) throws InvalidFile {
        JsonNode value = json.path(key);
        double number = value.isMissingNode() || value.isNull() ? otherwise : value.isNumber() ? value.asDouble() : -1;
        if (!(number > 0) || Double.isInfinite(number)) {
            throw new InvalidFile(file, said(key, value) + ", must be a positive number");
        }
        return number;
    }

    static int positive(Path file, JsonNode json, String key, int most, int otherwise) throws InvalidFile {
        JsonNode value = json.path(key);
        int number = value.isMissingNode() || value.isNull() ? otherwise : value.isInt() ? value.asInt() : -1;
        if (number < 1 || number > most) {
            throw new InvalidFile(file, said(key, value) + ", must be an integer from 1 to " + most);
        }
        return number;
    }

    private static String said(String key, JsonNode value) {
        return key + (value.isMissingNode() ? " is missing" : " is " + value);
    }
}

package dev.sotto.training.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Checkpoint folders: what is read, and what is refused by name.
class CheckpointTest {
    private static final Path BASE = Path.of("src/test/resources/llama/base");
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    private Path folder = Path.of("");

    private LlamaConfig config(Consumer<ObjectNode> change) throws Exception {
        ObjectNode json = (ObjectNode) JSON.readTree(BASE.resolve("config.json").toFile());
        change.accept(json);
        Files.writeString(folder.resolve("config.json"), JSON.writeValueAsString(json));
        return LlamaConfig.read(folder);
    }

    private void refused(String message, Consumer<ObjectNode> change) {
        assertThatThrownBy(() -> config(change))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("config.json: ")
                .hasMessageContaining(message);
    }

    @Test
    void config_mathsThatIsNotHere_isRefusedWithValueAndChoice() {
        refused("model_type is 'gpt2', must be one of llama, mistral, qwen2, qwen3", c -> c.put("model_type", "gpt2"));
        refused("hidden_act is 'gelu', must be silu", c -> c.put("hidden_act", "gelu"));
        refused("attention_dropout is 0.1, must be one of 0, 0.0", c -> c.put("attention_dropout", 0.1));
        refused("num_experts is 8, a key that is not known", c -> c.put("num_experts", 8));
        refused(
                "quantization_config is",
                c -> c.putObject("quantization_config").put("bits", 4));
        refused("partial_rotary_factor is 0.5", c -> c.put("partial_rotary_factor", 0.5));
        refused("num_key_value_heads is 3, must divide num_attention_heads", c -> c.put("num_key_value_heads", 3));
        refused("head_dim is 15, must be even", c -> c.put("head_dim", 15));
        refused("hidden_size is missing, must be an integer from 1 to 1048576", c -> c.remove("hidden_size"));
        refused(
                "num_hidden_layers is 2000000000, must be an integer from 1 to 1024",
                c -> c.put("num_hidden_layers", 2_000_000_000));
        refused("rms_norm_eps is \"x\"", c -> c.put("rms_norm_eps", "x"));
        refused("tie_word_embeddings is 1, must be true or false", c -> c.put("tie_word_embeddings", 1));
        refused("eos_token_id is \"</s>\"", c -> c.put("eos_token_id", "</s>"));
        refused(
                "layer_types has 'linear_attention'",
                c -> c.putArray("layer_types").add("linear_attention"));
    }

    @Test
    void config_ropeScaling_isReadOrRefusedByName() throws Exception {
        assertThat(config(c -> {}).rope()).isEqualTo(new Rope(10_000, new Rope.Unscaled()));
        assertThat(config(c -> {
                            c.remove("rope_parameters");
                            c.put("rope_theta", 5e5);
                            c.putObject("rope_scaling").put("type", "linear").put("factor", 2.0);
                        })
                        .rope())
                .isEqualTo(new Rope(5e5, new Rope.Linear(2)));
        refused(
                "rope_parameters.rope_type is 'yarn', must be one of default, linear, llama3",
                c -> c.putObject("rope_parameters").put("rope_type", "yarn"));
        refused("factor is missing", c -> c.putObject("rope_parameters").put("rope_type", "linear"));
        refused(
                "low_freq_factor is missing",
                c -> c.putObject("rope_parameters").put("rope_type", "llama3").put("factor", 8));
        refused(
                "rope_parameters.beta_fast is 32",
                c -> c.putObject("rope_parameters").put("rope_type", "default").put("beta_fast", 32));
    }

    /// Every position divided by the factor.
    @Test
    void rope_linear_isTheTableOfEarlierPositions() {
        float[] plain = new Rope(10_000, new Rope.Unscaled()).table(8, 4);
        float[] scaled = new Rope(10_000, new Rope.Linear(2)).table(16, 4);
        for (int t = 0; t < 8; t++) {
            for (int i = 0; i < 4; i++) {
                assertThat(scaled[2 * t * 4 + i]).isCloseTo(plain[t * 4 + i], within(1e-6f));
                assertThat(scaled[(16 + 2 * t) * 4 + i]).isCloseTo(plain[(8 + t) * 4 + i], within(1e-6f));
            }
        }
    }

    @Test
    void config_slidingWindow_boundsTheSequence() throws Exception {
        assertThat(config(c -> c.put("model_type", "mistral").put("sliding_window", 64))
                        .positions())
                .isEqualTo(64);
        assertThat(config(c -> c.put("model_type", "mistral").putNull("sliding_window"))
                        .positions())
                .isEqualTo(256);
        assertThat(config(c -> c.put("model_type", "qwen2")
                                .put("sliding_window", 64)
                                .put("use_sliding_window", false))
                        .positions())
                .isEqualTo(256);
        assertThat(config(c -> c.put("model_type", "qwen2")
                                .put("sliding_window", 64)
                                .put("max_window_layers", 1)
                                .put("use_sliding_window", true))
                        .positions())
                .isEqualTo(64);
    }

    @Test
    void config_families_haveTheirBiasesAndNorms() throws Exception {
        assertThat(config(c -> c.put("model_type", "qwen2")).weights())
                .containsKeys("model.layers.0.self_attn.q_proj.bias", "lm_head.weight")
                .doesNotContainKeys("model.layers.0.self_attn.o_proj.bias", "model.layers.0.self_attn.q_norm.weight");
        assertThat(config(c -> c.put("model_type", "qwen3").put("tie_word_embeddings", true))
                        .weights())
                .containsEntry("model.layers.2.self_attn.k_norm.weight", List.of(16))
                .doesNotContainKeys("model.layers.0.self_attn.q_proj.bias", "lm_head.weight");
        assertThat(config(c -> c.put("attention_bias", true).put("mlp_bias", true))
                        .weights())
                .containsKeys("model.layers.0.self_attn.o_proj.bias", "model.layers.2.mlp.down_proj.bias");
    }

    @Test
    void config_endTokens_mayBeSeveral() throws Exception {
        LlamaConfig config = config(c -> c.putArray("eos_token_id").add(7).add(9));
        assertThat(config.endTokens()).containsExactly(7, 9);
        assertThat(config.endToken()).isEqualTo(7);
    }

    @Test
    void safetensors_cutFile_isRefused() throws Exception {
        Path file = folder.resolve("model.safetensors");
        byte[] whole = Files.readAllBytes(Path.of("src/test/resources/llama/adapter/adapter_model.safetensors"));
        for (int length : new int[] {0, 7, 8, 100, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Safetensors.read(file)).isInstanceOf(InvalidFile.class);
        }
    }

    @Test
    void safetensors_headerThatLies_isRefused() throws Exception {
        String good = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
        assertThat(values(written(good, 8), "a")).hasSize(2);
        for (String bad : List.of(
                "7",
                good.replace("F32", "F64"),
                good.replace("[2]", "[-2]"),
                good.replace("[2]", "[3]"),
                good.replace("[2]", "[1073741824,1073741824,1073741824]"),
                good.replace("[0,8]", "[-8,0]"),
                good.replace("[0,8]", "[8,16]"),
                good.replace("[0,8]", "[9223372036854775807,-9223372036854775801]"),
                good.replace("[0,8]", "[]"))) {
            assertThatThrownBy(() -> Safetensors.read(written(bad, 8)))
                    .as(bad)
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining("tensor a");
        }
    }

    private static float[] values(Path file, String tensor) throws Exception {
        return Objects.requireNonNull(Safetensors.read(file).get(tensor)).values();
    }

    private Path written(String tensor, int bytes) throws Exception {
        byte[] header = ("{\"a\":" + tensor + "}").getBytes(StandardCharsets.UTF_8);
        return Files.write(
                folder.resolve("a.safetensors"),
                ByteBuffer.allocate(8 + header.length + bytes)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(header.length)
                        .put(header)
                        .array());
    }

    /// Ties go to even; what does not fit becomes infinite; NaN stays NaN.
    @Test
    void safetensors_narrowTypes_roundToNearest() throws Exception {
        float[] values = {1, 1 + 0x1p-8f, 1 + 0x3p-8f, 1 + 0x1p-8f + 0x1p-20f, Float.MAX_VALUE, -0.0f, Float.NaN};
        float[] rounded = {1, 1, 1 + 0x4p-8f, 1 + 0x2p-8f, Float.POSITIVE_INFINITY, -0.0f, Float.NaN};
        Path file = folder.resolve("b.safetensors");
        Safetensors.write(
                file,
                Map.of("k", "v"),
                Map.of("b", new Safetensors.Written(Safetensors.Type.BF16, List.of(values.length), () -> values)));
        assertThat(values(file, "b")).isEqualTo(rounded);
        assertThat(Safetensors.metadata(file)).containsExactly(Map.entry("k", "v"));
        Safetensors.write(file, Map.of(), Map.of("h", new Safetensors.Written(Safetensors.Type.F16, List.of(2), () ->
                new float[] {1.5f, 1e9f})));
        assertThat(values(file, "h")).containsExactly(1.5f, Float.POSITIVE_INFINITY);
    }

    @Test
    void weights_sharded_areTheSameTensors() throws Exception {
        Shards.write(BASE, folder, Safetensors.Type.F32);
        LlamaConfig config = LlamaConfig.read(folder);
        try (Weights whole = Weights.open(BASE, config);
                Weights sharded = Weights.open(folder, config)) {
            for (String name : config.weights().keySet()) {
                assertThat(sharded.get(name).values())
                        .as(name)
                        .isEqualTo(whole.get(name).values());
            }
        }
    }

    @Test
    void weights_shardElsewhereOrWithoutItsTensor_isRefused() throws Exception {
        Shards.write(BASE, folder, Safetensors.Type.F32);
        LlamaConfig config = LlamaConfig.read(folder);
        String index = Files.readString(folder.resolve(Weights.INDEX));
        String entry = "\"model.norm.weight\":\"";
        int at = index.indexOf(entry) + entry.length();
        String file = index.substring(at, index.indexOf('"', at));
        Files.writeString(folder.resolve(Weights.INDEX), index.replace(entry + file, entry + "../" + file));
        assertThatThrownBy(() -> Weights.open(folder, config))
                .hasMessageContaining("must be a .safetensors file of the same");
        String other = file.contains("00001-") ? file.replace("00001-", "00002-") : file.replace("00002-", "00001-");
        Files.writeString(folder.resolve(Weights.INDEX), index.replace(entry + file, entry + other));
        assertThatThrownBy(() -> Weights.open(folder, config)).hasMessageContaining("lacks model.norm.weight");
    }

    @Test
    void weights_missingMisshapenOrUnknownTensor_isNamed() throws Exception {
        LlamaConfig config = LlamaConfig.read(BASE);
        Map<String, Safetensors.Tensor> all = Safetensors.read(BASE.resolve("model.safetensors"));
        Safetensors.Tensor norm = Objects.requireNonNull(all.remove("model.norm.weight"));
        refused(config, all, "lacks model.norm.weight of shape [64]");
        all.put("model.norm.weight", new Safetensors.Tensor(List.of(32, 2), norm.values()));
        refused(config, all, "model.norm.weight has shape [32, 2], must have [64]");
        all.put("model.norm.weight", norm);
        all.put("model.layers.0.self_attn.rotary_emb.inv_freq", norm);
        try (Weights weights = Weights.open(written(all), config)) {
            assertThat(weights.all()).hasSize(all.size());
        }
        all.put("model.layers.0.self_attn.q_proj.bias", norm);
        refused(config, all, "holds [model.layers.0.self_attn.q_proj.bias]");
    }

    private Path written(Map<String, Safetensors.Tensor> tensors) throws Exception {
        Safetensors.write(folder.resolve("model.safetensors"), tensors);
        return folder;
    }

    private void refused(LlamaConfig config, Map<String, Safetensors.Tensor> tensors, String message) throws Exception {
        written(tensors);
        assertThatThrownBy(() -> Weights.open(folder, config))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining(message);
    }

    @Test
    void config_keysThatSayNothingOfTheMaths_areReadPast() throws Exception {
        for (String family : List.of("llama", "mistral", "qwen2", "qwen3")) {
            LlamaConfig config = config(c -> c.put("model_type", family)
                    .put("use_sliding_window", false)
                    .put("max_window_layers", 28)
                    .put("torch_dtype", "bfloat16")
                    .put("_name_or_path", "x")
                    .putNull("some_new_key"));
            assertThat(config.layers()).as(family).isEqualTo(3);
        }
    }
}

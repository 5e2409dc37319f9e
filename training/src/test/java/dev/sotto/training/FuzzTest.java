package dev.sotto.training;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.fuzz.FuzzTarget;
import dev.sotto.schemas.fuzz.FuzzTargets;
import dev.sotto.schemas.fuzz.Program;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.checkpoint.Rope;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.data.Conversation;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Loaded;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Every reader of files that people get from somewhere: what they hold, or an [InvalidFile] that names the file.
public final class FuzzTest extends FuzzTargets {
    private static final LlamaConfig CONFIG = new LlamaConfig(
            16,
            4,
            6,
            1,
            2,
            1,
            2,
            8,
            1e-5,
            new Rope(10_000, new Rope.Unscaled()),
            true,
            new LlamaConfig.Biases(false, false, false),
            false,
            1,
            List.of(2),
            0);
    private static final LoraConfig LORA = new LoraConfig(2, 4, List.of("q_proj", "v_proj"));

    @Override
    protected List<FuzzTarget> targets() {
        List<FuzzTarget> targets = new ArrayList<>(DataTargets.all());
        targets.addAll(List.of(
                new FuzzTarget("safetensors", 150, List.of(safetensors()), FuzzTest::safetensors),
                new FuzzTarget("llama-config", 150, configs(), FuzzTest::config),
                new FuzzTarget("adapter", 150, List.of(adapter()), FuzzTest::adapter),
                new FuzzTarget("json-lines", 150, examples(), FuzzTest::examples)));
        return targets;
    }

    @FunctionalInterface
    interface Reader {
        void read() throws IOException, InvalidFile;
    }

    static Path file(String name, byte[] content) throws IOException {
        return scratch(name, content);
    }

    static boolean reads(Path file, Reader reader) throws IOException {
        try {
            reader.read();
            return true;
        } catch (InvalidFile refused) {
            assertThat(refused).hasMessageContaining(file.toString());
            return false;
        }
    }

    private static boolean safetensors(byte[] input) throws IOException {
        Path file = scratch("model.safetensors", input);
        return reads(file, () -> {
            long coordinates = 0;
            for (Safetensors.Tensor tensor : Safetensors.read(file).values()) {
                long size = 1;
                for (int dimension : tensor.shape()) {
                    size = Math.multiplyExact(size, dimension);
                }
                assertThat(tensor.values()).hasSize(Math.toIntExact(size));
                coordinates += size;
            }
            assertThat(2 * coordinates).isLessThanOrEqualTo(input.length);
        });
    }

    private static Bytes safetensors() {
        Map<String, Safetensors.Tensor> tensors = new LinkedHashMap<>();
        tensors.put("a", new Safetensors.Tensor(List.of(2, 3), new float[6]));
        tensors.put("b", new Safetensors.Tensor(List.of(2), new float[2]));
        try {
            Path file = scratch("seed.safetensors", new byte[0]);
            Safetensors.write(file, tensors);
            return Bytes.of(Files.readAllBytes(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean config(byte[] input) throws IOException {
        Path file = scratch("config.json", input);
        return reads(file, () -> {
            LlamaConfig config = LlamaConfig.read(file.getParent());
            assertThat(config.heads() % config.keyHeads()).isZero();
            assertThat(config.beginToken()).isBetween(-1, config.vocabulary() - 1);
            assertThat(config.endToken()).isBetween(-1, config.vocabulary() - 1);
            assertThat(config.padToken()).isBetween(0, config.vocabulary() - 1);
            for (LoraConfig.Matrix matrix : LORA.matrices(config)) {
                assertThat(matrix.rows()).isPositive();
                assertThat(matrix.columns()).isPositive();
                assertThat(matrix.size()).isPositive();
            }
        });
    }

    private static List<Bytes> configs() {
        return List.of(Bytes.utf8("""
                        {"model_type": "llama", "hidden_act": "silu", "attention_bias": false, "vocab_size": 512,
                         "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 3, "head_dim": 16,
                         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256,
                         "rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}, "rms_norm_eps": 1e-05,
                         "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "tie_word_embeddings": true}
                        """), Bytes.utf8("""
                        {"model_type": "llama", "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008,
                         "num_hidden_layers": 32, "num_attention_heads": 32, "head_dim": null, "rope_scaling": null}
                        """), Bytes.utf8("""
                        {"model_type": "qwen3", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 176,
                         "num_hidden_layers": 3, "num_attention_heads": 4, "sliding_window": null, "eos_token_id": [2, 3],
                         "use_sliding_window": false, "rope_scaling": {"rope_type": "linear", "factor": 2.0}}
                        """));
    }

    /// The length of `adapter_config.json`, that, then `adapter_model.safetensors`.
    private static boolean adapter(byte[] input) throws IOException {
        Program program = new Program(input);
        Path config = scratch("adapter_config.json", program.bytes(program.next() << 8 | program.next()));
        Path model = scratch("adapter_model.safetensors", program.rest());
        return reads(config.getParent(), () -> {
            PeftFiles.Adapter adapter = PeftFiles.read(model.getParent(), CONFIG);
            assertThat(adapter.vector()).hasSize(adapter.lora().size(CONFIG));
        });
    }

    private static Bytes adapter() {
        try {
            Path folder = scratch("seed", new byte[0]).resolveSibling("adapter-seed");
            PeftFiles.write(folder, "base", CONFIG, new PeftFiles.Adapter(LORA, new float[LORA.size(CONFIG)]));
            byte[] config = Files.readAllBytes(folder.resolve("adapter_config.json"));
            byte[] model = Files.readAllBytes(folder.resolve("adapter_model.safetensors"));
            byte[] seed = new byte[2 + config.length + model.length];
            seed[0] = (byte) (config.length >> 8);
            seed[1] = (byte) config.length;
            System.arraycopy(config, 0, seed, 2, config.length);
            System.arraycopy(model, 0, seed, 2 + config.length, model.length);
            return Bytes.of(seed);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean examples(byte[] input) throws IOException {
        Path file = scratch("data.jsonl", input);
        return reads(file, () -> {
            List<Conversation> examples = Loaded.read(
                            List.of(file), Datasets.mapping(Datasets.DEFAULT).conversations(), false)
                    .examples();
            assertThat(examples).isNotEmpty();
            for (Conversation example : examples) {
                assertThat(example.messages())
                        .hasSize(2)
                        .noneMatch(message -> message.content().isBlank());
            }
        });
    }

    private static List<Bytes> examples() {
        return List.of(Bytes.utf8("""
                        {"instruction": "Add", "input": "1 and 2", "output": "3"}

                        {"question": "Who?", "answer": "Nobody \\u00e9"}
                        """), Bytes.utf8("{\"prompt\": \"Say é\", \"completion\": \"é\"}"));
    }
}

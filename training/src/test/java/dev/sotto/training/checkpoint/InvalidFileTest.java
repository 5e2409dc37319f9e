package dev.sotto.training.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Files that somebody made up: refused by name, not by whatever the JDK throws.
class InvalidFileTest {
    private static final String CONFIG = """
            {"model_type": "llama", "vocab_size": 512, "hidden_size": 64, "intermediate_size": 176,
             "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "eos_token_id": 2}
            """;

    @TempDir
    Path folder;

    @Test
    void safetensors_shapeOrOffsetsThatDoNotFit_areRefused() throws Exception {
        assertThat(safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]}}"))
                .containsOnlyKeys("a");
        assertThat(safetensors("{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[20,24]}}"))
                .containsOnlyKeys("a");
        for (String shapeAndOffsets : List.of(
                "\"shape\":[-1],\"data_offsets\":[4,0]",
                "\"shape\":[-2,-3],\"data_offsets\":[0,24]",
                "\"shape\":[65536,65536,65536,65536],\"data_offsets\":[0,0]",
                "\"shape\":[2.5],\"data_offsets\":[0,8]",
                "\"shape\":[6],\"data_offsets\":[9223372036854775783,9223372036854775807]",
                "\"shape\":[6],\"data_offsets\":[4,28]",
                "\"shape\":[6],\"data_offsets\":\"all\"")) {
            refused("a", "{\"a\":{\"dtype\":\"F32\"," + shapeAndOffsets + "}}");
        }
    }

    /// A header of a megabyte could else ask for a terabyte.
    @Test
    void safetensors_tensorsThatShareBytes_areRefused() {
        String tensor = "{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}";
        refused("overlaps", "{\"a\":" + tensor + ",\"b\":" + tensor + "}");
    }

    @Test
    void safetensors_headerThatIsNoObjectInUtf8_isRefused() {
        refused("object", "[]");
        refused("object", "  ");
        refused("JSON", "{} {}");
        refused("UTF-8", new byte[] {'{', (byte) 0xff, '}'});
        refused("JSON", "{}".getBytes(StandardCharsets.UTF_32BE));
    }

    @Test
    void config_numbersThatNoModelHas_areRefused() throws Exception {
        assertThat(config(CONFIG).headSize()).isEqualTo(16);
        for (String bad : List.of(
                "\"num_hidden_layers\": 4294967299",
                "\"num_hidden_layers\": 2000000000",
                "\"num_hidden_layers\": \"3\"",
                "\"num_hidden_layers\": 3, \"bos_token_id\": 512",
                "\"num_hidden_layers\": 3, \"pad_token_id\": -1",
                "\"num_hidden_layers\": 3, \"rms_norm_eps\": 0",
                "\"num_hidden_layers\": 3, \"rope_theta\": 1e999")) {
            assertThatThrownBy(() -> config(CONFIG.replace("\"num_hidden_layers\": 3", bad)))
                    .as(bad)
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining("config.json");
        }
    }

    @Test
    void adapter_rankThatNoFileHolds_isRefused() throws Exception {
        LlamaConfig config = config(CONFIG);
        Safetensors.write(folder.resolve("adapter_model.safetensors"), Map.of());
        for (int rank : new int[] {20_000_000, 1_000_000}) {
            Files.writeString(
                    folder.resolve("adapter_config.json"),
                    "{\"r\": %d, \"lora_alpha\": 8, \"target_modules\": [\"q_proj\"]}".formatted(rank));
            assertThatThrownBy(() -> PeftFiles.read(folder, config)).isInstanceOf(InvalidFile.class);
        }
    }

    private LlamaConfig config(String text) throws Exception {
        Files.writeString(folder.resolve("config.json"), text);
        return LlamaConfig.read(folder);
    }

    private void refused(String word, String header) {
        refused(word, header.getBytes(StandardCharsets.UTF_8));
    }

    private void refused(String word, byte[] header) {
        assertThatThrownBy(() -> safetensors(header))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("model.safetensors")
                .hasMessageContaining(word);
    }

    private Map<String, Safetensors.Tensor> safetensors(String header) throws Exception {
        return safetensors(header.getBytes(StandardCharsets.UTF_8));
    }

    /// A file with that header, and 24 bytes after it.
    private Map<String, Safetensors.Tensor> safetensors(byte[] header) throws Exception {
        ByteBuffer file = ByteBuffer.allocate(8 + header.length + 24).order(ByteOrder.LITTLE_ENDIAN);
        file.putLong(header.length).put(header);
        return Safetensors.read(Files.write(folder.resolve("model.safetensors"), file.array()));
    }
}

package dev.sotto.training.djl;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.TargetModules;
import dev.sotto.training.djl.Execution.Base;
import dev.sotto.training.djl.Execution.Compute;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Worked out by hand: width 8, MLP 16, two layers, two heads of four with one key head, 32 tokens. A layer has 576
/// linear weights and 256 coordinates of an adapter of rank 2. Always eight positions.
class MemoryEstimateTest {
    private static final LoraConfig ALL = new LoraConfig(2, 4, 0, false, TargetModules.ALL_LINEAR);
    private static final int EMBEDDING = 32 * 8;
    private static final int NORMS = 5 * 8;
    private static final int STREAMS = 4 * 8 * 8 * 3;

    @TempDir
    private Path folder = Path.of("");

    private LlamaConfig config() throws Exception {
        Files.writeString(folder.resolve("config.json"), """
                {"model_type": "llama", "vocab_size": 32, "hidden_size": 8, "intermediate_size": 16,
                 "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
                 "max_position_embeddings": 8, "rms_norm_eps": 1e-6, "tie_word_embeddings": true}
                """);
        return LlamaConfig.read(folder);
    }

    private static Execution execution(Compute compute, Base base, boolean checkpointing) {
        return new Execution(new Device.Cpu(), compute, base, checkpointing);
    }

    @Test
    void fp32_everythingKept_isTheSumByHand() throws Exception {
        MemoryEstimate made = MemoryEstimate.of(config(), ALL, Execution.FP32, new Objective.Supervised(), 2, 4);
        // 8 H residual and norms, 4 Q attention, 4 I the MLP, two heads' sums, seven modules of rank 2.
        int layer = 8 * (4 * 8 + 4 * (2 * 8 + 4 * 8 + 4 * 16) + 4 * 2 + 4 * 7 * 2);
        assertThat(made)
                .isEqualTo(new MemoryEstimate(
                        4 * (EMBEDDING + NORMS + 2 * 576), 32 * 512, STREAMS + 2 * layer, 8 * 4 * 3 * 16, 12 * 8 * 32));
        assertThat(made.total()).isEqualTo(34_720);
    }

    @Test
    void int8InBf16_checkpointing_holdsOneLayer() throws Exception {
        MemoryEstimate made = MemoryEstimate.of(
                config(), ALL, execution(Compute.BF16, Base.INT8, true), new Objective.DirectPreference(0.1), 1, 4);
        int scales = 2 * (8 + 4 + 4 + 8 + 16 + 16 + 8);
        int kept = 8 * (4 * 8 + 2 * (2 * 8 + 4 * 8 + 4 * 16) + 4 * 2 + 2 * 7 * 2);
        int weights = 2 * 576;
        int working = 8 * 2 * 3 * 16 + 2 * 2 * 128;
        assertThat(made)
                .isEqualTo(new MemoryEstimate(
                        2 * EMBEDDING + 4 * NORMS + 2 * (576 + scales),
                        32 * 512,
                        STREAMS,
                        kept + weights + working,
                        12 * 8 * 32));
        assertThat(made.total()).isEqualTo(24_000);
    }

    @Test
    void packedRows_addTheirMaskToEveryLayer() throws Exception {
        MemoryEstimate rows = MemoryEstimate.of(config(), ALL, Execution.FP32, new Objective.Supervised(), 2, 4);
        MemoryEstimate packed = MemoryEstimate.of(config(), ALL, Execution.FP32, new Objective.Packed(), 2, 4);
        assertThat(packed.kept() - rows.kept()).isEqualTo(2 * 4 * 4 + 2 * 4 * (2 * 4 * 4));
    }

    /// Its value alone in the upper layer: the MLP's norm and product are not read by anything that is trained.
    @Test
    void oneModuleAdapted_keepsWhatItsGradientNeeds() throws Exception {
        LoraConfig one = new LoraConfig(2, 4, 0, false, new TargetModules.Matching(".*\\.1\\..*v_proj"));
        MemoryEstimate made = MemoryEstimate.of(config(), one, Execution.FP32, new Objective.Supervised(), 2, 4);
        assertThat(made.kept()).isEqualTo(STREAMS + 8 * (4 * 8 + 4 * (8 + 4 * 8 + 3 * 16) + 4 * 2 + 4 * 2));
        assertThat(made.adapter()).isEqualTo(32 * (2 * 8 + 4 * 2));
    }
}

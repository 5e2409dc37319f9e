package dev.sotto.training.djl;

import static dev.sotto.training.djl.References.assertClose;
import static dev.sotto.training.djl.References.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.Merge;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.Shards;
import dev.sotto.training.checkpoint.TargetModules;
import dev.sotto.training.data.Batch;
import dev.sotto.training.djl.References.Reference;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// Adapters: which modules, dropout, PEFT's files, and merging.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class LoraTest {
    private final Reference llama = References.llama();
    private final Model model = llama.model;

    @AfterAll
    void close() {
        llama.close();
    }

    private List<String> modules(TargetModules targets) {
        return new LoraConfig(2, 4, 0, false, targets)
                .matrices(model.config()).stream()
                        .filter(LoraConfig.Matrix::down)
                        .map(matrix -> matrix.layer() + " " + matrix.module())
                        .toList();
    }

    @Test
    void targets_namesMatchAtADot_expressionsMatchWholeNames() {
        assertThat(modules(new TargetModules.Names(List.of("v_proj"))))
                .containsExactly("0 self_attn.v_proj", "1 self_attn.v_proj", "2 self_attn.v_proj");
        assertThat(modules(new TargetModules.Names(List.of("layers.1.mlp.up_proj", "o_proj"))))
                .containsExactly("0 self_attn.o_proj", "1 mlp.up_proj", "1 self_attn.o_proj", "2 self_attn.o_proj");
        assertThat(modules(new TargetModules.Matching(".*\\.[12]\\..*\\.(q|k)_proj")))
                .containsExactly(
                        "1 self_attn.k_proj", "1 self_attn.q_proj", "2 self_attn.k_proj", "2 self_attn.q_proj");
        assertThat(modules(TargetModules.ALL_LINEAR)).hasSize(21);
    }

    @Test
    void targets_nothingOrMoreThanLinearModules_areRefused() {
        assertThatThrownBy(() -> new TargetModules.Names(List.of("proj_q")))
                .hasMessageContaining("[proj_q], must end in");
        assertThatThrownBy(() -> new TargetModules.Names(List.of())).hasMessageContaining("must end in");
        assertThatThrownBy(() -> new TargetModules.Matching(".*")).hasMessageContaining("match model.embed_tokens");
        assertThatThrownBy(() -> new TargetModules.Matching("(")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> modules(new TargetModules.Matching("q_proj")))
                .hasMessageContaining("choose no module");
        assertThatThrownBy(() -> new LoraConfig(1, 1, 1, false, TargetModules.ALL_LINEAR))
                .hasMessageContaining("dropout is 1.0");
    }

    private float[] gradient(Batch batch, LoraConfig lora, float[] adapter, long seed) {
        float[] ones = new float[batch.counted()];
        Arrays.fill(ones, -1);
        return model.pass(batch, null, lora, adapter, seed, _ -> ones).gradient();
    }

    /// With B = 0 the forward pass is the base's, and with A = I the gradient by column k of B is g x_k: dropout
    /// makes it 0 or x_k/(1 − p).
    @Test
    void dropout_inputsOfA_areZeroOrScaled() {
        double p = 0.25;
        LoraConfig lora = new LoraConfig(64, 64, p, false, new TargetModules.Names(List.of("v_proj")));
        float[] adapter = new float[lora.size(model.config())];
        int at = 0;
        for (LoraConfig.Matrix matrix : lora.matrices(model.config())) {
            for (int i = 0; matrix.down() && i < matrix.rows(); i++) {
                adapter[at + i * matrix.columns() + i] = 1;
            }
            at += matrix.size();
        }
        Batch batch = new Batch(new int[][] {{5}}, new int[][] {{9}});
        float[] plain = model.gradient(batch, lora, adapter).gradient();
        float[] dropped = gradient(batch, lora, adapter, 3);
        int zeros = 0;
        int columns = 0;
        at = 0;
        for (LoraConfig.Matrix matrix : lora.matrices(model.config())) {
            for (int k = 0; !matrix.down() && k < matrix.columns(); k++) {
                double ratio = dropped[at + k] / plain[at + k];
                columns++;
                zeros += ratio == 0 ? 1 : 0;
                for (int i = 0; i < matrix.rows(); i++) {
                    int here = at + i * matrix.columns() + k;
                    assertThat(dropped[here]).isCloseTo((float) (ratio * plain[here]), within(1e-6f));
                }
                assertThat(ratio == 0 || Math.abs(ratio - 1 / (1 - p)) < 1e-4).isTrue();
            }
            at += matrix.size();
        }
        assertThat((double) zeros / columns).isBetween(p - 0.1, p + 0.1);
    }

    @Test
    void dropout_seed_decidesIt() {
        LoraConfig lora = new LoraConfig(4, 8, 0.1, false, llama.adapter.lora().targets());
        float[] adapter = llama.adapter.vector();
        Batch batch = llama.plain();
        float[] one = gradient(batch, lora, adapter, 1);
        assertThat(gradient(batch, lora, adapter, 1)).isEqualTo(one);
        assertThat(gradient(batch, lora, adapter, 2)).isNotEqualTo(one);
        int[][] ids = llama.rows("input_ids");
        assertThat(model.logits(ids, lora, adapter)).isEqualTo(model.logits(ids, llama.adapter.lora(), adapter));
    }

    @Test
    void rankStabilised_scale_isAlphaOverTheRoot() {
        LoraConfig plain = llama.adapter.lora();
        LoraConfig stabilised = new LoraConfig(plain.rank(), plain.alpha() / 2, 0, true, plain.targets());
        assertThat(stabilised.scale()).isEqualTo(plain.scale());
        int[][] ids = llama.rows("input_ids");
        assertThat(model.logits(ids, stabilised, llama.adapter.vector()))
                .isEqualTo(model.logits(ids, plain, llama.adapter.vector()));
    }

    @Test
    void peftFiles_writtenAndRead_areTheSame(@TempDir Path folder) throws Exception {
        for (TargetModules targets : List.of(
                new TargetModules.Names(List.of("q_proj", "mlp.up_proj")),
                new TargetModules.Matching("model\\.layers\\.[02]\\..*_proj"),
                TargetModules.ALL_LINEAR)) {
            LoraConfig lora = new LoraConfig(3, 7, 0.05, true, targets);
            float[] vector = new float[lora.size(model.config())];
            for (int i = 0; i < vector.length; i++) {
                vector[i] = i;
            }
            PeftFiles.write(folder, "base", model.config(), new PeftFiles.Adapter(lora, vector));
            PeftFiles.Adapter back = PeftFiles.read(folder, model.config());
            assertThat(back.lora()).isEqualTo(lora);
            assertThat(back.vector()).isEqualTo(vector);
        }
    }

    @Test
    void peftFiles_otherMaths_isRefusedByName(@TempDir Path folder) throws Exception {
        String good = Files.readString(llama.folder.resolve("adapter/adapter_config.json"));
        Files.copy(
                llama.folder.resolve("adapter/adapter_model.safetensors"), folder.resolve("adapter_model.safetensors"));
        Map<String, String> changes = new LinkedHashMap<>();
        changes.put("\"use_dora\": false", "\"use_dora\": true");
        changes.put("\"rank_pattern\": {}", "\"rank_pattern\": {\"q_proj\": 8}");
        changes.put("\"modules_to_save\": null", "\"modules_to_save\": [\"lm_head\"]");
        changes.put("\"bias\": \"none\"", "\"bias\": \"all\"");
        changes.put("\"init_lora_weights\": true", "\"init_lora_weights\": \"pissa\"");
        changes.put("\"peft_type\": \"LORA\"", "\"peft_type\": \"IA3\"");
        for (Map.Entry<String, String> change : changes.entrySet()) {
            assertThat(good).contains(change.getKey());
            Files.writeString(folder.resolve("adapter_config.json"), good.replace(change.getKey(), change.getValue()));
            assertThatThrownBy(() -> PeftFiles.read(folder, model.config()))
                    .isInstanceOf(InvalidFile.class)
                    .hasMessageContaining(change.getKey().replaceAll("\"(\\w+)\".*", "$1 is "));
        }
        Files.writeString(folder.resolve("adapter_config.json"), good.replace("\"r\": 4", "\"r\": 0"));
        assertThatThrownBy(() -> PeftFiles.read(folder, model.config())).hasMessageContaining("rank 0");
    }

    @Test
    void merge_adapter_givesTheAdaptedModel(@TempDir Path folder) throws Exception {
        int[][] ids = llama.rows("input_ids");
        float[] none = new float[llama.adapter.vector().length];
        Merge.write(llama.folder.resolve("base"), llama.adapter, folder.resolve("merged"));
        try (Model merged = Model.load(folder.resolve("merged"), References.FP32)) {
            assertClose(merged.logits(ids, llama.adapter.lora(), none), llama.floats("lora_logits"), 1e-4);
        }
        assertThat(folder.resolve("merged/tokenizer.json"))
                .hasSameBinaryContentAs(llama.folder.resolve("base/tokenizer.json"));
        assertThatThrownBy(() -> Merge.write(folder.resolve("merged"), llama.adapter, folder.resolve("merged")))
                .hasMessageContaining("is the base model itself");
    }

    @Test
    void merge_shardsInBf16_keepTheirFilesAndType(@TempDir Path folder) throws Exception {
        Path base = Files.createDirectory(folder.resolve("base"));
        Shards.write(llama.folder.resolve("base"), base, Safetensors.Type.BF16);
        Merge.write(base, llama.adapter, folder.resolve("merged"));
        try (var files = Files.list(folder.resolve("merged"))) {
            assertThat(files.filter(file -> file.toString().endsWith(".safetensors")))
                    .hasSize(2);
        }
        try (Arena arena = Arena.ofConfined()) {
            Path shard = folder.resolve("merged/model-00001-of-00002.safetensors");
            assertThat(Safetensors.map(shard, arena).values())
                    .allMatch(tensor -> tensor.type() == Safetensors.Type.BF16);
        }
        int[][] ids = llama.rows("input_ids");
        try (Model merged = Model.load(folder.resolve("merged"), References.FP32)) {
            float[] logits = merged.logits(ids, llama.adapter.lora(), new float[llama.adapter.vector().length]);
            assertThat(relative(logits, llama.floats("lora_logits"))).isBetween(1e-6, 2e-2);
        }
    }
}

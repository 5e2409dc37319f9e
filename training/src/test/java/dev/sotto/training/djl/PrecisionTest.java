package dev.sotto.training.djl;

import static dev.sotto.training.djl.References.assertClose;
import static dev.sotto.training.djl.References.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.TargetModules;
import dev.sotto.training.djl.References.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// bf16, quantised bases and checkpointing against plain fp32.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrecisionTest {
    private final Reference llama = References.llama();
    private final int[][] ids = llama.rows("input_ids");
    private final float[] adapter = llama.adapter.vector();
    private final LoraConfig lora = llama.adapter.lora();

    @AfterAll
    void close() {
        llama.close();
    }

    private Model load(Execution.Compute compute, Execution.Base base, boolean checkpointing) throws Exception {
        return Model.load(llama.folder.resolve("base"), References.execution(compute, base, checkpointing));
    }

    @Test
    void bf16_logitsLossAndGradient_areNearFp32() throws Exception {
        try (Model model = load(Execution.Compute.BF16, Execution.Base.PLAIN, false)) {
            assertThat(relative(model.logits(ids, lora, adapter), llama.floats("lora_logits")))
                    .isBetween(1e-5, 2e-2);
            Model.Gradient made = model.gradient(llama.plain(), lora, adapter);
            assertThat(made.loss()).isCloseTo(llama.floats("lora_loss")[0], within(2e-3));
            assertThat(relative(
                            made.gradient(),
                            llama.model.gradient(llama.plain(), lora, adapter).gradient()))
                    .isBetween(1e-5, 5e-2);
        }
    }

    @Test
    void bf16_training_hasTheLossesOfFp32() throws Exception {
        float[] expected = llama.floats("adamw_losses");
        List<Double> losses = new ArrayList<>();
        try (Model model = load(Execution.Compute.BF16, Execution.Base.PLAIN, true)) {
            Trainer.train(
                    model,
                    lora,
                    adapter,
                    TrainingSet.supervised(llama.sequences("input_ids", 0)),
                    new Trainer.Plan(expected.length, ids.length, 5e-3, 0, 1.0, 1),
                    Correction.NONE,
                    step -> losses.add(step.loss()));
        }
        for (int i = 0; i < expected.length; i++) {
            assertThat(losses.get(i)).isCloseTo(expected[i], within(2e-2));
        }
    }

    /// bf16 weights of the file are taken as they are; fp32 ones rounded to the same.
    @Test
    void bf16_fileInEitherType_givesTheSameBits(@TempDir Path folder) throws Exception {
        Execution bf16 = References.execution(Execution.Compute.BF16, Execution.Base.PLAIN, false);
        List<float[]> logits = new ArrayList<>();
        for (Safetensors.Type type : List.of(Safetensors.Type.BF16, Safetensors.Type.F32)) {
            Path changed = changed(folder.resolve(type.name()), type, PrecisionTest::normsInBf16);
            try (Model model = Model.load(changed, bf16)) {
                logits.add(model.logits(ids, lora, adapter));
            }
        }
        assertThat(Arrays.equals(logits.get(0), logits.get(1))).isTrue();
    }

    /// Norms stay binary32 in the model: only they have to be rounded here.
    private static float[] normsInBf16(String name, float[] values, int columns) {
        float[] rounded = values.clone();
        for (int i = 0; name.endsWith("norm.weight") && i < rounded.length; i++) {
            int bits = Float.floatToRawIntBits(values[i]);
            rounded[i] = Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
        }
        return rounded;
    }

    /// All layers trained with dropout, or only the upper ones.
    @Test
    void checkpointing_gradients_areTheSameBits() throws Exception {
        for (TargetModules targets :
                List.of(TargetModules.ALL_LINEAR, new TargetModules.Matching(".*\\.[12]\\..*v_proj"))) {
            LoraConfig dropping = new LoraConfig(4, 8, 0.1, false, targets);
            float[] start = new float[dropping.size(llama.model.config())];
            for (int i = 0; i < start.length; i++) {
                start[i] = (float) Math.sin(i) / 20;
            }
            for (Execution.Compute compute : Execution.Compute.values()) {
                try (Model kept = load(compute, Execution.Base.PLAIN, false);
                        Model again = load(compute, Execution.Base.PLAIN, true)) {
                    Model.Gradient one = part(kept, dropping, start);
                    Model.Gradient other = part(again, dropping, start);
                    assertThat(Arrays.equals(other.gradient(), one.gradient())).isTrue();
                    assertThat(other.loss()).isEqualTo(one.loss());
                }
            }
        }
    }

    /// Seven positions at a time, the last block shorter.
    @Test
    void outputInBlocks_scoresAndGradients_areThoseOfOneBlock() throws Exception {
        try (Model blocks = Model.load(llama.folder.resolve("base"), References.FP32, 7 * 512 + 100)) {
            Model.Gradient one = llama.model.gradient(llama.plain(), lora, adapter);
            Model.Gradient other = blocks.gradient(llama.plain(), lora, adapter);
            assertThat(other.loss()).isCloseTo(one.loss(), within(1e-6));
            assertThat(relative(other.gradient(), one.gradient())).isLessThan(1e-5);
            Model.Score score = blocks.score(llama.plain(), lora, adapter);
            assertThat(score.loss()).isCloseTo(one.loss(), within(1e-6));
            assertThat(score.correct())
                    .isEqualTo(llama.model.score(llama.plain(), lora, adapter).correct());
        }
    }

    private Model.Gradient part(Model model, LoraConfig with, float[] start) {
        return new Objective.Supervised().part(model, with, start, llama.sequences("input_ids", 8), 100, 5);
    }

    @Test
    void int8_model_isThePlainOneWithRoundedRows(@TempDir Path folder) throws Exception {
        Path rounded = changed(folder.resolve("base"), Safetensors.Type.F32, PrecisionTest::int8Rows);
        assertQuantised(Execution.Base.INT8, rounded, 2e-2);
    }

    @Test
    void nf4_model_isThePlainOneWithRoundedBlocks(@TempDir Path folder) throws Exception {
        Path rounded = changed(folder.resolve("base"), Safetensors.Type.F32, PrecisionTest::nf4Blocks);
        assertQuantised(Execution.Base.NF4, rounded, 2e-1);
    }

    private void assertQuantised(Execution.Base base, Path folder, double loss) throws Exception {
        try (Model quantised = load(Execution.Compute.FP32, base, true);
                Model plain = Model.load(folder, References.FP32);
                Model narrow = load(Execution.Compute.BF16, base, true)) {
            assertClose(quantised.logits(ids, lora, adapter), plain.logits(ids, lora, adapter), 1e-3);
            Model.Gradient made = quantised.gradient(llama.plain(), lora, adapter);
            assertThat(relative(
                            made.gradient(),
                            plain.gradient(llama.plain(), lora, adapter).gradient()))
                    .isLessThan(1e-3);
            assertThat(made.loss()).isCloseTo(llama.floats("lora_loss")[0], within(loss));
            assertThat(relative(narrow.logits(ids, lora, adapter), plain.logits(ids, lora, adapter)))
                    .isBetween(1e-5, 3e-2);
        }
    }

    private interface Change {
        float[] of(String name, float[] values, int columns);
    }

    /// The base model with other values.
    private Path changed(Path folder, Safetensors.Type type, Change change) throws Exception {
        Files.createDirectories(folder);
        Path base = llama.folder.resolve("base");
        Map<String, Safetensors.Written> tensors = new LinkedHashMap<>();
        Safetensors.read(base.resolve("model.safetensors"))
                .forEach((name, tensor) -> tensors.put(
                        name,
                        new Safetensors.Written(
                                type,
                                tensor.shape(),
                                () -> change.of(
                                        name, tensor.values(), tensor.shape().getLast()))));
        Safetensors.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), tensors);
        Files.copy(base.resolve("config.json"), folder.resolve("config.json"));
        return folder;
    }

    private static float[] int8Rows(String name, float[] weight, int columns) {
        if (!name.contains("_proj")) {
            return weight;
        }
        float[] rounded = new float[weight.length];
        for (int i = 0; i < weight.length; i++) {
            int row = i / columns * columns;
            float scale = absmax(weight, row, row + columns) / 127f;
            rounded[i] = (float) Math.rint(weight[i] / scale) * scale;
        }
        return rounded;
    }

    private static float[] nf4Blocks(String name, float[] weight, int columns) {
        if (!name.contains("_proj")) {
            return weight;
        }
        float[] rounded = new float[weight.length];
        float[] absmax = new float[weight.length / 64];
        double mean = 0;
        for (int b = 0; b < absmax.length; b++) {
            absmax[b] = absmax(weight, 64 * b, 64 * b + 64);
            mean += absmax[b] / (double) absmax.length;
        }
        for (int from = 0; from < absmax.length; from += 256) {
            int to = Math.min(from + 256, absmax.length);
            float most = 0;
            for (int b = from; b < to; b++) {
                most = Math.max(most, Math.abs(absmax[b] - (float) mean));
            }
            float scale = most / 127f;
            for (int b = from; b < to; b++) {
                float held = (float) Math.rint((absmax[b] - (float) mean) / scale) * scale + (float) mean;
                for (int i = 64 * b; i < 64 * b + 64; i++) {
                    rounded[i] = nearest(weight[i] / absmax[b]) * held;
                }
            }
        }
        return rounded;
    }

    private static float nearest(float value) {
        float best = Loader.NF4[0];
        for (float code : Loader.NF4) {
            best = Math.abs(code - value) < Math.abs(best - value) ? code : best;
        }
        return best;
    }

    private static float absmax(float[] values, int from, int to) {
        float most = 0;
        for (int i = from; i < to; i++) {
            most = Math.max(most, Math.abs(values[i]));
        }
        return most;
    }

    @Test
    void device_text_isReadOrNamed() throws Exception {
        assertThat(Device.parse("cpu")).isEqualTo(new Device.Cpu());
        assertThat(Device.parse("cuda")).isEqualTo(new Device.Cuda(0));
        assertThat(Device.parse("cuda:3")).isEqualTo(new Device.Cuda(3)).hasToString("cuda:3");
        for (String bad : List.of("gpu", "cuda:", "cuda:-1", "cuda:99999", "")) {
            assertThatThrownBy(() -> Device.parse(bad))
                    .hasMessageContaining("device is '" + bad + "', must be auto, cpu");
        }
        assertThatThrownBy(() -> Model.load(
                        llama.folder.resolve("base"),
                        new Execution(new Device.Cuda(4000), Execution.Compute.FP32, Execution.Base.PLAIN, false)))
                .isInstanceOf(NativeLibraryUnavailable.class)
                .hasMessageContaining("cuda:4000 is not available");
    }

    @Test
    void device_thatIsNotThere_isNamedWithWhatThereIs() throws Exception {
        new Device.Cpu().require();
        assertThatThrownBy(() -> new Device.Cuda(100).require())
                .isInstanceOf(NativeLibraryUnavailable.class)
                .hasMessageContaining("cuda:100 is not available: PyTorch ")
                .hasMessageContaining(Device.parse("auto") instanceof Device.Cpu ? "no graphics card here" : "cuda:0");
    }
}

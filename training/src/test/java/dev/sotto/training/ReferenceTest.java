package dev.sotto.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Example;
import dev.sotto.training.data.JsonLines;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// Against Hugging Face transformers and PEFT on a small random Llama: logits, losses, gradients, AdamW.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ReferenceTest {
    private static final Path FOLDER =
            Path.of(System.getProperty("sotto.reference", "src/test/resources")).resolve("llama");

    private final Map<String, Safetensors.Tensor> reference = read();
    private final Model model = load();
    private final PeftFiles.Adapter adapter = adapter();

    private static Map<String, Safetensors.Tensor> read() {
        try {
            return Safetensors.read(FOLDER.resolve("reference.safetensors"));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static Model load() {
        try {
            return Model.load(FOLDER.resolve("base"));
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private PeftFiles.Adapter adapter() {
        try {
            return PeftFiles.read(FOLDER.resolve("adapter"), model.config());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @AfterAll
    void close() {
        model.close();
    }

    private Safetensors.Tensor expected(String name) {
        return Objects.requireNonNull(reference.get(name), name);
    }

    private int[][] ints(String name) {
        Safetensors.Tensor tensor = expected(name);
        int columns = tensor.shape().get(1);
        int[][] rows = new int[tensor.shape().get(0)][columns];
        for (int i = 0; i < tensor.values().length; i++) {
            rows[i / columns][i % columns] = (int) tensor.values()[i];
        }
        return rows;
    }

    /// Next-token targets from labels of the same positions.
    private static Batch batch(int[][] tokens, int[][] labels) {
        int[][] targets = new int[tokens.length][];
        for (int row = 0; row < tokens.length; row++) {
            targets[row] = Arrays.copyOfRange(labels[row], 1, labels[row].length + 1);
            targets[row][targets[row].length - 1] = Batch.IGNORE;
        }
        return new Batch(tokens, targets);
    }

    private float[] zeros() {
        return new float[adapter.vector().length];
    }

    private static void assertClose(float[] got, float[] expected, double tolerance) {
        assertThat(got).hasSameSizeAs(expected);
        double worst = 0;
        for (int i = 0; i < got.length; i++) {
            worst = Math.max(worst, Math.abs(got[i] - expected[i]));
        }
        assertThat(worst).isLessThan(tolerance);
    }

    @Test
    void logits_baseAndAdapter_matchTransformers() {
        int[][] ids = ints("input_ids");
        assertClose(
                model.logits(ids, adapter.lora(), zeros()), expected("logits").values(), 1e-4);
        assertClose(
                model.logits(ids, adapter.lora(), adapter.vector()),
                expected("lora_logits").values(),
                1e-4);
    }

    @Test
    void loss_plainAdaptedAndPadded_matchTransformers() {
        int[][] ids = ints("input_ids");
        Batch plain = batch(ids, ids);
        assertThat(model.score(plain, adapter.lora(), zeros()).loss())
                .isCloseTo(expected("loss").values()[0], within(1e-4));
        assertThat(model.score(plain, adapter.lora(), adapter.vector()).loss())
                .isCloseTo(expected("lora_loss").values()[0], within(1e-4));
        Batch padded = batch(ints("padded_input_ids"), ints("padded_labels"));
        assertThat(model.score(padded, adapter.lora(), zeros()).loss())
                .isCloseTo(expected("padded_loss").values()[0], within(1e-4));
    }

    @Test
    void gradient_everyAdapterTensor_matchesPeft() {
        int[][] ids = ints("input_ids");
        float[] gradient = model.gradient(batch(ids, ids), adapter.lora(), adapter.vector())
                .gradient();
        int at = 0;
        for (LoraConfig.Matrix matrix : adapter.lora().matrices(model.config())) {
            float[] expected = expected("grad." + matrix.name()).values();
            double difference = 0;
            double norm = 0;
            for (int i = 0; i < expected.length; i++) {
                difference += Math.pow(gradient[at + i] - expected[i], 2);
                norm += Math.pow(expected[i], 2);
            }
            assertThat(Math.sqrt(difference / norm)).as(matrix.name()).isLessThan(1e-4);
            at += matrix.size();
        }
    }

    /// 12 steps on the same batch: the order of the rows does not matter to the mean.
    @Test
    void train_twelveSteps_matchesTorchsAdamW() {
        int[][] ids = ints("input_ids");
        List<Batch.Sequence> data = new ArrayList<>();
        for (int[] row : ids) {
            data.add(new Batch.Sequence(row, 0));
        }
        List<Double> losses = new ArrayList<>();
        Trainer.Result result = Trainer.train(
                model,
                adapter.lora(),
                adapter.vector(),
                data,
                new Trainer.Plan(12, ids.length, 5e-3, 0, 1.0, 1),
                (step, steps, loss) -> losses.add(loss));
        float[] expected = expected("adamw_losses").values();
        assertThat(losses).hasSize(expected.length);
        for (int i = 0; i < expected.length; i++) {
            assertThat(losses.get(i)).isCloseTo(expected[i], within(1e-3));
        }
        assertThat(result.meanLoss())
                .isCloseTo(losses.stream().mapToDouble(l -> l).average().orElseThrow(), within(1e-12));
    }

    @Test
    void train_sameSeed_givesTheSameBits() {
        List<Batch.Sequence> data = new ArrayList<>();
        for (int[] row : ints("input_ids")) {
            data.add(new Batch.Sequence(row, 16));
        }
        Trainer.Plan plan = new Trainer.Plan(4, 3, 1e-3, 0.01, 1.0, 7);
        float[] one = Trainer.train(model, adapter.lora(), adapter.vector(), data, plan, (s, n, l) -> true)
                .adapter();
        System.gc();
        float[] two = Trainer.train(model, adapter.lora(), adapter.vector(), data, plan, (s, n, l) -> true)
                .adapter();
        assertThat(two).isEqualTo(one);
        assertThat(one).isNotEqualTo(adapter.vector());
    }

    @Test
    void peftFiles_writtenAndRead_areTheSame(@TempDir Path folder) throws Exception {
        PeftFiles.write(folder, "base", model.config(), adapter);
        PeftFiles.Adapter back = PeftFiles.read(folder, model.config());
        assertThat(back.lora()).isEqualTo(adapter.lora());
        assertThat(back.vector()).isEqualTo(adapter.vector());
    }

    @Test
    void tokenizer_example_hasLossOnTheResponseOnly() throws Exception {
        try (Tokenizer tokenizer = Tokenizer.load(FOLDER.resolve("base"), model.config())) {
            Batch.Sequence sequence = tokenizer.encode(new Example("Name a colour.", "blue"), 200);
            Batch batch = Batch.of(List.of(sequence), model.config().padToken());
            assertThat(sequence.tokens()[0]).isEqualTo(model.config().beginToken());
            assertThat(sequence.tokens()[sequence.tokens().length - 1])
                    .isEqualTo(model.config().endToken());
            assertThat(batch.counted()).isEqualTo(sequence.tokens().length - sequence.prompt());
            assertThat(batch.counted()).isPositive();
        }
    }

    @Test
    void jsonLines_badLine_isNamed(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("data.jsonl");
        Files.writeString(file, """
                {"instruction": "a", "input": "b", "output": "c"}

                {"question": "d", "answer": "e"}
                """);
        assertThat(JsonLines.read(file)).containsExactly(new Example("a b", "c"), new Example("d", "e"));
        Files.writeString(file, "{\"question\": \"d\", \"answer\": \"e\"}\n{\"question\": \"d\"}\n");
        assertThatThrownBy(() -> JsonLines.read(file))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining(
                        "data.jsonl: line 2: output|answer|response|completion is missing, must be a text");
        Files.writeString(file, "{oops");
        assertThatThrownBy(() -> JsonLines.read(file)).hasMessageContaining("line 1: is no JSON");
        Files.writeString(file, "\n");
        assertThatThrownBy(() -> JsonLines.read(file)).hasMessageContaining("no examples");
    }

    @Test
    void safetensors_cutOrOtherFile_isRefused(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("model.safetensors");
        byte[] whole = Files.readAllBytes(FOLDER.resolve("adapter/adapter_model.safetensors"));
        for (int length : new int[] {0, 7, 8, 100, whole.length - 1}) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Safetensors.read(file)).isInstanceOf(InvalidFile.class);
        }
    }

    @Test
    void config_otherArchitecture_isRefusedByName(@TempDir Path folder) throws Exception {
        String config = Files.readString(FOLDER.resolve("base/config.json"));
        Files.writeString(folder.resolve("config.json"), config.replace("\"llama\"", "\"gpt2\""));
        assertThatThrownBy(() -> Model.load(folder)).hasMessageContaining("model_type is 'gpt2'");
        Files.writeString(folder.resolve("config.json"), config.replace("\"default\"", "\"llama3\""));
        assertThatThrownBy(() -> Model.load(folder)).hasMessageContaining("rope_type is 'llama3'");
    }
}

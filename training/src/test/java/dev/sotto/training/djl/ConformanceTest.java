package dev.sotto.training.djl;

import static dev.sotto.training.djl.References.assertClose;
import static dev.sotto.training.djl.References.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.DynamicContainer.dynamicContainer;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PreferenceTokens;
import dev.sotto.training.djl.References.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/// Every architecture against Hugging Face transformers and PEFT, with the tolerances of the figures. As every test
/// here with a model, on the processor, or on the device of `-Dsotto.device=cuda`.
class ConformanceTest {
    /// The first tokens of a row that the figures call its prompt.
    private static final int PROMPT = 16;

    @TestFactory
    List<DynamicContainer> architectures_allFigures_agree() {
        List<DynamicContainer> containers = new ArrayList<>();
        References.folders().forEach((name, folder) -> containers.add(tests(name, folder)));
        return containers;
    }

    private static DynamicContainer tests(String name, Path folder) {
        List<Check> checks = new ArrayList<>(List.of(
                new Check("logits, without and with adapter", ConformanceTest::logits),
                new Check("losses, plain, adapted and padded", ConformanceTest::losses),
                new Check("gradient of every adapter tensor", ConformanceTest::gradients),
                new Check("AdamW", ConformanceTest::adamw),
                new Check("greedy tokens", ConformanceTest::greedy),
                new Check("DPO", ConformanceTest::dpo)));
        if (Files.exists(folder.resolve("base-bf16"))) {
            checks.add(new Check("bf16 checkpoint", ConformanceTest::bf16Checkpoint));
        }
        return dynamicContainer(
                name,
                checks.stream()
                        .map(check -> dynamicTest(check.name(), check.on(folder)))
                        .toList());
    }

    private record Check(String name, Consumer<Reference> check) {
        Executable on(Path folder) {
            return () -> {
                try (Reference reference = new Reference(folder)) {
                    check.accept(reference);
                }
            };
        }
    }

    private static float[] zeros(Reference reference) {
        return new float[reference.adapter.vector().length];
    }

    private static void logits(Reference reference) {
        int[][] ids = reference.rows("input_ids");
        LoraConfig lora = reference.adapter.lora();
        assertClose(reference.model.logits(ids, lora, zeros(reference)), reference.floats("logits"), 1e-4);
        assertClose(
                reference.model.logits(ids, lora, reference.adapter.vector()), reference.floats("lora_logits"), 1e-4);
    }

    private static void losses(Reference reference) {
        Model model = reference.model;
        LoraConfig lora = reference.adapter.lora();
        assertThat(model.score(reference.plain(), lora, zeros(reference)).loss())
                .isCloseTo(reference.floats("loss")[0], within(1e-4));
        assertThat(model.score(reference.plain(), lora, reference.adapter.vector())
                        .loss())
                .isCloseTo(reference.floats("lora_loss")[0], within(1e-4));
        assertThat(model.score(
                                Reference.shifted(reference.rows("padded_input_ids"), reference.rows("padded_labels")),
                                lora,
                                zeros(reference))
                        .loss())
                .isCloseTo(reference.floats("padded_loss")[0], within(1e-4));
    }

    private static void gradients(Reference reference) {
        Model.Gradient gradient =
                reference.model.gradient(reference.plain(), reference.adapter.lora(), reference.adapter.vector());
        assertThat(gradient.loss()).isCloseTo(reference.floats("lora_loss")[0], within(1e-4));
        assertGradients(reference, gradient.gradient(), "grad.");
    }

    private static void assertGradients(Reference reference, float[] gradient, String prefix) {
        int at = 0;
        for (LoraConfig.Matrix matrix : reference.adapter.lora().matrices(reference.model.config())) {
            assertThat(relative(
                            Arrays.copyOfRange(gradient, at, at + matrix.size()),
                            reference.floats(prefix + matrix.name())))
                    .as(matrix.name())
                    .isLessThan(1e-4);
            at += matrix.size();
        }
    }

    /// Steps on one batch of all rows: their order does not matter to the mean.
    private static void adamw(Reference reference) {
        float[] expected = reference.floats("adamw_losses");
        List<Double> losses = new ArrayList<>();
        Trainer.Result result = Trainer.train(
                reference.model,
                reference.adapter.lora().withoutDropout(),
                reference.adapter.vector(),
                TrainingSet.supervised(reference.sequences("input_ids", 0)),
                new Trainer.Plan(expected.length, reference.rows("input_ids").length, 5e-3, 0, 1.0, 1),
                Correction.NONE,
                step -> losses.add(step.loss()));
        assertThat(losses).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat(losses.get(i)).isCloseTo(expected[i], within(1e-3));
        }
        float[] after = read(reference, "adapter-after-adamw").vector();
        assertThat(relative(
                        difference(result.adapter(), reference.adapter.vector()),
                        difference(after, reference.adapter.vector())))
                .isLessThan(1e-2);
    }

    private static void greedy(Reference reference) {
        int[] expected = reference.ints("greedy");
        int[] made = reference
                .model
                .generate(List.of(Arrays.copyOf(expected, PROMPT)), Decoding.greedy(expected.length - PROMPT))
                .getFirst();
        int end = PROMPT;
        while (end < expected.length && !reference.model.config().endTokens().contains(expected[end])) {
            end++;
        }
        assertThat(made).containsExactly(Arrays.copyOfRange(expected, PROMPT, end));
    }

    private static void dpo(Reference reference) {
        List<Labelled> chosen = reference.sequences("dpo.chosen_input_ids", PROMPT);
        List<Labelled> rejected = reference.sequences("dpo.rejected_input_ids", PROMPT);
        List<PreferenceTokens> pairs = reference.pairs(PROMPT);
        Model model = reference.model;
        LoraConfig lora = reference.adapter.lora().withoutDropout();
        float[] adapter = reference.adapter.vector();
        assertSums(model.score(Batch.of(chosen, 0)).logProbabilities(), reference.floats("dpo.reference_chosen_logps"));
        assertSums(
                model.score(Batch.of(rejected, 0)).logProbabilities(),
                reference.floats("dpo.reference_rejected_logps"));
        assertSums(
                model.score(Batch.of(chosen, 0), lora, adapter).logProbabilities(),
                reference.floats("dpo.policy_chosen_logps"));
        assertSums(
                model.score(Batch.of(rejected, 0), lora, adapter).logProbabilities(),
                reference.floats("dpo.policy_rejected_logps"));
        Model.Gradient made = new Objective.DirectPreference(0.1).part(model, lora, adapter, pairs, pairs.size(), 0);
        assertThat(made.loss()).isCloseTo(reference.floats("dpo.loss")[0], within(1e-4));
        assertGradients(reference, made.gradient(), "dpo.grad.");
    }

    /// Each is a sum over the response: 1e-4 in a logit may be 1e-3 in it.
    private static void assertSums(double[] got, float[] expected) {
        assertThat(got).hasSameSizeAs(expected);
        for (int i = 0; i < got.length; i++) {
            assertThat(got[i]).isCloseTo(expected[i], within(1e-3));
        }
    }

    private static float[] difference(float[] one, float[] other) {
        float[] difference = new float[one.length];
        for (int i = 0; i < difference.length; i++) {
            difference[i] = one[i] - other[i];
        }
        return difference;
    }

    private static PeftFiles.Adapter read(Reference reference, String folder) {
        try {
            return PeftFiles.read(reference.folder.resolve(folder), reference.model.config());
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    /// The same weights rounded to bf16: 8 bits of each are left.
    private static void bf16Checkpoint(Reference reference) {
        int[][] ids = reference.rows("input_ids");
        try (Model rounded = Model.load(reference.folder.resolve("base-bf16"), References.FP32)) {
            float[] logits = rounded.logits(ids, reference.adapter.lora(), zeros(reference));
            assertThat(relative(logits, reference.floats("logits"))).isBetween(1e-6, 2e-2);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }
}

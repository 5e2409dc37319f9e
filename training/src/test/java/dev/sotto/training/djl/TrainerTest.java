package dev.sotto.training.djl;

import static dev.sotto.training.djl.References.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.TrainingState;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PackedBatch;
import dev.sotto.training.data.PreferenceTokens;
import dev.sotto.training.djl.References.Reference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// What training promises beside the reference figures.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class TrainerTest {
    private static final Objective.Supervised SFT = new Objective.Supervised();
    private static final Objective.DirectPreference DPO = new Objective.DirectPreference(0.1);
    private static final Trainer.Progress ON = Trainer.Progress.NONE;

    private final Reference llama = References.llama();
    private final Model model = llama.model;
    private final float[] start = llama.adapter.vector();
    private final LoraConfig lora =
            new LoraConfig(4, 8, 0.1, false, llama.adapter.lora().targets());
    private final List<Labelled> data = data();
    private final List<PreferenceTokens> pairs = llama.pairs(16);
    private final TrainingSet<Labelled> supervised = TrainingSet.supervised(data);
    private final TrainingSet<PreferenceTokens> preferences = new TrainingSet<>(DPO, pairs);

    /// Rows of different lengths, so that every micro-batch is padded otherwise.
    private List<Labelled> data() {
        List<Labelled> data = new ArrayList<>();
        for (int[] row : llama.rows("input_ids")) {
            data.add(Labelled.after(8 + data.size(), Arrays.copyOf(row, 20 + 3 * data.size())));
        }
        return data;
    }

    @AfterAll
    void close() {
        llama.close();
    }

    private float[] train(LoraConfig with, TrainingSet<?> on, Trainer.Plan plan) {
        return Trainer.train(model, with, start, on, plan, Correction.NONE, ON).adapter();
    }

    private static Trainer.Plan plan(int steps, int batch, int micro, long seed) {
        return new Trainer.Plan(steps, batch, micro, 1e-3, 0.01, 1.0, seed);
    }

    @Test
    void train_sameSeed_givesTheSameBits() {
        float[] one = train(lora, supervised, plan(4, 3, 2, 7));
        System.gc();
        assertThat(train(lora, supervised, plan(4, 3, 2, 7))).isEqualTo(one);
        assertThat(train(lora, supervised, plan(4, 3, 2, 8))).isNotEqualTo(one);
        assertThat(one).isNotEqualTo(start);
    }

    /// Moments, place in the data and number of steps all go on.
    @Test
    void resume_inTwoParts_isOneTraining() {
        TrainingState state = Trainer.fresh(start);
        for (int steps : new int[] {2, 5}) {
            state = Trainer.resume(
                    model, lora, Coordinates.ADAPTER, state, supervised, plan(steps, 3, 3, 7), Correction.NONE, ON);
        }
        assertThat(state.step()).isEqualTo(5);
        assertThat(state.adapter()).isEqualTo(train(lora, supervised, plan(5, 3, 3, 7)));
    }

    /// Examples of different lengths: a mean of the parts' means would be another one.
    @Test
    void gradient_ofMicroBatches_isThatOfTheBatch() {
        float[] whole = new float[start.length];
        float[] parts = new float[start.length];
        double loss = add(whole, SFT.part(model, lora.withoutDropout(), start, data, SFT.weight(data), 0));
        double sum = 0;
        for (int i = 0; i < data.size(); i += 3) {
            List<Labelled> part = data.subList(i, Math.min(i + 3, data.size()));
            sum += add(parts, SFT.part(model, lora.withoutDropout(), start, part, SFT.weight(data), 0));
        }
        assertThat(sum).isCloseTo(loss, within(1e-5));
        assertThat(relative(parts, whole)).isLessThan(1e-5);
    }

    /// The rows of [#data], two or three to a row, with padding at the end.
    @Test
    void gradient_ofPackedRows_isThatOfTheSequencesApart() {
        int[][] tokens = new int[3][100];
        int[][] targets = new int[3][100];
        int[][] positions = new int[3][100];
        int[][] segments = new int[3][100];
        int[] at = new int[3];
        for (int[] row : targets) {
            Arrays.fill(row, Batch.IGNORE);
        }
        for (int[] row : segments) {
            Arrays.fill(row, -1);
        }
        Batch apart = Batch.of(data, 0);
        for (int i = 0; i < data.size(); i++) {
            for (int k = 0; k < data.get(i).tokens().length; k++) {
                int row = i % 3;
                tokens[row][at[row]] = apart.tokens()[i][k];
                targets[row][at[row]] = apart.targets()[i][k];
                positions[row][at[row]] = k;
                segments[row][at[row]++] = i;
            }
        }
        Model.Gradient one = model.gradient(apart, lora, start);
        Model.Gradient other =
                model.gradient(new Batch(tokens, targets), new Packing(positions, segments), lora, start);
        assertThat(other.loss()).isCloseTo(one.loss(), within(1e-5));
        assertThat(relative(other.gradient(), one.gradient())).isLessThan(1e-5);
        Objective.Packed packed = new Objective.Packed();
        List<List<Labelled>> rows = PackedBatch.rows(data, 100);
        assertThat(rows).hasSizeLessThan(data.size());
        assertThat(packed.weight(rows)).isEqualTo(SFT.weight(data));
        Model.Gradient made = packed.part(model, lora.withoutDropout(), start, rows, packed.weight(rows), 0);
        assertThat(made.loss()).isCloseTo(one.loss(), within(1e-5));
        assertThat(relative(made.gradient(), one.gradient())).isLessThan(1e-5);
        positions[0][0] = model.config().positions();
        assertThatThrownBy(
                        () -> model.gradient(new Batch(tokens, targets), new Packing(positions, segments), lora, start))
                .hasMessageContaining("the model has 256 positions");
    }

    private static double add(float[] sum, Model.Gradient part) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += part.gradient()[i];
        }
        return part.loss();
    }

    @Test
    void dpo_training_movesTheChosenAnswersUp() {
        Trainer.Plan plan = new Trainer.Plan(8, 4, 2, 5e-3, 0, 1.0, 1);
        List<Double> losses = new ArrayList<>();
        float[] adapter = Trainer.train(
                        model,
                        llama.adapter.lora(),
                        start,
                        preferences,
                        plan,
                        Correction.NONE,
                        step -> losses.add(step.loss()))
                .adapter();
        assertThat(losses.getLast()).isLessThan(losses.getFirst());
        assertThat(margin(adapter)).isGreaterThan(margin(start));
    }

    private double margin(float[] adapter) {
        double[] rows =
                model.score(DPO.batch(pairs, 0), llama.adapter.lora(), adapter).logProbabilities();
        double margin = 0;
        for (int i = 0; i < rows.length; i++) {
            margin += i < pairs.size() ? rows[i] : -rows[i];
        }
        return margin;
    }

    /// The process is gone: nothing after the step runs, least of all the writing of its state.
    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private void killedAtEveryStep(TrainingSet<?> on, int steps, int every, Path folder) throws Exception {
        Trainer.Plan plan = plan(steps, 3, 2, 3);
        float[] whole = train(lora, on, plan);
        for (int kill = 1; kill <= steps; kill++) {
            Path state = folder.resolve(every + "-" + kill + ".safetensors");
            int last = kill;
            assertThatThrownBy(() -> trained(on, plan, state, every, step -> {
                        if (step.number() == last) {
                            throw new Killed();
                        }
                        return true;
                    }))
                    .isInstanceOf(Killed.class);
            Files.writeString(state.resolveSibling(state.getFileName() + ".next"), "cut while it was writ");
            List<Integer> heard = new ArrayList<>();
            Trainer.Result result = trained(on, plan, state, every, step -> heard.add(step.number()));
            assertThat(result.adapter()).isEqualTo(whole);
            assertThat(heard.getFirst()).isEqualTo((kill - 1) / every * every + 1);
            Trainer.Result again = trained(on, plan, state, every, _ -> {
                throw new Killed();
            });
            assertThat(again.adapter()).isEqualTo(whole);
            assertThat(again.meanLoss()).isEqualTo(result.meanLoss());
            assertThat(again.tokens()).isEqualTo(result.tokens());
        }
    }

    private Trainer.Result trained(
            TrainingSet<?> on, Trainer.Plan plan, Path state, int every, Trainer.Progress progress) throws Exception {
        return Trainer.train(model, lora, start, on, plan, Correction.NONE, state, every, progress);
    }

    @Test
    void sft_killedAtAnyStep_goesOnToTheSameBits(@TempDir Path folder) throws Exception {
        killedAtEveryStep(supervised, 3, 1, folder);
        killedAtEveryStep(supervised, 4, 2, folder);
    }

    @Test
    void dpo_killedAtAnyStep_goesOnToTheSameBits(@TempDir Path folder) throws Exception {
        killedAtEveryStep(preferences, 3, 2, folder);
    }

    @Test
    void state_ofAnotherTraining_isRefused(@TempDir Path folder) throws Exception {
        Path state = folder.resolve("state.safetensors");
        Trainer.train(model, lora, start, supervised, plan(2, 2, 2, 1), Correction.NONE, state, 1, ON);
        assertThatThrownBy(() ->
                        Trainer.train(model, lora, start, supervised, plan(2, 2, 2, 2), Correction.NONE, state, 1, ON))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("is the state of another training");
        assertThatThrownBy(() -> Trainer.train(
                        model,
                        lora,
                        start,
                        TrainingSet.supervised(data.subList(1, 5)),
                        plan(2, 2, 2, 1),
                        Correction.NONE,
                        state,
                        1,
                        ON))
                .hasMessageContaining("is the state of another training");
        byte[] whole = Files.readAllBytes(state);
        Files.write(state, Arrays.copyOf(whole, whole.length - 4));
        assertThatThrownBy(() ->
                        Trainer.train(model, lora, start, supervised, plan(2, 2, 2, 1), Correction.NONE, state, 1, ON))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("second_moment");
    }

    @Test
    void clip_longGradient_isScaledToTheNorm() {
        float[] one = {0, 0};
        float[] other = {0, 0};
        new AdamW(2).step(one, new float[] {30, -40}, 0.1, 0, 1);
        new AdamW(2).step(other, new float[] {0.6f, -0.8f}, 0.1, 0, 1);
        assertThat(relative(one, other)).isLessThan(1e-6);
        AdamW clipped = new AdamW(2);
        clipped.step(one, new float[] {30, -40}, 0.1, 0, 1);
        assertThat(clipped.first()[0]).isCloseTo(0.06f, within(1e-6f));
        assertThat(clipped.first()[1]).isCloseTo(-0.08f, within(1e-6f));
    }
}

package dev.sotto.training.djl;

import static dev.sotto.training.djl.References.relative;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.data.PreferenceTokens;
import dev.sotto.training.djl.References.Reference;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.privacy.Noise;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/// DP-SGD on a model. With the least noise that is allowed only clipping and sampling are left to be seen.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PrivateTrainingTest {
    private static final double HARDLY = 1e-9;

    private final Reference llama = References.llama();
    private final Model model = llama.model;
    private final float[] start = llama.adapter.vector();
    private final LoraConfig lora = llama.adapter.lora().withoutDropout();
    private final List<Labelled> examples = examples();
    private final TrainingSet<Labelled> data = TrainingSet.supervised(examples);

    private List<Labelled> examples() {
        List<Labelled> made = new ArrayList<>();
        for (int[] row : llama.rows("input_ids")) {
            made.add(Labelled.after(8 + made.size(), Arrays.copyOf(row, 20 + 3 * made.size())));
        }
        return made;
    }

    @AfterAll
    void close() {
        llama.close();
    }

    private static Optional<DpSgd> method(double clip, double noise, int key) {
        byte[] bytes = new byte[32];
        bytes[0] = (byte) key;
        return Optional.of(new DpSgd(clip, noise, new Noise(bytes)));
    }

    /// What each step gave the optimiser.
    private static final class Seen implements Correction {
        private final List<float[]> gradients = new ArrayList<>();

        @Override
        public void gradient(float[] gradient, float[] trained) {
            gradients.add(gradient.clone());
        }

        @Override
        public void stepped(float[] trained, double rate) {}
    }

    private Seen seen(TrainingSet<?> on, LoraConfig with, Optional<DpSgd> method, int batch, int steps) {
        Seen seen = new Seen();
        var _ = Trainer.train(
                model,
                with,
                Coordinates.ADAPTER,
                start,
                on,
                new Trainer.Plan(steps, batch, 1e-3, 0, 0, 1),
                method,
                seen,
                Trainer.Progress.NONE);
        return seen;
    }

    private static float[] clippedMean(List<float[]> gradients, double clip) {
        float[] mean = new float[gradients.getFirst().length];
        for (float[] gradient : gradients) {
            double norm = 0;
            for (float g : gradient) {
                norm = Math.hypot(norm, g);
            }
            for (int i = 0; i < mean.length; i++) {
                mean[i] += (float) (gradient[i] * Math.min(1, clip / norm) / gradients.size());
            }
        }
        return mean;
    }

    /// A clip norm between the examples' own norms: some are cut, some are not.
    @Test
    void step_ofAllExamples_isTheMeanOfTheirOwnGradientsCut() {
        List<float[]> alone = examples.stream()
                .map(example -> new Objective.Supervised()
                        .part(model, lora, start, List.of(example), example.counted(), 0)
                        .gradient())
                .toList();
        double[] norms = alone.stream()
                .mapToDouble(gradient -> {
                    double squares = 0;
                    for (float g : gradient) {
                        squares += g * g;
                    }
                    return Math.sqrt(squares);
                })
                .sorted()
                .toArray();
        double clip = (norms[0] + norms[norms.length - 1]) / 2;
        float[] made = seen(data, lora, method(clip, HARDLY, 1), examples.size(), 1)
                .gradients
                .getFirst();
        assertThat(relative(made, clippedMean(alone, clip))).isLessThan(1e-5);
        assertThat(relative(made, clippedMean(alone, Double.MAX_VALUE))).isGreaterThan(1e-3);
    }

    @Test
    void step_ofPairs_cutsEachPair() {
        Objective.DirectPreference dpo = new Objective.DirectPreference(0.1);
        List<PreferenceTokens> pairs = llama.pairs(4);
        List<float[]> alone = pairs.stream()
                .map(pair -> dpo.part(model, lora, start, List.of(pair), 1, 0).gradient())
                .toList();
        double clip = 1e-3;
        float[] made = seen(new TrainingSet<>(dpo, pairs), lora, method(clip, HARDLY, 1), 4, 1)
                .gradients
                .getFirst();
        assertThat(relative(made, clippedMean(alone, clip))).isLessThan(1e-5);
    }

    /// In some of the steps nobody is drawn: what is left is the noise.
    @Test
    void training_withEmptySamples_goesOn() {
        List<Labelled> two = examples.subList(0, 2);
        List<Trainer.Step> steps = new ArrayList<>();
        Trainer.Result result = Trainer.train(
                model,
                lora,
                Coordinates.ADAPTER,
                start,
                TrainingSet.supervised(two),
                new Trainer.Plan(8, 1, 1e-3, 0, 0, 1),
                method(1, 1, 4),
                Correction.NONE,
                steps::add);
        assertThat(steps).extracting(Trainer.Step::tokens).contains(0L).anyMatch(tokens -> tokens > 0);
        assertThat(steps).allMatch(step -> step.gradientNorm() > 0 && Double.isFinite(step.loss()));
        assertThat(result.meanLoss()).isFinite();
    }

    @Test
    void training_sameKey_sameBits_anotherKey_others() {
        LoraConfig dropping = new LoraConfig(4, 8, 0.1, false, lora.targets());
        List<float[]> one = seen(data, dropping, method(1, 1, 1), 3, 2).gradients;
        assertThat(seen(data, dropping, method(1, 1, 1), 3, 2).gradients.getLast())
                .isEqualTo(one.getLast());
        assertThat(seen(data, dropping, method(1, 1, 2), 3, 2).gradients.getLast())
                .isNotEqualTo(one.getLast());
    }

    /// It goes on at its step, under another key; a state of another noise, or of none, is another training's.
    @Test
    void training_thatGoesOn_countsItsStepsAndDrawsAfresh(@TempDir Path folder) throws Exception {
        Path state = folder.resolve("state.safetensors");
        var _ = resumed(method(1, 1, 1), state, step -> step.number() < 2);
        assertThatThrownBy(() -> resumed(method(1, 2, 1), state, Trainer.Progress.NONE))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("is the state of another training");
        assertThatThrownBy(() -> resumed(Optional.empty(), state, Trainer.Progress.NONE))
                .isInstanceOf(InvalidFile.class);
        List<Integer> heard = new ArrayList<>();
        var _ = resumed(method(1, 1, 2), state, step -> heard.add(step.number()));
        assertThat(heard).containsExactly(3, 4);
    }

    private Trainer.Result resumed(Optional<DpSgd> method, Path state, Trainer.Progress progress) throws Exception {
        return Trainer.train(
                model,
                lora,
                start,
                data,
                new Trainer.Plan(4, 3, 1e-3, 0, 0, 1),
                method,
                Correction.NONE,
                state,
                1,
                progress);
    }

    @Test
    void packedRows_areRefused() {
        TrainingSet<?> packed = TrainingSet.packed(examples, 200);
        assertThatThrownBy(() -> seen(packed, lora, method(1, 1, 1), 2, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("train without packing");
    }
}

package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.TrainingState;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Sampler;
import dev.sotto.training.privacy.DpSgd;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/// Trains an adapter for a fixed number of steps, with fresh AdamW state, as every client of OpenFedLLM does
/// in every round. The same seed gives the same bits on the processor of the same machine, also if the training was
/// killed in between and went on from its last state.
///
/// With [DpSgd] what is trained is differentially private in the examples, each of which counts 1 and is computed
/// alone; noise and samples are fresh, so that no seed gives the same bits again. Losses and token counts are not
/// private: they are for the organisation itself.
public final class Trainer {
    private Trainer() {}

    /// What to do.
    ///
    /// @param steps          at least 1
    /// @param batchSize      examples per step; with [DpSgd] that many are expected in it
    /// @param microBatchSize examples computed at once; the gradients of a step's parts are added up, which
    ///   needs less memory and gives the same mean; with [DpSgd] it is 1 in any case
    /// @param learningRate   constant within the call
    /// @param weightDecay    decoupled
    /// @param clipNorm       largest gradient norm of a step; 0 for none; that of an example is [DpSgd]'s
    /// @param seed           decides the order of the data, and dropout
    public record Plan(
            int steps,
            int batchSize,
            int microBatchSize,
            double learningRate,
            double weightDecay,
            double clipNorm,
            long seed) {
        /// Checks the counts.
        ///
        /// @throws IllegalArgumentException naming the one below 1
        public Plan {
            if (steps < 1 || batchSize < 1 || microBatchSize < 1) {
                throw new IllegalArgumentException("steps " + steps + ", batch size " + batchSize
                        + " and micro-batch size " + microBatchSize + " must be at least 1");
            }
        }

        /// Every batch at once.
        public Plan(int steps, int batchSize, double learningRate, double weightDecay, double clipNorm, long seed) {
            this(steps, batchSize, batchSize, learningRate, weightDecay, clipNorm, seed);
        }
    }

    /// What came of it.
    ///
    /// @param adapter  the new vector
    /// @param meanLoss over the steps
    /// @param tokens   that carried loss
    @SuppressWarnings("ArrayRecordComponent")
    public record Result(float[] adapter, double meanLoss, long tokens) {}

    /// A step that has been made.
    ///
    /// @param number       from 1
    /// @param of           how many there will be
    /// @param loss         of its batch, before it; 0 if nothing was drawn
    /// @param gradientNorm L2, before clipping
    /// @param tokens       of its batch, without padding; those without loss count too
    public record Step(int number, int of, double loss, double gradientNorm, long tokens) {}

    /// Hears of every step.
    @FunctionalInterface
    public interface Progress {
        /// Goes on in any case.
        Progress NONE = _ -> true;

        /// After a step.
        ///
        /// @return false to stop the training there
        boolean step(Step step);
    }

    /// Trains from `start`, which is not changed.
    public static Result train(
            Model model,
            LoraConfig lora,
            float[] start,
            TrainingSet<?> data,
            Plan plan,
            Correction correction,
            Progress progress) {
        return train(model, lora, Coordinates.ADAPTER, start, data, plan, correction, progress);
    }

    /// Trains what an adapter follows from.
    ///
    /// @param start of what is trained, not changed
    /// @return with what was trained in place of an adapter
    public static Result train(
            Model model,
            LoraConfig lora,
            Coordinates coordinates,
            float[] start,
            TrainingSet<?> data,
            Plan plan,
            Correction correction,
            Progress progress) {
        return train(model, lora, coordinates, start, data, plan, Optional.empty(), correction, progress);
    }

    /// The same, with differential privacy or without.
    ///
    /// @param correction made after the noise, of what is public by then
    /// @throws IllegalArgumentException if examples are packed, with privacy: a row is no example
    public static Result train(
            Model model,
            LoraConfig lora,
            Coordinates coordinates,
            float[] start,
            TrainingSet<?> data,
            Plan plan,
            Optional<DpSgd> privacy,
            Correction correction,
            Progress progress) {
        return run(new Run<>(model, lora, coordinates, data, plan, privacy, correction, fresh(start)), progress);
    }

    private static Result run(Run<?> run, Progress progress) {
        while (run.step(progress)) {}
        return run.result();
    }

    /// The same, with its state in a file: if that is there, training goes on from it, else from `start`.
    ///
    /// @param state replaced after every `every` steps and at the end; its folder exists
    /// @throws InvalidFile if the file is damaged, or of a training with other arguments
    public static Result train(
            Model model,
            LoraConfig lora,
            float[] start,
            TrainingSet<?> data,
            Plan plan,
            Correction correction,
            Path state,
            int every,
            Progress progress)
            throws IOException, InvalidFile {
        return train(model, lora, start, data, plan, Optional.empty(), correction, state, every, progress);
    }

    /// The same, with differential privacy or without. A training that goes on draws its noise afresh and counts its
    /// steps from the state: those that were lost with the process left nothing that could be seen.
    ///
    /// @throws IllegalArgumentException if examples are packed, with privacy
    public static Result train(
            Model model,
            LoraConfig lora,
            float[] start,
            TrainingSet<?> data,
            Plan plan,
            Optional<DpSgd> privacy,
            Correction correction,
            Path state,
            int every,
            Progress progress)
            throws IOException, InvalidFile {
        String training = fingerprint(model, lora, start, data, plan, privacy);
        TrainingState from = Files.exists(state) ? TrainingState.read(state, training, start.length) : fresh(start);
        Run<?> run = new Run<>(model, lora, Coordinates.ADAPTER, data, plan, privacy, correction, from);
        boolean on = run.steps < plan.steps();
        while (on) {
            on = run.step(progress);
            if (!on || run.steps % every == 0) {
                run.state().write(state, training);
            }
        }
        return run.result();
    }

    /// Goes on from the end of an earlier training, with the optimiser's moments and the place in the data that it
    /// left: for members that keep their optimiser from round to round.
    ///
    /// @param from its adapter is what is trained, and may be another since, such as the next round's; its loss and
    ///   tokens are taken as 0
    /// @param plan `steps` counts from the beginning of the first of these trainings, and is more than `from` has
    /// @return with loss and tokens of this training alone
    public static TrainingState resume(
            Model model,
            LoraConfig lora,
            Coordinates coordinates,
            TrainingState from,
            TrainingSet<?> data,
            Plan plan,
            Correction correction,
            Progress progress) {
        TrainingState begin = new TrainingState(
                from.step(), from.adapter(), from.first().clone(), from.second().clone(), 0, 0);
        Run<?> run = new Run<>(model, lora, coordinates, data, plan, Optional.empty(), correction, begin);
        while (run.step(progress)) {}
        return run.state();
    }

    /// The state before any step.
    public static TrainingState fresh(float[] start) {
        return new TrainingState(0, start, new float[start.length], new float[start.length], 0, 0);
    }

    /// Tells trainings apart whose states must not be mixed up. The correction is not in it: it follows from
    /// what the caller started from.
    private static <T> String fingerprint(
            Model model, LoraConfig lora, float[] start, TrainingSet<T> data, Plan plan, Optional<DpSgd> privacy) {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
        digest.update(List.of(
                        data.objective(),
                        model.config(),
                        model.execution().compute(),
                        model.execution().base(),
                        lora,
                        plan)
                .toString()
                .getBytes(StandardCharsets.UTF_8));
        privacy.ifPresent(method -> digest.update(method.toString().getBytes(StandardCharsets.UTF_8)));
        ByteBuffer values = ByteBuffer.allocate(4 * start.length);
        values.asFloatBuffer().put(start);
        digest.update(values);
        for (T example : data.examples()) {
            Batch batch = data.objective().batch(List.of(example), 0);
            for (int row = 0; row < batch.tokens().length; row++) {
                ByteBuffer tokens = ByteBuffer.allocate(8 * batch.tokens()[row].length);
                tokens.asIntBuffer().put(batch.tokens()[row]).put(batch.targets()[row]);
                digest.update(tokens);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /// A training between its steps.
    private static final class Run<T> {
        private final Objective<T> objective;
        private final Model model;
        private final LoraConfig lora;
        private final Coordinates coordinates;
        private final List<T> data;
        private final Plan plan;
        private final Optional<DpSgd> privacy;
        private final Correction correction;
        private final Sampler<T> sampler;
        private final AdamW optimiser;
        private final float[] trained;
        private double loss;
        private long tokens;
        private int steps;

        Run(
                Model model,
                LoraConfig lora,
                Coordinates coordinates,
                TrainingSet<T> data,
                Plan plan,
                Optional<DpSgd> privacy,
                Correction correction,
                TrainingState from) {
            if (privacy.isPresent() && data.objective() instanceof Objective.Packed) {
                throw new IllegalArgumentException("packed rows hold several examples, differential privacy needs each"
                        + " alone; train without packing");
            }
            this.objective = data.objective();
            this.model = model;
            this.lora = lora;
            this.coordinates = coordinates;
            this.data = data.examples();
            this.plan = plan;
            this.privacy = privacy;
            this.correction = correction;
            this.sampler = new Sampler<>(data.examples(), plan.seed());
            this.trained = from.adapter().clone();
            this.optimiser = new AdamW(from.step(), from.first(), from.second());
            this.loss = from.loss();
            this.tokens = from.tokens();
            this.steps = from.step();
            for (int step = 0; step < steps; step++) {
                sampler.next(plan.batchSize());
            }
        }

        /// Whether another step follows.
        boolean step(Progress progress) {
            List<T> examples = privacy.map(method -> method.sample(data, plan.batchSize()))
                    .orElseGet(() -> sampler.next(plan.batchSize()));
            Model.Gradient made =
                    privacy.map(method -> gradient(method, examples)).orElseGet(() -> gradient(examples));
            correction.gradient(made.gradient(), trained);
            double norm =
                    optimiser.step(trained, made.gradient(), plan.learningRate(), plan.weightDecay(), plan.clipNorm());
            correction.stepped(trained, plan.learningRate());
            loss += made.loss();
            tokens += examples.isEmpty() ? 0 : objective.batch(examples, 0).counted();
            steps++;
            return progress.step(new Step(steps, plan.steps(), made.loss(), norm, objective.tokens(examples)))
                    && steps < plan.steps();
        }

        /// Each example alone, cut, then noise. The loss is the mean of the drawn examples' own means.
        private Model.Gradient gradient(DpSgd method, List<T> examples) {
            float[] adapter = coordinates.adapter(trained);
            double[] sum = new double[trained.length];
            double losses = 0;
            for (T example : examples) {
                List<T> alone = List.of(example);
                double total = Math.max(1, objective.weight(alone));
                Model.Gradient made = objective.part(model, lora, adapter, alone, total, method.seed());
                losses += made.loss();
                method.add(sum, coordinates.gradient(made.gradient()));
            }
            double expected = Math.min(plan.batchSize(), data.size());
            return new Model.Gradient(losses / Math.max(1, examples.size()), method.release(sum, expected));
        }

        private Model.Gradient gradient(List<T> examples) {
            SplittableRandom seeds = new SplittableRandom(plan.seed() + 31L * steps);
            double total = Math.max(1, objective.weight(examples));
            double sum = 0;
            float[] adapter = coordinates.adapter(trained);
            float[] gradient = new float[adapter.length];
            for (int at = 0; at < examples.size(); at += plan.microBatchSize()) {
                List<T> part = examples.subList(at, Math.min(at + plan.microBatchSize(), examples.size()));
                Model.Gradient made = objective.part(model, lora, adapter, part, total, seeds.nextLong());
                sum += made.loss();
                for (int i = 0; i < gradient.length; i++) {
                    gradient[i] += made.gradient()[i];
                }
            }
            return new Model.Gradient(sum, coordinates.gradient(gradient));
        }

        TrainingState state() {
            return new TrainingState(steps, trained, optimiser.first(), optimiser.second(), loss, tokens);
        }

        Result result() {
            return new Result(trained, loss / steps, tokens);
        }
    }
}

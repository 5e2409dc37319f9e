package dev.sotto.participant.agent;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.PrivacyLedger;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.participant.model.Plans;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.data.Loaded;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.recipe.Corpus;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.Template;
import dev.sotto.training.template.TemplateRefused;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// The organisation's base model and data.
public final class LocalTraining implements Training {
    /// Far from every round: 2^64 over the golden ratio.
    private static final long ANOTHER_ATTEMPT = 0x9E3779B97F4A7C15L;

    private final Path base;
    private final Model model;
    private final Mapping<?> mapping;
    private final Loaded<?> loaded;
    private final long seed;
    /// Of the last plan only: whoever writes plans does not decide how much is kept. Asked for by two threads.
    private volatile @Nullable Encoded last;

    /// The examples as tokens, and what these depend on.
    private record Encoded(Recipe<?> recipe, String template, TrainingSet<?> set) {}

    private LocalTraining(Path base, Model model, Mapping<?> mapping, Loaded<?> loaded, long seed) {
        this.base = base;
        this.model = model;
        this.mapping = mapping;
        this.loaded = loaded;
        this.seed = seed;
    }

    /// Takes over a model, and the data that were read for it.
    ///
    /// @param base    the model's folder
    /// @param mapping that the data were read with: it decides which objectives they are good for
    /// @param seed    decides, with the round, in which order examples are drawn
    public static <E> LocalTraining of(Path base, Model model, Mapping<E> mapping, Loaded<E> loaded, long seed) {
        return new LocalTraining(base, model, mapping, loaded, seed);
    }

    @Override
    public LlamaConfig config() {
        return model.config();
    }

    @Override
    public long examples() {
        return loaded.examples().size();
    }

    @Override
    public Optional<String> refuses(TrainingPlan plan) {
        try {
            trainingSet(plan);
            return Optional.empty();
        } catch (IllegalArgumentException | InvalidFile | TemplateRefused | IOException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    @Override
    public PrivacyLedger.Training cost(RoundOpened round, Policy.Privacy privacy) throws IOException {
        TrainingPlan plan = round.plan();
        return new PrivacyLedger.Training(
                round.round(),
                round.attempt(),
                plan.steps(),
                plan.batchSize(),
                data(plan).examples().size(),
                privacy.noiseMultiplier());
    }

    @Override
    public LocalUpdate train(
            RoundOpened round,
            Bytes publicSeed,
            ModelVersion start,
            int rank,
            Optional<float[]> ownControl,
            Optional<DpSgd> privacy,
            Trainer.Progress progress)
            throws IOException {
        TrainingPlan plan = round.plan();
        TrainingSet<?> data = data(plan);
        LoraConfig lora = Plans.lora(plan);
        return LocalUpdate.train(
                model,
                lora,
                Plans.adapter(LoraMode.of(plan.loraMode()), lora, model.config(), publicSeed),
                start,
                rank,
                data,
                new Trainer.Plan(
                        plan.steps(),
                        plan.batchSize(),
                        plan.learningRate(),
                        plan.weightDecay(),
                        plan.clipNorm(),
                        seed + round.round() + (round.attempt() - 1) * ANOTHER_ATTEMPT),
                privacy,
                ServerOptimizer.of(plan.algorithm()),
                plan.proximalMu(),
                ownControl,
                progress);
    }

    private TrainingSet<?> data(TrainingPlan plan) throws IOException {
        try {
            return trainingSet(plan);
        } catch (IllegalArgumentException | InvalidFile | TemplateRefused e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private TrainingSet<?> trainingSet(TrainingPlan plan) throws IOException, InvalidFile, TemplateRefused {
        Recipe<?> recipe = Plans.recipe(plan);
        Encoded known = last;
        if (known != null && known.recipe().equals(recipe) && known.template().equals(plan.template())) {
            return known.set();
        }
        try (Tokenizer tokenizer = Tokenizer.load(base)) {
            Sequences sequences = new Sequences(Template.named(plan.template(), base), tokenizer);
            TrainingSet<?> made = corpus(recipe)
                    .trainingSet(sequences, model.config().positions())
                    .orElseThrow(
                            () -> new IOException("no example has an answer within " + plan.maxTokens() + " tokens"));
            last = new Encoded(recipe, plan.template(), made);
            return made;
        }
    }

    /// The examples are of the mapping's kind: that it gives the recipe's makes the cast one to itself.
    @SuppressWarnings("unchecked")
    private <E> Corpus<E> corpus(Recipe<E> recipe) {
        Mapping<E> _ = recipe.mapping(mapping);
        return new Corpus<>(recipe, (Loaded<E>) loaded);
    }

    @Override
    public void close() {
        model.close();
    }
}

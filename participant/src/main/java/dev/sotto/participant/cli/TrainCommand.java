package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.algorithms.Schedule;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.model.Layouts;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.djl.Coordinates;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.recipe.Corpus;
import java.io.Console;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto train`: an adapter on one organisation's own data, without any federation.
@Command(
        name = "train",
        description = "Train a LoRA adapter on your own data, alone. A training that was killed goes on from its last"
                + " saved state when the same command is given again.",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
    private static final double LEAST_RATE = 1e-6;

    @Mixin
    ModelOptions options = new ModelOptions();

    @Option(
            names = "--data",
            required = true,
            arity = "1..*",
            description = "Files with one example a record: .jsonl, .json, .csv, .tsv or .parquet.")
    List<Path> files = List.of();

    @Mixin
    DataOptions data = new DataOptions();

    @Mixin
    RecipeOptions recipes = new RecipeOptions();

    @Option(names = "--packing", description = "Of sft: several sequences in a row, none of which sees another.")
    boolean packing;

    @Mixin
    LoraOptions adapters = new LoraOptions();

    @Option(
            names = "--target-pattern",
            paramLabel = "REGEX",
            description =
                    "Modules by their whole names, as in .*\\.[0-3]\\.self_attn\\..*, instead of --target-modules.")
    Optional<String> pattern = Optional.empty();

    @Option(
            names = "--lora-dropout",
            defaultValue = "0",
            description = "Share of an adapter's inputs that a step leaves out (default ${DEFAULT-VALUE}).")
    double dropout;

    @Option(names = "--rslora", description = "Scale by alpha over the root of the rank.")
    boolean rankStabilised;

    @Option(names = "--init", description = "Adapter folder to start from; else a fresh adapter from the seed.")
    Optional<Path> init = Optional.empty();

    @Option(names = "--steps", description = "Optimiser steps (default 10).")
    Optional<Integer> steps = Optional.empty();

    @Option(names = "--epochs", description = "Passes over the data, instead of --steps.")
    Optional<Double> epochs = Optional.empty();

    @Option(names = "--batch-size", defaultValue = "8", description = "Examples a step (default ${DEFAULT-VALUE}).")
    int batchSize;

    @Option(
            names = "--micro-batch-size",
            description = "Examples computed at once: less memory, the same gradient (default: the batch).")
    Optional<Integer> microBatchSize = Optional.empty();

    @Option(names = "--learning-rate", defaultValue = "0.003", description = "AdamW's rate (default ${DEFAULT-VALUE}).")
    double learningRate;

    @Option(names = "--weight-decay", defaultValue = "0", description = "Decoupled (default ${DEFAULT-VALUE}).")
    double weightDecay;

    @Option(
            names = "--clip-norm",
            defaultValue = "1",
            description = "Longest gradient; 0 for any (default ${DEFAULT-VALUE}).")
    double clipNorm;

    @Mixin
    PrivacyOptions privacy = new PrivacyOptions();

    @Option(
            names = "--rounds",
            defaultValue = "1",
            description = "Repeat --steps as a member of a federation does: a fresh optimiser each time, the learning"
                    + " rate on a cosine (default ${DEFAULT-VALUE}).")
    int rounds;

    @Option(names = "--seed", defaultValue = "1", description = "Decides all that is drawn (default ${DEFAULT-VALUE}).")
    long seed;

    @Option(
            names = "--save-every",
            paramLabel = "STEPS",
            description = "Save the state of the training, from which the same command goes on (default: never).")
    Optional<Integer> saveEvery = Optional.empty();

    @Option(
            names = "--output-dir",
            required = true,
            description = "Folder for the adapter in PEFT's format, loss.csv and loss.svg.")
    Path output = Path.of("");

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        check();
        if (packing && privacy.on()) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--packing does not go with differential privacy, which cuts each example");
        }
        PrintWriter said =
                format.json() ? spec.commandLine().getErr() : spec.commandLine().getOut();
        Corpus<?> corpus = data.corpus(recipes.recipe(packing), files);
        DataOptions.tell(said, corpus.loaded());
        try (Model model = options.model();
                Tokenizer tokenizer = Tokenizer.load(options.base)) {
            PeftFiles.Adapter start = start(model.config());
            TrainingSet<?> set = corpus.trainingSet(
                            recipes.sequences(options.base, tokenizer),
                            model.config().positions())
                    .orElseThrow(() -> new Failed(
                            "no example has an answer within --max-tokens " + recipes.maxTokens + " tokens"));
            int each = stepsOf(set);
            said.println(String.format(
                    Locale.ROOT,
                    "%d examples in %d rows, %d coordinates, %d steps on %s",
                    corpus.loaded().examples().size(),
                    set.examples().size(),
                    start.vector().length,
                    rounds * each,
                    model.execution().device()));
            Optional<PrivacyOptions.Cost> cost =
                    privacy.cost(batchSize, set.examples().size(), (long) rounds * each);
            train(model, start, set, each, cost, corpus, said);
        }
        return 0;
    }

    private void check() {
        boolean countable = rounds >= 1
                && steps.orElse(1) >= 1
                && saveEvery.orElse(1) >= 1
                && batchSize >= 1
                && microBatchSize.orElse(1) >= 1;
        if (!countable || !(epochs.orElse(1.0) > 0)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(),
                    "--rounds, --steps, --save-every and sizes must be at least 1, --epochs above 0");
        }
        if (steps.isPresent() && epochs.isPresent()) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--steps and --epochs exclude each other");
        }
        if (!(learningRate > 0 && learningRate <= 1) || !(weightDecay >= 0 && weightDecay <= 1) || !(clipNorm >= 0)) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(),
                    "--learning-rate must be in (0, 1], --weight-decay in [0, 1], --clip-norm at least 0");
        }
    }

    private PeftFiles.Adapter start(LlamaConfig config) throws IOException, InvalidFile {
        if (init.isPresent()) {
            return PeftFiles.read(init.get(), config);
        }
        LoraConfig lora = adapters.lora(dropout, rankStabilised, pattern);
        return new PeftFiles.Adapter(
                lora, PublicSeed.adapter(seed(seed), Layouts.adapter(LoraMode.LORA, lora, config)));
    }

    private int stepsOf(TrainingSet<?> set) {
        return epochs.isPresent()
                ? (int) Math.max(1, Math.ceil(epochs.get() * set.examples().size() / batchSize))
                : steps.orElse(10);
    }

    private void train(
            Model model,
            PeftFiles.Adapter start,
            TrainingSet<?> set,
            int each,
            Optional<PrivacyOptions.Cost> cost,
            Corpus<?> corpus,
            PrintWriter said)
            throws IOException, InvalidFile {
        long began = System.nanoTime();
        LossCurve curve = new LossCurve(output);
        boolean terminal = !format.json()
                && Optional.ofNullable(System.console())
                        .map(Console::isTerminal)
                        .orElse(false);
        Trainer.Result result = new Trainer.Result(start.vector(), 0, 0);
        long tokens = 0;
        for (int round = 0; round < rounds; round++) {
            long before = (long) round * each;
            String place = rounds == 1 ? "" : "round " + (round + 1) + " of " + rounds + "  ";
            Meter meter = new Meter(said, terminal, System::nanoTime, place);
            Trainer.Progress progress = step -> {
                meter.step(step);
                try {
                    curve.step(before + step.number(), step);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return true;
            };
            Trainer.Plan plan = new Trainer.Plan(
                    each,
                    batchSize,
                    microBatchSize.orElse(batchSize),
                    Schedule.cosine(learningRate, Math.min(LEAST_RATE, learningRate), round, rounds),
                    weightDecay,
                    clipNorm,
                    seed + round);
            Optional<DpSgd> method = cost.map(PrivacyOptions.Cost::method);
            try {
                result = saveEvery.isPresent()
                        ? Trainer.train(
                                model,
                                start.lora(),
                                result.adapter(),
                                set,
                                plan,
                                method,
                                Correction.NONE,
                                state(round),
                                saveEvery.get(),
                                progress)
                        : Trainer.train(
                                model,
                                start.lora(),
                                Coordinates.ADAPTER,
                                result.adapter(),
                                set,
                                plan,
                                method,
                                Correction.NONE,
                                progress);
            } finally {
                method.ifPresent(DpSgd::close);
            }
            tokens += meter.tokens();
        }
        PeftFiles.write(
                output, options.base.toString(), model.config(), new PeftFiles.Adapter(start.lora(), result.adapter()));
        curve.draw();
        for (int round = 0; round < rounds; round++) {
            Files.deleteIfExists(state(round));
        }
        tell(result, each, cost, corpus, tokens, (System.nanoTime() - began) / 1e9);
    }

    /// One a round: those of rounds that are done lead through them at once.
    private Path state(int round) {
        return output.resolve("training-state-" + (round + 1) + ".safetensors");
    }

    private void tell(
            Trainer.Result result,
            int each,
            Optional<PrivacyOptions.Cost> cost,
            Corpus<?> corpus,
            long tokens,
            double seconds) {
        PrintWriter out = spec.commandLine().getOut();
        if (format.json()) {
            ObjectNode told = JsonNodeFactory.instance
                    .objectNode()
                    .put("meanLoss", result.meanLoss())
                    .put("steps", rounds * each)
                    .put("examples", corpus.loaded().examples().size())
                    .put("skipped", corpus.loaded().skipped())
                    .put("tokens", tokens)
                    .put("tokensPerSecond", tokens / seconds)
                    .put("seconds", seconds)
                    .put("adapter", output.toString());
            cost.ifPresent(known -> told.put("epsilon", known.epsilon())
                    .put("delta", known.delta())
                    .put("noiseMultiplier", known.step().noiseMultiplier())
                    .put("dpClip", known.clip()));
            out.println(told);
        } else {
            out.println(String.format(
                    Locale.ROOT, "mean loss %.4f; adapter, loss.csv and loss.svg in %s", result.meanLoss(), output));
            cost.ifPresent(known -> out.println(PrivacyCommand.text(known)));
        }
    }

    /// 32 bytes that spell a small number.
    static Bytes seed(long seed) {
        return Bytes.of(ByteBuffer.allocate(32).putLong(24, seed).array());
    }
}

package dev.sotto.participant.cli;

import dev.sotto.algorithms.ClientStep;
import dev.sotto.algorithms.Schedule;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.model.Layouts;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.participant.model.Plans;
import dev.sotto.participant.simulate.Simulation;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Evaluation;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import dev.sotto.training.recipe.Corpus;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Sequences;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto simulate`: a federation in one process, for trying a recipe. Data is dealt to the organisations
/// one example at a time.
@Command(
        name = "simulate",
        description = "Federate in one process, with real training and masking and no network: to try a recipe."
                + " It protects nobody, since one process holds everything.",
        mixinStandardHelpOptions = true)
final class SimulateCommand implements Callable<Integer> {
    private static final int MOST_HELD_OUT = 100;
    private static final String EVALUATION = "evaluation";

    @Mixin
    ModelOptions options = new ModelOptions();

    @Option(
            names = "--data",
            required = true,
            arity = "1..*",
            description = "Files to deal out, or one folder with a .jsonl file per organisation and evaluation.jsonl.")
    List<Path> files = List.of();

    @Mixin
    DataOptions data = new DataOptions();

    @Mixin
    RecipeOptions recipes = new RecipeOptions();

    @Mixin
    LoraOptions adapters = new LoraOptions();

    @Option(names = "--steps", defaultValue = "10", description = "Local steps a round (default ${DEFAULT-VALUE}).")
    int steps;

    @Option(names = "--batch-size", defaultValue = "8", description = "Examples a step (default ${DEFAULT-VALUE}).")
    int batchSize;

    @Option(names = "--learning-rate", defaultValue = "0.003", description = "AdamW's rate (default ${DEFAULT-VALUE}).")
    double learningRate;

    @Option(names = "--seed", defaultValue = "1", description = "Decides all that is drawn (default ${DEFAULT-VALUE}).")
    long seed;

    @Option(names = "--organisations", defaultValue = "4", description = "3 to 16 (default ${DEFAULT-VALUE}).")
    int organisations;

    @Option(names = "--rounds", defaultValue = "5", description = "Rounds (default ${DEFAULT-VALUE}).")
    int rounds;

    @Option(names = "--algorithm", defaultValue = "fedavg", description = "Server rule (default ${DEFAULT-VALUE}).")
    String algorithm = "fedavg";

    @Option(names = "--output-dir", required = true, description = "Folder for the adapter, in PEFT's format.")
    Path output = Path.of("");

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        check(rounds >= 1 && steps >= 1 && batchSize >= 1, "--rounds, --steps and --batch-size must be at least 1");
        ServerOptimizer optimizer = optimizer();
        Map<String, Corpus<?>> given = given(recipes.recipe(false));
        try (Model model = options.model();
                Tokenizer tokenizer = Tokenizer.load(options.base)) {
            Sequences sequences = recipes.sequences(options.base, tokenizer);
            Map<String, TrainingSet<?>> sets = new TreeMap<>();
            for (Map.Entry<String, Corpus<?>> own : given.entrySet()) {
                sets.put(
                        own.getKey(),
                        own.getValue()
                                .trainingSet(sequences, model.config().positions())
                                .orElseThrow(() -> new CommandLine.ParameterException(
                                        spec.commandLine(),
                                        "no example of " + own.getKey() + " fits into --max-tokens")));
            }
            TrainingSet<?> evaluation = Objects.requireNonNull(sets.remove(EVALUATION));
            TrainingSet<?> pooled = TrainingSet.together(sets.values());
            List<String> names = List.copyOf(sets.keySet());
            LoraConfig lora = adapters.lora();
            VectorLayout layout = Layouts.adapter(LoraMode.LORA, lora, model.config());
            float[] start = PublicSeed.adapter(TrainCommand.seed(seed), layout);
            Simulation simulation = new Simulation(names, optimizer, layout, start, plan(lora), Randomness.secure());
            out.println(String.format(
                    Locale.ROOT,
                    "%d organisations with %d examples, %d held out, %d adapter coordinates",
                    names.size(),
                    pooled.examples().size(),
                    evaluation.examples().size(),
                    start.length));
            print(out, "base", evaluate(model, lora, start, evaluation));
            Map<String, float[]> controls = new TreeMap<>();
            for (int round = 0; round < rounds; round++) {
                long started = System.nanoTime();
                Simulation.Round made = simulation.round((organisation, version, number) -> {
                    TrainingSet<?> own = Objects.requireNonNull(sets.get(organisation));
                    LocalUpdate update = LocalUpdate.train(
                            model,
                            lora,
                            Plans.adapter(LoraMode.LORA, lora, model.config(), TrainCommand.seed(seed)),
                            version,
                            own,
                            plan(number),
                            optimizer,
                            optimizer == ServerOptimizer.FEDPROX ? ClientStep.PROXIMAL_MU : 0,
                            Optional.ofNullable(controls.get(organisation)),
                            Trainer.Progress.NONE);
                    update.nextControl().ifPresent(next -> controls.put(organisation, next));
                    return new Simulation.LocalTraining.Learned(
                            update.vectors(), update.meanLoss(), own.examples().size());
                });
                out.println(String.format(
                        Locale.ROOT,
                        "round %d of %d  loss %.4f  %.1f s  %d masked bytes  error %.1e of at most %.1e  verified by all",
                        round + 1,
                        rounds,
                        made.meanLoss(),
                        (System.nanoTime() - started) / 1e9,
                        made.bytesUp(),
                        made.maxError(),
                        made.errorBound()));
                out.flush();
            }
            float[] federated = simulation.version().adapter();
            for (String name : names) {
                print(
                        out,
                        name + " alone",
                        evaluate(
                                model,
                                lora,
                                alone(model, lora, start, Objects.requireNonNull(sets.get(name))),
                                evaluation));
            }
            print(out, "federated", evaluate(model, lora, federated, evaluation));
            print(out, "pooled", evaluate(model, lora, alone(model, lora, start, pooled), evaluation));
            PeftFiles.write(output, options.base.toString(), model.config(), new PeftFiles.Adapter(lora, federated));
            out.println("adapter in " + output);
        }
        return 0;
    }

    /// Examples by organisation, and the held-out ones: a folder's files as they are, or files dealt in
    /// turn.
    private <E> Map<String, Corpus<?>> given(Recipe<E> recipe) throws IOException, InvalidFile {
        Map<String, Corpus<?>> given = new TreeMap<>();
        if (files.size() == 1 && Files.isDirectory(files.getFirst())) {
            try (Stream<Path> all = Files.list(files.getFirst())) {
                for (Path file : all.filter(file -> file.toString().endsWith(".jsonl"))
                        .sorted()
                        .toList()) {
                    String name = file.getFileName().toString().replace(".jsonl", "");
                    check(Topics.isId(name), file + ": the name of an organisation must match [a-z0-9-]{1,63}");
                    given.put(name, data.corpus(recipe, List.of(file)));
                }
            }
            check(
                    given.containsKey(EVALUATION) && given.size() >= 4 && given.size() <= 17,
                    files.getFirst() + " must hold " + EVALUATION + ".jsonl and 3 to 16 files of organisations");
            return given;
        }
        check(organisations >= 3 && organisations <= 16, "--organisations is " + organisations + ", must be 3 to 16");
        List<E> all = data.corpus(recipe, files).loaded().examples();
        int heldOut = Math.min(MOST_HELD_OUT, all.size() / 5);
        check(heldOut > 0 && all.size() - heldOut >= organisations, "too few examples: " + all.size());
        List<String> names = new ArrayList<>();
        for (int i = 0; i < organisations; i++) {
            names.add(String.format(Locale.ROOT, "org-%02d", i + 1));
        }
        Simulation.deal(all.subList(0, all.size() - heldOut), names)
                .forEach((name, own) -> given.put(name, Corpus.of(recipe, own)));
        given.put(EVALUATION, Corpus.of(recipe, all.subList(all.size() - heldOut, all.size())));
        return given;
    }

    private ServerOptimizer optimizer() {
        try {
            return ServerOptimizer.of(algorithm);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(spec.commandLine(), String.valueOf(e.getMessage()));
        }
    }

    private void check(boolean holds, String sentence) {
        if (!holds) {
            throw new CommandLine.ParameterException(spec.commandLine(), sentence);
        }
    }

    private TrainingPlan plan(LoraConfig lora) {
        return new TrainingPlan(
                algorithm,
                recipes.objective.name(),
                recipes.template,
                LoraMode.LORA.wireName(),
                lora.rank(),
                lora.alpha(),
                lora.targetModules(),
                steps,
                batchSize,
                recipes.maxTokens,
                learningRate,
                0,
                1,
                recipes.objective == RecipeOptions.Objective.dpo ? recipes.beta : 0,
                algorithm.equals(ServerOptimizer.FEDPROX.wireName()) ? ClientStep.PROXIMAL_MU : 0,
                learningRate);
    }

    private Trainer.Plan plan(long round) {
        double rate = Schedule.cosine(learningRate, 1e-6, round, rounds);
        return new Trainer.Plan(steps, batchSize, rate, 0, 1, seed + round);
    }

    /// As many steps as a member of the federation makes, in the same rounds with fresh optimisers.
    private float[] alone(Model model, LoraConfig lora, float[] start, TrainingSet<?> own) {
        float[] adapter = start;
        for (int round = 0; round < rounds; round++) {
            adapter = Trainer.train(model, lora, adapter, own, plan(round), Correction.NONE, Trainer.Progress.NONE)
                    .adapter();
        }
        return adapter;
    }

    private Evaluation evaluate(Model model, LoraConfig lora, float[] adapter, TrainingSet<?> held) {
        return Evaluation.of(model, lora, adapter, held, batchSize);
    }

    private static void print(PrintWriter out, String name, Evaluation result) {
        out.println(
                String.format(Locale.ROOT, "%-14s  loss %.4f  accuracy %.3f", name, result.loss(), result.accuracy()));
        out.flush();
    }
}

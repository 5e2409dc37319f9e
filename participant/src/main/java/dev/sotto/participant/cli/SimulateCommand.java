package dev.sotto.participant.cli;

import dev.sotto.algorithms.ClientStep;
import dev.sotto.algorithms.Schedule;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.model.Layouts;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.participant.simulate.Evaluation;
import dev.sotto.participant.simulate.Simulation;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Batch;
import dev.sotto.training.data.Example;
import dev.sotto.training.data.JsonLines;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Trainer;
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

    @Option(names = "--organisations", defaultValue = "4", description = "3 to 16 (default ${DEFAULT-VALUE}).")
    int organisations;

    @Option(names = "--rounds", defaultValue = "5", description = "Rounds (default ${DEFAULT-VALUE}).")
    int rounds;

    @Option(names = "--algorithm", defaultValue = "fedavg", description = "Server rule (default ${DEFAULT-VALUE}).")
    String algorithm = "fedavg";

    @Option(names = "--output", required = true, description = "Folder for the adapter, in PEFT's format.")
    Path output = Path.of("");

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        check(rounds >= 1 && options.steps >= 1, "--rounds and --steps must be at least 1");
        ServerOptimizer optimizer = optimizer();
        Map<String, List<Example>> given = given();
        List<Example> evaluating = Objects.requireNonNull(given.remove(EVALUATION));
        try (Model model = options.model()) {
            List<Batch.Sequence> evaluation = options.encode(model, evaluating);
            List<String> names = List.copyOf(given.keySet());
            Map<String, List<Batch.Sequence>> data = new TreeMap<>();
            List<Batch.Sequence> training = new ArrayList<>();
            for (Map.Entry<String, List<Example>> own : given.entrySet()) {
                List<Batch.Sequence> sequences = options.encode(model, own.getValue());
                check(!sequences.isEmpty(), "no example of " + own.getKey() + " fits into --max-tokens");
                data.put(own.getKey(), sequences);
                training.addAll(sequences);
            }
            check(!evaluation.isEmpty(), "no held-out example fits into --max-tokens");
            LoraConfig lora = options.lora();
            VectorLayout layout = Layouts.adapter(lora, model.config());
            float[] start = PublicSeed.adapter(TrainCommand.seed(options.seed), layout);
            Simulation simulation = new Simulation(names, optimizer, layout, start, plan(lora), Randomness.secure());
            out.println(String.format(
                    Locale.ROOT,
                    "%d organisations with %d examples, %d held out, %d adapter coordinates",
                    names.size(),
                    training.size(),
                    evaluation.size(),
                    start.length));
            print(out, "base", evaluate(model, lora, start, evaluation));
            Map<String, float[]> controls = new TreeMap<>();
            for (int round = 0; round < rounds; round++) {
                long started = System.nanoTime();
                Simulation.Round made = simulation.round((organisation, version, number) -> {
                    List<Batch.Sequence> own = Objects.requireNonNull(data.get(organisation));
                    LocalUpdate update = LocalUpdate.train(
                            model,
                            lora,
                            version,
                            own,
                            plan(number),
                            optimizer,
                            optimizer == ServerOptimizer.FEDPROX ? ClientStep.PROXIMAL_MU : 0,
                            Optional.ofNullable(controls.get(organisation)),
                            (step, steps, loss) -> true);
                    update.nextControl().ifPresent(next -> controls.put(organisation, next));
                    return new Simulation.LocalTraining.Learned(update.vectors(), update.meanLoss(), own.size());
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
                                alone(model, lora, start, Objects.requireNonNull(data.get(name))),
                                evaluation));
            }
            print(out, "federated", evaluate(model, lora, federated, evaluation));
            print(out, "pooled", evaluate(model, lora, alone(model, lora, start, training), evaluation));
            PeftFiles.write(output, options.base.toString(), model.config(), new PeftFiles.Adapter(lora, federated));
            out.println("adapter in " + output);
        }
        return 0;
    }

    /// Examples by organisation, and the held-out ones: a folder's files as they are, or files dealt in
    /// turn.
    private Map<String, List<Example>> given() throws IOException, InvalidFile {
        Map<String, List<Example>> given = new TreeMap<>();
        if (options.data.size() == 1 && Files.isDirectory(options.data.getFirst())) {
            try (Stream<Path> files = Files.list(options.data.getFirst())) {
                for (Path file : files.filter(file -> file.toString().endsWith(".jsonl"))
                        .sorted()
                        .toList()) {
                    String name = file.getFileName().toString().replace(".jsonl", "");
                    check(Topics.isId(name), file + ": the name of an organisation must match [a-z0-9-]{1,63}");
                    given.put(name, JsonLines.read(file));
                }
            }
            check(
                    given.containsKey(EVALUATION) && given.size() >= 4 && given.size() <= 17,
                    options.data.getFirst() + " must hold " + EVALUATION + ".jsonl and 3 to 16 files of organisations");
            return given;
        }
        check(organisations >= 3 && organisations <= 16, "--organisations is " + organisations + ", must be 3 to 16");
        List<Example> all = options.examples();
        int heldOut = Math.min(MOST_HELD_OUT, all.size() / 5);
        check(heldOut > 0 && all.size() - heldOut >= organisations, "too few examples: " + all.size());
        List<String> names = new ArrayList<>();
        for (int i = 0; i < organisations; i++) {
            names.add(String.format(Locale.ROOT, "org-%02d", i + 1));
        }
        given.putAll(Simulation.deal(all.subList(0, all.size() - heldOut), names));
        given.put(EVALUATION, all.subList(all.size() - heldOut, all.size()));
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
                "sft",
                "alpaca",
                lora.rank(),
                lora.alpha(),
                lora.targetModules(),
                options.steps,
                options.batchSize,
                options.maxTokens,
                options.learningRate,
                0,
                1,
                algorithm.equals(ServerOptimizer.FEDPROX.wireName()) ? ClientStep.PROXIMAL_MU : 0,
                options.learningRate);
    }

    private Trainer.Plan plan(long round) {
        double rate = Schedule.cosine(options.learningRate, 1e-6, round, rounds);
        return new Trainer.Plan(options.steps, options.batchSize, rate, 0, 1, options.seed + round);
    }

    /// As many steps as a member of the federation makes, in the same rounds with fresh optimisers.
    private float[] alone(Model model, LoraConfig lora, float[] start, List<Batch.Sequence> data) {
        float[] adapter = start;
        for (int round = 0; round < rounds; round++) {
            adapter = Trainer.train(model, lora, adapter, data, plan(round), (step, steps, loss) -> true)
                    .adapter();
        }
        return adapter;
    }

    private Evaluation evaluate(Model model, LoraConfig lora, float[] adapter, List<Batch.Sequence> data) {
        return Evaluation.of(model, lora, adapter, data, options.batchSize);
    }

    private static void print(PrintWriter out, String name, Evaluation result) {
        out.println(
                String.format(Locale.ROOT, "%-14s  loss %.4f  accuracy %.3f", name, result.loss(), result.accuracy()));
        out.flush();
    }
}

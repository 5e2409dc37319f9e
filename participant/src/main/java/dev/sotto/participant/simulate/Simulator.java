package dev.sotto.participant.simulate;

import dev.sotto.participant.home.Failed;
import dev.sotto.participant.model.BaseModel;
import dev.sotto.participant.simulate.Aggregation.Encoding;
import dev.sotto.participant.simulate.Examples.Member;
import dev.sotto.participant.simulate.Experiment.Algorithm;
import dev.sotto.schemas.Limits;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.template.Sequences;
import dev.sotto.training.template.Template;
import dev.sotto.training.template.TemplateRefused;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// Runs an experiment: every algorithm and baseline for every seed, one after the other, in one process. The
/// state of each run is on disk after every round, so that an experiment that was killed goes on where it was
/// and ends with the same bits. It protects nobody: one process holds everybody's data and secrets.
///
/// Not thread-safe.
public final class Simulator {
    private static final String STATE = "state.safetensors";

    private final Experiment experiment;
    private final LlamaConfig config;
    private final Examples examples;
    private final Map<Long, List<Member>> members = new TreeMap<>();
    private final List<Run> runs = new ArrayList<>();
    private final String base;

    /// Hears of every round.
    @FunctionalInterface
    public interface Listener {
        /// A round was made, and is on disk.
        ///
        /// @param line  about it
        /// @param share of all trainings of all runs that is done, in [0, 1]
        /// @param made  the share that this process made of it
        void round(String line, double share, double made);
    }

    /// Reads the data, and plans.
    ///
    /// @throws InvalidFile if a file is not as it must be
    /// @throws Failed      if the data does not suffice for the experiment
    public Simulator(Experiment experiment) throws IOException, InvalidFile, TemplateRefused, Failed {
        this.experiment = experiment;
        this.config = LlamaConfig.read(experiment.base());
        this.base = BaseModel.digest(experiment.base()).hex();
        try (Tokenizer tokenizer = Tokenizer.load(experiment.base())) {
            Sequences sequences = new Sequences(Template.named(experiment.template(), experiment.base()), tokenizer);
            this.examples = Examples.read(experiment, sequences, config.positions());
        }
        for (long seed : experiment.seeds()) {
            List<Member> dealt = examples.members(experiment, seed);
            members.put(seed, dealt);
            plan(seed, dealt);
        }
    }

    private void plan(long seed, List<Member> dealt) throws Failed {
        int cohort = experiment.cohort() == 0 ? dealt.size() : experiment.cohort();
        int least = experiment.encoding() instanceof Encoding.Masked ? 3 : 1;
        int most = experiment.encoding() instanceof Encoding.Exact
                ? dealt.size()
                : Math.min(dealt.size(), Limits.MAX_MEMBERS);
        if (cohort < least || cohort > most) {
            throw new Failed(experiment.file() + ": cohort is " + cohort + " of " + dealt.size() + " members, must be "
                    + least + " to " + most + " with this encoding");
        }
        if (experiment.baselines().pooled()) {
            TreeMap<String, Integer> labels = new TreeMap<>();
            dealt.forEach(
                    member -> member.labels().forEach((label, count) -> labels.merge(label, count, Integer::sum)));
            runs.add(Run.ofOne(Run.POOLED, seed, new Member(Run.POOLED, examples.pooled(), labels), experiment.mode()));
        }
        for (Algorithm algorithm : experiment.algorithms()) {
            runs.add(new Run(algorithm.name(), seed, algorithm, experiment.encoding(), dealt, cohort));
        }
        dealt.stream()
                .limit(experiment.baselines().alone())
                .forEach(member -> runs.add(Run.ofOne(Run.ALONE + member.id(), seed, member, experiment.mode())));
    }

    /// What will be done, for people.
    public List<String> plan() throws IOException, InvalidFile {
        List<String> lines = new ArrayList<>(examples.notes());
        lines.add(String.format(
                Locale.ROOT,
                "%d examples to deal, %d held out; an adapter of %d coordinates on %s",
                examples.dealt().size(),
                examples.heldOut().size(),
                experiment.lora().size(config),
                experiment.base()));
        members.forEach((seed, dealt) -> {
            int[] sizes = dealt.stream().mapToInt(Member::examples).sorted().toArray();
            lines.add(String.format(
                    Locale.ROOT,
                    "seed %d: %d members with %d to %d examples, median %d",
                    seed,
                    sizes.length,
                    sizes[0],
                    sizes[sizes.length - 1],
                    sizes[sizes.length / 2]));
        });
        long done = 0;
        long all = 0;
        for (Run run : runs) {
            int rounds = state(run).map(RunState::round).orElse(0);
            done += (long) rounds * run.cohort();
            all += (long) experiment.rounds() * run.cohort();
        }
        lines.add(String.format(
                Locale.ROOT,
                "%d runs of %d rounds: %s",
                runs.size(),
                experiment.rounds(),
                String.join(", ", runs.stream().map(Run::name).distinct().toList())));
        lines.add(String.format(
                Locale.ROOT,
                "%d trainings of %d steps, of which %d are done; updates are added up %s",
                all,
                experiment.local().steps(),
                done,
                switch (experiment.encoding()) {
                    case Encoding.Exact _ -> "exactly";
                    case Encoding.Fixed(int bits) -> "in fixed point of " + bits + " bits, without masks";
                    case Encoding.Masked(int bits) -> "in fixed point of " + bits + " bits, masked";
                }));
        return lines;
    }

    /// Loads the base model.
    public Model model() throws IOException, InvalidFile, NativeLibraryUnavailable {
        experiment
                .threads()
                .ifPresent(count -> System.setProperty("ai.djl.pytorch.num_threads", String.valueOf(count)));
        return Model.load(experiment.base(), experiment.execution());
    }

    private Optional<RunState> state(Run run) throws IOException, InvalidFile {
        Path file = run.folder(experiment.output()).resolve(STATE);
        return Files.exists(file)
                ? Optional.of(RunState.read(file, run.fingerprint(experiment, examples, base)))
                : Optional.empty();
    }

    /// Makes what is not done yet, and writes metrics, charts, the comparison and adapters.
    ///
    /// @return the comparison
    /// @throws Failed if a training diverges
    public Comparison run(Model model, Listener listener) throws IOException, InvalidFile, Failed {
        Path output = experiment.output();
        Files.createDirectories(output);
        Files.copy(experiment.file(), output.resolve("experiment.yaml"), StandardCopyOption.REPLACE_EXISTING);
        Files.writeString(output.resolve("partition.csv"), Examples.table(members));
        Evaluator evaluator = new Evaluator(
                model,
                experiment.lora(),
                examples.evaluation(),
                examples.kinds(),
                experiment.local().batchSize());
        double all = 0;
        double before = 0;
        Map<Run, RunState> states = new LinkedHashMap<>();
        for (Run run : runs) {
            all += (double) experiment.rounds() * run.cohort();
            Optional<RunState> found = state(run);
            if (found.isPresent()) {
                states.put(run, found.get());
                before += (double) found.get().round() * run.cohort();
            }
        }
        double done = before;
        Results results = new Results(experiment, List.copyOf(examples.kinds().keySet()));
        for (Run run : runs) {
            Path folder = run.folder(output);
            Files.createDirectories(folder);
            RunState state = states.containsKey(run) ? states.get(run) : start(run, evaluator, states);
            while (state.round() < experiment.rounds()) {
                state = run.round(model, experiment, state, evaluator);
                state.write(folder.resolve(STATE), run.fingerprint(experiment, examples, base));
                states.put(run, state);
                done += run.cohort();
                listener.round(line(run, state.measured().getLast()), done / all, (done - before) / all);
            }
            states.put(run, state);
            PeftFiles.write(
                    folder.resolve("adapter"),
                    experiment.base().toString(),
                    config,
                    new PeftFiles.Adapter(
                            experiment.lora(),
                            run.shared(experiment, config)
                                    .adapter(state.version().adapter())));
            results.write(states);
        }
        return results.write(states);
    }

    /// Version 0 is the same for all runs of a seed but for the optimiser's vectors, and so is what is measured of
    /// it.
    private RunState start(Run run, Evaluator evaluator, Map<Run, RunState> states) {
        float[] start = run.start(experiment, config);
        Measured measured = states.entrySet().stream()
                .filter(entry -> entry.getKey().seed() == run.seed())
                .map(entry -> entry.getValue().measured().getFirst())
                .findFirst()
                .orElseGet(() -> new Measured(
                        0,
                        Double.NaN,
                        0,
                        0,
                        0,
                        0,
                        0,
                        evaluator.of(run.shared(experiment, config).adapter(start))));
        return RunState.first(Aggregation.first(run.algorithm().rule(), start), measured);
    }

    private String line(Run run, Measured measured) {
        return String.format(
                        Locale.ROOT,
                        "seed %d  %s  round %d of %d  loss %.4f",
                        run.seed(),
                        run.name(),
                        measured.round(),
                        experiment.rounds(),
                        measured.loss())
                + measured.evaluation()
                        .map(all -> String.format(
                                Locale.ROOT, "  held out %.4f, accuracy %.3f", all.loss(), all.accuracy()))
                        .orElse("")
                + String.format(Locale.ROOT, "  %.1f s", measured.seconds());
    }
}

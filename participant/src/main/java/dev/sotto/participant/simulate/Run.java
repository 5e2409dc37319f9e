package dev.sotto.participant.simulate;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.algorithms.ServerRule;
import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.secagg.SampledCohort;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.model.Layouts;
import dev.sotto.participant.model.LocalUpdate;
import dev.sotto.participant.model.Plans;
import dev.sotto.participant.simulate.Aggregation.Contribution;
import dev.sotto.participant.simulate.Aggregation.Encoding;
import dev.sotto.participant.simulate.Examples.Member;
import dev.sotto.participant.simulate.Experiment.Algorithm;
import dev.sotto.participant.simulate.Experiment.Local;
import dev.sotto.participant.simulate.Experiment.Privacy;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.checkpoint.TrainingState;
import dev.sotto.training.djl.Coordinates;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.SharedAdapter;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.privacy.DpSgd;
import dev.sotto.training.privacy.Noise;
import dev.sotto.training.privacy.RenyiCurve;
import dev.sotto.training.privacy.SampledGaussian;
import dev.sotto.training.recipe.Recipe;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/// One training from the start to its last round: by a federation, or, with the same code, by a federation of
/// one that has one member's data or everybody's.
///
/// @param name     in tables, and its folder's
/// @param seed     the repetition
/// @param encoding how its updates are added up
/// @param members  who has data
/// @param cohort   how many of them take part in a round
record Run(String name, long seed, Algorithm algorithm, Encoding encoding, List<Member> members, int cohort) {
    /// The name of the one with everybody's data.
    static final String POOLED = "pooled";

    /// What the names of those with one member's begin with.
    static final String ALONE = "alone-";

    /// A federation of one, for which adding up is nothing.
    static Run ofOne(String name, long seed, Member member, LoraMode mode) {
        Algorithm fedAvg =
                new Algorithm(name, ServerRule.openFedLlm(ServerOptimizer.FEDAVG), 0, mode, Optional.empty());
        return new Run(name, seed, fedAvg, new Encoding.Exact(), List.of(member), 1);
    }

    /// Its folder in the experiment's.
    Path folder(Path output) {
        return output.resolve("seed-" + seed).resolve(name);
    }

    /// What its state must not be mixed up with: everything that decides a bit of it.
    String fingerprint(Experiment experiment, Examples examples, String base) {
        return Draws.bytes(
                        base,
                        examples.digest(),
                        experiment.recipe().toString(),
                        experiment.lora().toString(),
                        experiment.partition().toString(),
                        experiment.least(),
                        experiment.rounds(),
                        experiment.local().toString(),
                        experiment.every(),
                        experiment.execution().toString(),
                        name,
                        seed,
                        algorithm.toString(),
                        encoding.toString(),
                        members.size(),
                        cohort)
                .hex();
    }

    /// What is shared of the adapter, by a public seed that follows from the repetition's.
    SharedAdapter shared(Experiment experiment, LlamaConfig config) {
        return Plans.adapter(algorithm.mode(), experiment.lora(), config, publicSeed());
    }

    /// Version 0's vector.
    float[] start(Experiment experiment, LlamaConfig config) {
        return PublicSeed.adapter(publicSeed(), Layouts.adapter(algorithm.mode(), experiment.lora(), config));
    }

    /// 32 bytes that spell a small number, as the other commands have them.
    private Bytes publicSeed() {
        return Bytes.of(ByteBuffer.allocate(32).putLong(24, seed).array());
    }

    /// Who takes part in a round, from 0. The same for all algorithms of a repetition.
    List<Member> cohort(long round) {
        if (cohort == members.size()) {
            return members;
        }
        List<String> ids = SampledCohort.of(
                SampledCohort.seed(Draws.bytes("cohort", seed), round),
                members.stream().map(Member::id).toList(),
                cohort);
        return members.stream().filter(member -> ids.contains(member.id())).toList();
    }

    /// One round.
    ///
    /// @throws Failed if a member's update is not finite, or the sum is out of its range
    RunState round(Model model, Experiment experiment, RunState before, Evaluator evaluator)
            throws Failed, InvalidFile {
        long began = System.nanoTime();
        int round = before.round();
        SharedAdapter shared = shared(experiment, model.config());
        Local local = experiment.local();
        double rate = local.rate(round, experiment.rounds());
        SortedMap<String, float[]> controls = new TreeMap<>(before.controls());
        SortedMap<String, TrainingState> moments = new TreeMap<>(before.moments());
        SortedMap<String, Contribution> updates = new TreeMap<>();
        List<Member> cohort = cohort(round);
        ModelVersion version = before.version();
        for (Member member : cohort) {
            Optional<DpSgd> privacy = privacy(member, round);
            LocalUpdate update = LocalUpdate.of(
                    shared,
                    version,
                    experiment.lora().rank(),
                    algorithm.rule().optimizer(),
                    algorithm.mu(),
                    Optional.of(Objects.requireNonNullElseGet(
                            controls.get(member.id()), () -> new float[version.adapter().length])),
                    local.steps(),
                    rate,
                    (trained, from, correction) -> local.keepMoments()
                            ? kept(model, experiment, trained, from, member, rate, correction, moments)
                            : Trainer.train(
                                    model,
                                    experiment.lora(),
                                    trained,
                                    from,
                                    member.data(),
                                    plan(local, local.steps(), rate, Draws.number("batches", seed, member.id(), round)),
                                    privacy,
                                    correction,
                                    Trainer.Progress.NONE));
            privacy.ifPresent(DpSgd::close);
            update.nextControl().ifPresent(next -> controls.put(member.id(), next));
            requireFinite(update, member, round);
            updates.put(member.id(), new Contribution(update.vectors(), update.meanLoss(), member.examples()));
        }
        Aggregation.Closed closed;
        try {
            closed = aggregation(model.config(), experiment)
                    .close(version, updates, Draws.randomness("federation", seed, name, round));
        } catch (AggregateOutOfRange e) {
            throw new Failed(name + ", seed " + seed + ", round " + (round + 1) + ": " + e.getMessage(), e);
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        boolean evaluated = (round + 1) % experiment.every() == 0 || round + 1 == experiment.rounds();
        List<Measured> measured = new ArrayList<>(before.measured());
        measured.add(new Measured(
                round + 1,
                closed.meanLoss(),
                cohort.size(),
                closed.bytesUp(),
                cohort.size() * Aggregation.bytesDown(version),
                seconds,
                epsilon(round + 1, local),
                evaluated ? evaluator.of(shared.adapter(closed.version().adapter())) : List.of()));
        return new RunState(closed.version(), controls, moments, List.copyOf(measured));
    }

    /// The noise follows from the seed, so the same file gives the same bits; nobody is protected by it.
    private Optional<DpSgd> privacy(Member member, int round) {
        return algorithm
                .privacy()
                .map(asked -> new DpSgd(
                        asked.clipNorm(),
                        asked.noiseMultiplier(),
                        new Noise(Draws.bytes("noise", seed, name, member.id(), round)
                                .toArray())));
    }

    /// ε of the member that has spent most in the first so many rounds; 0 without privacy.
    private double epsilon(int rounds, Local local) {
        if (algorithm.privacy().isEmpty()) {
            return 0;
        }
        Privacy asked = algorithm.privacy().get();
        Map<SampledGaussian, Long> most = new HashMap<>();
        Map<String, Long> trainings = new HashMap<>();
        for (int round = 0; round < rounds; round++) {
            for (Member member : cohort(round)) {
                long steps = trainings.merge(member.id(), 1L, Long::sum) * local.steps();
                most.merge(DpSgd.step(local.batchSize(), member.examples(), asked.noiseMultiplier()), steps, Math::max);
            }
        }
        return most.entrySet().stream()
                .mapToDouble(
                        spent -> RenyiCurve.of(spent.getKey(), spent.getValue()).epsilon(asked.delta()))
                .max()
                .orElse(0);
    }

    private Trainer.Result kept(
            Model model,
            Experiment experiment,
            Coordinates trained,
            float[] start,
            Member member,
            double rate,
            Correction correction,
            SortedMap<String, TrainingState> moments) {
        TrainingState last = Objects.requireNonNullElseGet(moments.get(member.id()), () -> Trainer.fresh(start));
        TrainingState from = new TrainingState(last.step(), start, last.first(), last.second(), 0, 0);
        Local local = experiment.local();
        Trainer.Plan plan = plan(local, last.step() + local.steps(), rate, Draws.number("batches", seed, member.id()));
        TrainingState after = Trainer.resume(
                model, experiment.lora(), trained, from, member.data(), plan, correction, Trainer.Progress.NONE);
        moments.put(member.id(), after);
        return new Trainer.Result(after.adapter(), after.loss() / local.steps(), after.tokens());
    }

    private static Trainer.Plan plan(Local local, int steps, double rate, long seed) {
        return new Trainer.Plan(
                steps,
                local.batchSize(),
                Math.min(local.microBatchSize(), local.batchSize()),
                rate,
                local.weightDecay(),
                local.clipNorm(),
                seed);
    }

    private void requireFinite(LocalUpdate update, Member member, int round) throws Failed {
        for (String vector : new TreeSet<>(update.vectors().keySet())) {
            for (float value : Objects.requireNonNull(update.vectors().get(vector))) {
                if (!Float.isFinite(value)) {
                    throw new Failed(name + ", seed " + seed + ", round " + (round + 1) + ": the " + vector + " of "
                            + member.id() + " holds " + value + "; a smaller learning rate may help");
                }
            }
        }
    }

    private Aggregation aggregation(LlamaConfig config, Experiment experiment) {
        Local local = experiment.local();
        boolean preferences = experiment.recipe() instanceof Recipe.DirectPreference;
        TrainingPlan plan = new TrainingPlan(
                algorithm.rule().optimizer().wireName(),
                preferences ? "dpo" : "sft",
                experiment.template(),
                algorithm.mode().wireName(),
                experiment.lora().rank(),
                experiment.lora().alpha(),
                experiment.lora().targetModules(),
                local.steps(),
                local.batchSize(),
                experiment.recipe().maxTokens(),
                local.learningRate(),
                local.weightDecay(),
                local.clipNorm(),
                experiment.recipe() instanceof Recipe.DirectPreference dpo ? dpo.beta() : 0,
                algorithm.mu(),
                local.learningRate());
        return new Aggregation(
                encoding,
                algorithm.rule(),
                Layouts.adapter(algorithm.mode(), experiment.lora(), config),
                plan,
                members.size());
    }
}

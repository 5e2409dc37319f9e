package dev.sotto.participant.home;

import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.YamlFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/// What an organisation demands of every round, whatever the coordinator says (protocol §6):
/// `policy.yaml`.
///
/// @param smallestCohort fewest members
/// @param minSurvivors   fewest members in a sum
/// @param maxColluders   members assumed to collude with the coordinator
/// @param weightings     of `uniform`, `classes`, `exact`
/// @param largestShare   of this organisation in a sum, by last round's weights
/// @param baseModels     digests; none: the one given to `sotto run`
/// @param targetModules  that may get an adapter
/// @param mostRank       of the adapter; of this organisation's part of it where members may have different ranks
/// @param fewestSteps    of local training
/// @param mostSteps      of local training
/// @param fewestExamples of this organisation
/// @param longestSeconds of local training
/// @param mostAttempts   at one round
/// @param mostPerDay     attempts in which this organisation takes part within 24 hours
/// @param openingHours   when it takes part
/// @param verify         `all`: every round is recomputed; `sample`: random partitions of it; `never`: only
///   digests are compared
/// @param privacy        differential privacy of the records here, if there is to be any
public record Policy(
        int smallestCohort,
        int minSurvivors,
        int maxColluders,
        List<String> weightings,
        double largestShare,
        List<String> baseModels,
        List<String> targetModules,
        int mostRank,
        int fewestSteps,
        int mostSteps,
        int fewestExamples,
        int longestSeconds,
        int mostAttempts,
        int mostPerDay,
        OpeningHours openingHours,
        String verify,
        Optional<Privacy> privacy) {
    /// Differential privacy of each record of this organisation, against everybody who sees sums and models.
    ///
    /// @param clipNorm        C, of an example's gradient
    /// @param noiseMultiplier σ
    /// @param delta           of all trainings together
    /// @param mostEpsilon     of all trainings together
    public record Privacy(double clipNorm, double noiseMultiplier, double delta, double mostEpsilon) {}

    /// Nothing is recomputed.
    public static final String NEVER = "never";

    /// The file that enrolment writes: every key with its default.
    public static final String TEMPLATE = """
            # yaml-language-server: $schema=policy.schema.json
            # What this organisation demands of every round. What breaks a rule is declined, with the reason, and
            # both sides' operators see it. `sotto policy check` reads this file.

            # Fewest members in a round, and in a sum.
            smallestCohort: 3
            minSurvivors: 3
            # How many members may work with the coordinator against the others. A round must stand more than that.
            # With 3 members it must be 0.
            maxColluders: 1

            # How updates may be weighted: uniform, classes (the number of examples in powers of two), exact.
            weightings: [uniform, classes]
            # This organisation lowers its own weight so that its share of a sum stays below.
            largestShare: 0.5

            # Digests of base models that may be trained; empty: the one that `sotto run --base` names.
            baseModels: []
            targetModules: [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]
            # With LoRA mode mixed this organisation trains so many rows of a larger adapter.
            mostRank: 64

            # One step on one example is that example's gradient.
            fewestSteps: 2
            mostSteps: 10000
            fewestExamples: 16
            # Of local training, in seconds.
            longestSeconds: 86400
            mostAttempts: 20
            # Attempts in which this organisation takes part within 24 hours.
            mostPerDay: 1000
            # HH:MM-HH:MM and a time zone; may pass midnight.
            openingHours: "00:00-24:00 UTC"

            # What is recomputed from the log of every round that this organisation took part in, before the next one.
            # all: everything. sample: random partitions, as many as let the members together look at all of it.
            # never: only the digest of the new adapter is compared.
            verify: sample

            # Differential privacy of each example here, off as long as this is a comment (docs/privacy.md): its gradient
            # is cut to clipNorm and noise of noiseMultiplier times that is added, in training, before anything leaves. All
            # trainings together, also of attempts that failed, stay within epsilon mostEpsilon at delta, which is below one
            # over the number of examples. What would go beyond is declined.
            # privacy: {clipNorm: 1.0, noiseMultiplier: 1.0, delta: 1.0e-5, mostEpsilon: 8}
            """;

    private static final Duration DAY = Duration.ofHours(24);
    private static final List<String> WEIGHTINGS = List.of("uniform", "classes", "exact");

    /// Copies the lists.
    public Policy {
        weightings = List.copyOf(weightings);
        baseModels = List.copyOf(baseModels);
        targetModules = List.copyOf(targetModules);
    }

    /// Reads the file.
    ///
    /// @throws InvalidFile naming the key, its value and what is allowed
    public static Policy read(Path file) throws IOException, InvalidFile {
        YamlFile yaml = YamlFile.read(file);
        Policy policy = new Policy(
                yaml.whole("smallestCohort", 3, 255),
                yaml.whole("minSurvivors", 3, 255),
                yaml.whole("maxColluders", 0, 253),
                yaml.list("weightings", WEIGHTINGS),
                yaml.number("largestShare", 0.001, 1),
                yaml.list("baseModels", List.of()),
                yaml.list("targetModules", List.of()),
                yaml.whole("mostRank", 1, 4096),
                yaml.whole("fewestSteps", 1, 1_000_000),
                yaml.whole("mostSteps", 1, 1_000_000),
                yaml.whole("fewestExamples", 1, 1_000_000_000),
                yaml.whole("longestSeconds", 1, 7 * 86_400),
                yaml.whole("mostAttempts", 1, 1_000_000),
                yaml.whole("mostPerDay", 1, 1_000_000),
                hours(yaml),
                yaml.oneOf("verify", List.of("all", "sample", NEVER), Optional.empty()),
                yaml.has("privacy") ? Optional.of(privacy(yaml.section("privacy"))) : Optional.empty());
        yaml.end();
        return policy;
    }

    /// The JSON Schema of `policy.yaml`, for editors and other programs.
    public static InputStream schema() {
        return Settings.resource("policy.schema.json");
    }

    private static OpeningHours hours(YamlFile yaml) throws InvalidFile {
        try {
            return OpeningHours.of(yaml.text("openingHours"));
        } catch (DateTimeException e) {
            throw yaml.mistake("openingHours", "HH:MM-HH:MM and a time zone, like \"22:00-06:00 Europe/Zurich\"");
        }
    }

    private static Privacy privacy(YamlFile yaml) throws InvalidFile {
        Privacy privacy = new Privacy(
                yaml.number("clipNorm", 1e-6, 1e6),
                yaml.number("noiseMultiplier", 0.01, 1000),
                yaml.number("delta", 1e-15, 0.01),
                yaml.number("mostEpsilon", 0.001, 1000));
        yaml.end();
        return privacy;
    }

    /// Why a round is refused, or nothing. Cohort, survivors and colluders are checked by the protocol's
    /// machine.
    ///
    /// @param baseModel digest of the checkpoint here, hexadecimal
    /// @param examples  of this organisation
    /// @param opened    when the attempt was opened, by the log
    /// @param taken     when earlier attempts were opened in which it took part
    public Optional<String> refuses(
            RoundOpened round, String baseModel, long examples, Instant opened, Collection<Instant> taken) {
        TrainingPlan plan = round.plan();
        String asked = round.baseModelDigest().hex();
        if (!asked.equals(baseModel)) {
            return Optional.of("base model " + asked + " is not the one here, " + baseModel);
        }
        if (!baseModels.isEmpty() && !baseModels.contains(asked)) {
            return Optional.of("baseModels does not allow " + asked);
        }
        if (!weightings.contains(round.weighting())) {
            return Optional.of("weighting " + round.weighting() + " is not in weightings " + weightings);
        }
        if (plan.loraRank() > mostRank && Rows.of(plan) == 0) {
            return Optional.of("rank " + plan.loraRank() + " is more than mostRank " + mostRank);
        }
        for (String module : plan.targetModules()) {
            if (!targetModules.contains(module)) {
                return Optional.of("target module " + module + " is not in targetModules " + targetModules);
            }
        }
        if (plan.steps() < fewestSteps || plan.steps() > mostSteps) {
            return Optional.of(
                    "steps " + plan.steps() + " is not from fewestSteps " + fewestSteps + " to mostSteps " + mostSteps);
        }
        if (examples < fewestExamples) {
            return Optional.of("there are fewer examples here than fewestExamples " + fewestExamples);
        }
        if (round.deadlines().training() > longestSeconds) {
            return Optional.of("training may take " + round.deadlines().training() + " s, more than longestSeconds "
                    + longestSeconds);
        }
        if (round.attempt() > mostAttempts) {
            return Optional.of("attempt " + round.attempt() + " is more than mostAttempts " + mostAttempts);
        }
        long today = taken.stream()
                .filter(earlier -> earlier.isAfter(opened.minus(DAY)))
                .count();
        if (today >= mostPerDay) {
            return Optional.of(today + " attempts within 24 hours are as many as mostPerDay " + mostPerDay + " allows");
        }
        if (!openingHours.include(opened)) {
            return Optional.of("it is outside openingHours " + openingHours);
        }
        return Optional.empty();
    }

    /// Of this organisation's part of a round's adapter: where members may have different ranks, at most `mostRank`.
    public int rank(TrainingPlan plan) {
        return Math.min(plan.loraRank(), mostRank);
    }

    /// What is recomputed of a closed round, if anything.
    ///
    /// @param partitions of each `updates` topic
    public Optional<Sample> sample(RoundOpened round, int partitions, Randomness randomness) {
        return switch (verify) {
            case "all" -> Optional.of(new Sample.All());
            case "sample" -> Optional.of(Sample.random(round, partitions, randomness));
            default -> Optional.empty();
        };
    }
}

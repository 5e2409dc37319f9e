package dev.sotto.participant.home;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TrainingPlan;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

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
/// @param mostRank       of the adapter
/// @param fewestSteps    of local training
/// @param mostSteps      of local training
/// @param fewestExamples of this organisation
/// @param longestSeconds of local training
/// @param mostAttempts   at one round
/// @param mostPerDay     attempts in which this organisation takes part within 24 hours
/// @param openingHours   when it takes part
/// @param verify         `all`: every round is recomputed; `sample`: random chunks of it; `never`: only
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
            # all: everything. sample: random chunks, as many as let the members together look at all of it.
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
        JsonNode tree;
        try {
            tree = new ObjectMapper(new YAMLFactory()).readTree(Home.text(file));
        } catch (JsonProcessingException e) {
            throw new InvalidFile(file, "line " + e.getLocation().getLineNr() + ": " + e.getOriginalMessage());
        }
        if (tree == null || !tree.isObject()) {
            throw new InvalidFile(file, "must be a mapping of keys to values");
        }
        Keys keys = new Keys(file, "", tree);
        Policy policy = new Policy(
                keys.integer("smallestCohort", 3, 255),
                keys.integer("minSurvivors", 3, 255),
                keys.integer("maxColluders", 0, 253),
                keys.texts("weightings", WEIGHTINGS),
                keys.number("largestShare", 0.001, 1),
                keys.texts("baseModels", List.of()),
                keys.texts("targetModules", List.of()),
                keys.integer("mostRank", 1, 4096),
                keys.integer("fewestSteps", 1, 1_000_000),
                keys.integer("mostSteps", 1, 1_000_000),
                keys.integer("fewestExamples", 1, 1_000_000_000),
                keys.integer("longestSeconds", 1, 7 * 86_400),
                keys.integer("mostAttempts", 1, 1_000_000),
                keys.integer("mostPerDay", 1, 1_000_000),
                keys.hours("openingHours"),
                keys.text("verify", List.of("all", "sample", NEVER)),
                keys.privacy());
        keys.done();
        return policy;
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
        if (plan.loraRank() > mostRank) {
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

    /// What is recomputed of a closed round, if anything.
    public Optional<Sample> sample(RoundOpened round, Randomness randomness) {
        return switch (verify) {
            case "all" -> Optional.of(new Sample.All());
            case "sample" -> Optional.of(Sample.random(round, randomness));
            default -> Optional.empty();
        };
    }

    private static final class Keys {
        private final Path file;
        private final String within;
        private final JsonNode tree;
        private final Set<String> known = new HashSet<>();

        /// @param within what the names of keys begin with in messages
        Keys(Path file, String within, JsonNode tree) {
            this.file = file;
            this.within = within;
            this.tree = tree;
        }

        int integer(String key, int least, int most) throws InvalidFile {
            JsonNode value = value(key);
            if (!value.isInt() || value.intValue() < least || value.intValue() > most) {
                throw bad(key, value, "an integer from " + least + " to " + most);
            }
            return value.intValue();
        }

        double number(String key, double least, double most) throws InvalidFile {
            JsonNode value = value(key);
            // YAML 1.1 takes 1e-5, without a point, for text.
            double number = value.isNumber() || value.asText().matches("[0-9]+[eE][-+]?[0-9]+")
                    ? Double.parseDouble(value.asText())
                    : Double.NaN;
            if (!(number >= least && number <= most)) {
                throw bad(key, value, "a number from " + least + " to " + most);
            }
            return number;
        }

        Optional<Privacy> privacy() throws InvalidFile {
            known.add("privacy");
            JsonNode value = tree.get("privacy");
            if (value == null) {
                return Optional.empty();
            }
            if (!value.isObject()) {
                throw bad("privacy", value, "a mapping, or left out");
            }
            Keys keys = new Keys(file, "privacy.", value);
            Privacy privacy = new Privacy(
                    keys.number("clipNorm", 1e-6, 1e6),
                    keys.number("noiseMultiplier", 0.01, 1000),
                    keys.number("delta", 1e-15, 0.01),
                    keys.number("mostEpsilon", 0.001, 1000));
            keys.done();
            return Optional.of(privacy);
        }

        String text(String key, List<String> allowed) throws InvalidFile {
            JsonNode value = value(key);
            if (!allowed.contains(value.asText())) {
                throw bad(key, value, "one of " + allowed);
            }
            return value.asText();
        }

        OpeningHours hours(String key) throws InvalidFile {
            JsonNode value = value(key);
            try {
                return OpeningHours.of(value.asText());
            } catch (DateTimeException e) {
                throw bad(key, value, "HH:MM-HH:MM and a time zone, like \"22:00-06:00 Europe/Zurich\"");
            }
        }

        List<String> texts(String key, List<String> allowed) throws InvalidFile {
            JsonNode value = value(key);
            if (!value.isArray()) {
                throw bad(key, value, "a list");
            }
            List<String> texts = new ArrayList<>();
            for (JsonNode item : value) {
                if (!item.isTextual() || (!allowed.isEmpty() && !allowed.contains(item.asText()))) {
                    throw bad(key, item, allowed.isEmpty() ? "a list of names" : "a list of some of " + allowed);
                }
                texts.add(item.asText());
            }
            return texts;
        }

        void done() throws InvalidFile {
            List<String> unknown = new ArrayList<>();
            tree.fieldNames().forEachRemaining(key -> {
                if (!known.contains(key)) {
                    unknown.add(key);
                }
            });
            if (!unknown.isEmpty()) {
                throw new InvalidFile(
                        file,
                        "unknown key '" + within + unknown.getFirst() + "'; allowed are "
                                + String.join(", ", known.stream().sorted().toList()));
            }
        }

        private JsonNode value(String key) throws InvalidFile {
            known.add(key);
            JsonNode value = tree.get(key);
            if (value == null || value.isNull()) {
                throw new InvalidFile(file, within + key + " is missing");
            }
            return value;
        }

        private InvalidFile bad(String key, JsonNode value, String allowed) {
            return new InvalidFile(file, within + key + " is " + value + ", must be " + allowed);
        }
    }
}

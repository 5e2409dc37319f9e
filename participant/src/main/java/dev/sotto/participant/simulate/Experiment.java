package dev.sotto.participant.simulate;

import dev.sotto.algorithms.ClientStep;
import dev.sotto.algorithms.Schedule;
import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.algorithms.ServerRule;
import dev.sotto.participant.simulate.Aggregation.Encoding;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.checkpoint.TargetModules;
import dev.sotto.training.data.Datasets;
import dev.sotto.training.data.Field;
import dev.sotto.training.data.Mapping;
import dev.sotto.training.data.YamlFile;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import dev.sotto.training.recipe.Recipe;
import dev.sotto.training.template.Template;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/// What an experiment file asks for. Paths in it are relative to its folder. The examples in `examples/simulate`
/// explain every key.
///
/// @param file       itself
/// @param base       checkpoint folder
/// @param data       what is dealt, and what is held out
/// @param partition  how it is dealt
/// @param least      examples of a member
/// @param cohort     S: how many members take part in a round; 0 for all
/// @param rounds     of every run
/// @param local      what a member does in a round
/// @param recipe     what it learns
/// @param template   how examples are written
/// @param lora       the adapter's shape
/// @param mode       what is shared of it, in baselines and where an algorithm does not say otherwise
/// @param encoding   how updates are added up
/// @param algorithms that are compared
/// @param baselines  that they are compared with
/// @param every      rounds between two evaluations; the last round is always followed by one
/// @param seeds      each a repetition of everything
/// @param output     folder
/// @param execution  where and how the base is computed
/// @param threads    of PyTorch, or one for each core
public record Experiment(
        Path file,
        Path base,
        Data data,
        Partition partition,
        int least,
        int cohort,
        int rounds,
        Local local,
        Recipe<?> recipe,
        String template,
        LoraConfig lora,
        LoraMode mode,
        Encoding encoding,
        List<Algorithm> algorithms,
        Baselines baselines,
        int every,
        List<Long> seeds,
        Path output,
        Execution execution,
        Optional<Integer> threads) {

    /// The examples.
    ///
    /// @param files        to deal
    /// @param mapping      from their fields to examples
    /// @param skipBadLines whether bad records are left out
    /// @param label        what is told apart, by the partition and in the evaluation
    /// @param most         so many examples are used, after mixing; 0 for all
    /// @param evaluation   held-out files; or none: `heldOut` of the examples are
    /// @param heldOut      how many
    record Data(
            List<Path> files,
            Mapping<?> mapping,
            boolean skipBadLines,
            Label label,
            int most,
            List<Path> evaluation,
            int heldOut) {}

    /// What examples are told apart by.
    sealed interface Label {
        /// Nothing.
        record None() implements Label {}

        /// The file that they are from.
        record Source() implements Label {}

        /// A field of their record.
        record InField(Field field) implements Label {}

        /// The number of lines of the answer that is learned.
        record AnswerLines() implements Label {}

        /// Which quarter of all answers it is in by its length in characters.
        record AnswerLength() implements Label {}
    }

    /// A member's part of a round.
    ///
    /// @param schedule  how the rate goes over the rounds
    /// @param keepMoments whether a member's optimiser and its place in its data stay from round to round; else
    ///   both are fresh, as in OpenFedLLM
    record Local(
            int steps,
            int batchSize,
            int microBatchSize,
            double learningRate,
            double leastLearningRate,
            RateSchedule schedule,
            double weightDecay,
            double clipNorm,
            boolean keepMoments) {
        /// The rate of a round, from 0.
        double rate(int round, int rounds) {
            return switch (schedule) {
                case CONSTANT -> learningRate;
                case COSINE -> Schedule.cosine(learningRate, leastLearningRate, round, rounds);
            };
        }
    }

    /// How the learning rate goes over the rounds.
    enum RateSchedule {
        /// It stays.
        CONSTANT,
        /// [Schedule#cosine].
        COSINE
    }

    /// One that is compared.
    ///
    /// @param name in tables
    /// @param mu   FedProx's μ; else 0
    /// @param mode what is shared of the adapter
    /// @param privacy of every member's examples, if there is to be any
    record Algorithm(String name, ServerRule rule, double mu, LoraMode mode, Optional<Privacy> privacy) {}

    /// Differential privacy of each example in its member, as in policy.yaml.
    ///
    /// @param clipNorm        C, of an example's gradient
    /// @param noiseMultiplier σ
    /// @param delta           of a member's trainings together
    record Privacy(double clipNorm, double noiseMultiplier, double delta) {}

    /// What it is compared with.
    ///
    /// @param base   the model without an adapter's training
    /// @param alone  so many members alone, or all
    /// @param pooled one that has everybody's data
    record Baselines(boolean base, int alone, boolean pooled) {
        /// Of `alone`.
        static final int ALL = Integer.MAX_VALUE;
    }

    /// Reads an experiment file.
    ///
    /// @throws InvalidFile              naming the file, the key, its value and what is allowed
    /// @throws NativeLibraryUnavailable if there is no PyTorch for this machine
    public static Experiment read(Path file) throws IOException, InvalidFile, NativeLibraryUnavailable {
        return new Reader(file, YamlFile.read(file)).read();
    }

    /// What its runs take; data and weights need not be there.
    ///
    /// @throws InvalidFile if `config.json` of the base cannot be used
    public Needs needs() throws IOException, InvalidFile {
        return Needs.of(this, LlamaConfig.read(base));
    }

    /// Asks for every key.
    private record Reader(Path file, YamlFile yaml) {
        private static final String LABELS = "source, answer-lines, answer-length or field:NAME";

        Experiment read() throws IOException, InvalidFile, NativeLibraryUnavailable {
            Path base = path(yaml.text("base"));
            Path output = path(yaml.text("output"));
            Data data = data(yaml.section("data"));
            YamlFile dealt = yaml.section("partition");
            int least = dealt.whole("least", 1, 1_000_000, 1);
            Partition partition = partition(dealt, data.label());
            int cohort = yaml.has("cohort") ? yaml.whole("cohort", 1, 100_000, 0) : 0;
            int rounds = yaml.whole("rounds", 1, 1_000_000, 10);
            Local local = local(section("local"));
            YamlFile objective = section("objective");
            Recipe<?> recipe = recipe(objective);
            String template = objective.oneOf("template", Template.NAMES, Optional.of("alpaca"));
            objective.end();
            try {
                Recipe<?> _ = mapped(recipe, data.mapping());
            } catch (IllegalArgumentException e) {
                throw new InvalidFile(file, "objective and data.dataset: " + e.getMessage());
            }
            YamlFile adapter = section("lora");
            LoraMode mode = mode(adapter, LoraMode.LORA);
            LoraConfig lora = lora(adapter);
            Encoding encoding = encoding(section("encoding"));
            List<Algorithm> algorithms = algorithms(mode);
            if (local.keepMoments()
                    && Stream.concat(Stream.of(mode), algorithms.stream().map(Algorithm::mode))
                            .anyMatch(LoraMode.ROLORA::equals)) {
                throw new InvalidFile(
                        file,
                        "local.optimiser is 'kept', must be fresh with mode rolora, whose rounds train other parts");
            }
            if (local.keepMoments()
                    && algorithms.stream().anyMatch(one -> one.privacy().isPresent())) {
                throw new InvalidFile(file, "local.optimiser is 'kept', must be fresh where an algorithm has privacy");
            }
            Baselines baselines = baselines(section("baselines"));
            int every = yaml.whole("evaluateEvery", 1, 1_000_000, 1);
            List<Long> seeds = seeds();
            YamlFile computed = section("execution");
            Execution execution = execution(computed);
            Optional<Integer> threads =
                    computed.has("threads") ? Optional.of(computed.whole("threads", 1, 1024, 1)) : Optional.empty();
            computed.end();
            yaml.end();
            return new Experiment(
                    file,
                    base,
                    data,
                    partition,
                    least,
                    cohort,
                    rounds,
                    local,
                    recipe,
                    template,
                    lora,
                    mode,
                    encoding,
                    algorithms,
                    baselines,
                    every,
                    seeds,
                    output,
                    execution,
                    threads);
        }

        private static <E> Recipe<E> mapped(Recipe<E> recipe, Mapping<?> mapping) {
            Mapping<E> _ = recipe.mapping(mapping);
            return recipe;
        }

        private Path path(String text) {
            return file.toAbsolutePath().resolveSibling(text).normalize();
        }

        private YamlFile section(String key) throws InvalidFile {
            return yaml.has(key) ? yaml.section(key) : YamlFile.parse(file, "{}");
        }

        private List<Path> paths(YamlFile section, String key) throws InvalidFile {
            return section.texts(key).stream().map(this::path).toList();
        }

        private Data data(YamlFile data) throws IOException, InvalidFile {
            List<Path> files = paths(data, "files");
            Mapping<?> mapping = mapping(data);
            boolean skip = data.flag("skipBadLines");
            Label label = data.has("label") ? label(data, data.text("label")) : new Label.None();
            int most = data.whole("most", 0, Integer.MAX_VALUE, 0);
            if (data.has("evaluation") == data.has("heldOut")) {
                throw data.mistake("heldOut", "there, or evaluation instead of it, and not both");
            }
            List<Path> evaluation = data.has("evaluation") ? paths(data, "evaluation") : List.of();
            int heldOut = data.whole("heldOut", 1, Integer.MAX_VALUE, 0);
            data.end();
            return new Data(files, mapping, skip, label, most, evaluation, heldOut);
        }

        private Mapping<?> mapping(YamlFile data) throws IOException, InvalidFile {
            String name = data.text("dataset", Datasets.DEFAULT);
            if (name.endsWith(".yaml") || name.endsWith(".yml")) {
                return Datasets.mapping(path(name));
            }
            try {
                return Datasets.mapping(name);
            } catch (IllegalArgumentException e) {
                throw data.mistake("dataset", "a mapping file, .yaml, or one of " + Datasets.names());
            }
        }

        private static Label label(YamlFile data, String text) throws InvalidFile {
            if (text.startsWith("field:") && text.length() > "field:".length()) {
                try {
                    return new Label.InField(Field.parse(text.substring("field:".length())));
                } catch (IllegalArgumentException e) {
                    throw data.mistake("label", LABELS);
                }
            }
            return switch (text) {
                case "source" -> new Label.Source();
                case "answer-lines" -> new Label.AnswerLines();
                case "answer-length" -> new Label.AnswerLength();
                default -> throw data.mistake("label", LABELS);
            };
        }

        private static Partition partition(YamlFile dealt, Label label) throws InvalidFile {
            String kind = dealt.oneOf("kind", List.of("iid", "dirichlet", "sizes", "natural"), Optional.empty());
            if (label instanceof Label.None && (kind.equals("dirichlet") || kind.equals("natural"))) {
                throw dealt.mistake("kind", "iid or sizes where data.label is missing");
            }
            Partition partition = switch (kind) {
                case "iid" -> new Partition.Iid(members(dealt));
                case "dirichlet" -> new Partition.Dirichlet(members(dealt), alpha(dealt));
                case "sizes" -> new Partition.Sizes(members(dealt), alpha(dealt));
                default -> new Partition.Natural();
            };
            dealt.end();
            return partition;
        }

        private static int members(YamlFile dealt) throws InvalidFile {
            if (!dealt.has("members")) {
                throw dealt.mistake("members", "a whole number from 1 to 100000");
            }
            return dealt.whole("members", 1, 100_000, 1);
        }

        private static double alpha(YamlFile dealt) throws InvalidFile {
            if (!dealt.has("alpha")) {
                throw dealt.mistake("alpha", "a number from 1.0E-4 to 1000000.0");
            }
            return dealt.number("alpha", 1e-4, 1e6, 1);
        }

        private static Local local(YamlFile local) throws InvalidFile {
            int batchSize = local.whole("batchSize", 1, 65_536, 16);
            double rate = local.number("learningRate", 1e-12, 1, 5e-5);
            Local made = new Local(
                    local.whole("steps", 1, 1_000_000, 10),
                    batchSize,
                    local.whole("microBatchSize", 1, 65_536, batchSize),
                    rate,
                    local.number("leastLearningRate", 0, rate, Math.min(1e-6, rate)),
                    RateSchedule.valueOf(local.oneOf("schedule", List.of("cosine", "constant"), Optional.of("cosine"))
                            .toUpperCase(Locale.ROOT)),
                    local.number("weightDecay", 0, 1, 0),
                    local.number("clipNorm", 0, 1e6, 1),
                    local.oneOf("optimiser", List.of("fresh", "kept"), Optional.of("fresh"))
                            .equals("kept"));
            local.end();
            return made;
        }

        private static Recipe<?> recipe(YamlFile objective) throws InvalidFile {
            String kind = objective.oneOf("kind", List.of("sft", "dpo"), Optional.of("sft"));
            int maxTokens = objective.whole("maxTokens", 2, 1_048_576, 512);
            return kind.equals("sft")
                    ? new Recipe.Supervised(maxTokens, false)
                    : new Recipe.DirectPreference(
                            objective.number("beta", 1e-6, 1e6, 0.1),
                            maxTokens,
                            objective.whole("maxPromptTokens", 1, 1_048_576, Math.max(1, maxTokens / 4)));
        }

        private static LoraMode mode(YamlFile section, LoraMode otherwise) throws InvalidFile {
            return LoraMode.of(section.oneOf(
                    "mode",
                    Arrays.stream(LoraMode.values())
                            .filter(mode -> mode != LoraMode.MIXED) // Members of an experiment have one rank.
                            .map(LoraMode::wireName)
                            .toList(),
                    Optional.of(otherwise.wireName())));
        }

        private static LoraConfig lora(YamlFile lora) throws InvalidFile {
            int rank = lora.whole("rank", 1, 1024, 8);
            double alpha = lora.number("alpha", 1e-6, 1e6, 16);
            List<String> modules = lora.has("targetModules") ? lora.texts("targetModules") : List.of();
            lora.end();
            try {
                return new LoraConfig(
                        rank,
                        alpha,
                        0,
                        false,
                        modules.isEmpty() ? TargetModules.ALL_LINEAR : new TargetModules.Names(modules));
            } catch (IllegalArgumentException e) {
                throw lora.mistake(
                        "targetModules",
                        "names that end in some of "
                                + TargetModules.LINEAR.stream().sorted().toList());
            }
        }

        private static Encoding encoding(YamlFile encoding) throws InvalidFile {
            String kind = encoding.oneOf("kind", List.of("exact", "fixed", "masked"), Optional.of("fixed"));
            int bits = kind.equals("exact") ? 0 : encoding.whole("ringBits", 16, 32, 24);
            if (!kind.equals("exact") && bits != 16 && bits != 24 && bits != 32) {
                throw encoding.mistake("ringBits", "16, 24 or 32");
            }
            encoding.end();
            return switch (kind) {
                case "exact" -> new Encoding.Exact();
                case "fixed" -> new Encoding.Fixed(bits);
                default -> new Encoding.Masked(bits);
            };
        }

        /// A list of names, or by name in tables what they are: `rule` is the same name if it is not given.
        private List<Algorithm> algorithms(LoraMode mode) throws InvalidFile {
            List<Algorithm> algorithms = new ArrayList<>();
            if (yaml.holdsObject("algorithms")) {
                YamlFile section = yaml.section("algorithms");
                for (String name : section.keys()) {
                    if (!name.matches("[A-Za-z0-9._-]{1,40}")
                            || name.equals(Run.POOLED)
                            || name.startsWith(Run.ALONE)) {
                        throw yaml.mistake(
                                "algorithms",
                                "named with up to 40 letters, digits, dots, dashes, and not pooled or alone-…");
                    }
                    YamlFile own = section.section(name);
                    algorithms.add(algorithm(name, own.text("rule", name), own, mode));
                    own.end();
                }
            } else {
                for (String name : yaml.has("algorithms") ? yaml.texts("algorithms") : List.of("fedavg")) {
                    algorithms.add(algorithm(name, name, YamlFile.parse(file, "{}"), mode));
                }
            }
            if (algorithms.stream().map(Algorithm::name).distinct().count() < algorithms.size()) {
                throw yaml.mistake("algorithms", "different names");
            }
            return List.copyOf(algorithms);
        }

        private Algorithm algorithm(String name, String ruleName, YamlFile own, LoraMode usual) throws InvalidFile {
            ServerOptimizer optimizer;
            try {
                optimizer = ServerOptimizer.of(ruleName);
            } catch (IllegalArgumentException e) {
                throw yaml.mistake(
                        "algorithms",
                        "of "
                                + Arrays.stream(ServerOptimizer.values())
                                        .map(ServerOptimizer::wireName)
                                        .toList());
            }
            boolean adaptive = !optimizer.weighted();
            boolean momentum = optimizer == ServerOptimizer.FEDAVGM
                    || optimizer == ServerOptimizer.FEDYOGI
                    || optimizer == ServerOptimizer.FEDADAM;
            boolean classic = (adaptive || momentum)
                    && own.oneOf("variant", List.of("openfedllm", "classic"), Optional.of("openfedllm"))
                            .equals("classic");
            ServerRule rule = new ServerRule(
                    optimizer,
                    classic ? ServerRule.Variant.CLASSIC : ServerRule.Variant.OPENFEDLLM,
                    adaptive ? own.number("eta", 1e-12, 1e6, ServerRule.ETA) : ServerRule.ETA,
                    adaptive ? own.number("tau", 1e-12, 1e6, ServerRule.TAU) : ServerRule.TAU,
                    momentum ? own.number("beta1", 0, 0.999999, ServerRule.BETA1) : ServerRule.BETA1,
                    adaptive && momentum ? own.number("beta2", 0, 0.999999, ServerRule.BETA2) : ServerRule.BETA2);
            double mu = optimizer == ServerOptimizer.FEDPROX ? own.number("mu", 1e-9, 1e3, ClientStep.PROXIMAL_MU) : 0;
            LoraMode mode = mode(own, usual);
            if (mode == LoraMode.ROLORA && optimizer.hasControl()) {
                throw new InvalidFile(
                        file, "algorithms: mode rolora does not go with scaffold, whose c moves in every round");
            }
            return new Algorithm(
                    name,
                    rule,
                    mu,
                    mode,
                    own.has("privacy") ? Optional.of(privacy(own.section("privacy"))) : Optional.empty());
        }

        private static Privacy privacy(YamlFile privacy) throws InvalidFile {
            Privacy made = new Privacy(
                    privacy.number("clipNorm", 1e-6, 1e6),
                    privacy.number("noiseMultiplier", 0.01, 1000),
                    privacy.number("delta", 1e-15, 0.01));
            privacy.end();
            return made;
        }

        private static Baselines baselines(YamlFile baselines) throws InvalidFile {
            int alone = baselines.has("alone")
                            && baselines.texts("alone").getFirst().equals("all")
                    ? Baselines.ALL
                    : baselines.whole("alone", 0, 100_000, 0);
            Baselines made = new Baselines(baselines.flag("base"), alone, baselines.flag("pooled"));
            baselines.end();
            return made;
        }

        private List<Long> seeds() throws InvalidFile {
            if (!yaml.has("seeds")) {
                return List.of(1L);
            }
            List<Long> seeds = new ArrayList<>();
            for (String text : yaml.texts("seeds")) {
                if (!text.matches("\\d{1,18}")) {
                    throw yaml.mistake("seeds", "whole numbers from 0");
                }
                seeds.add(Long.parseLong(text));
            }
            if (seeds.stream().distinct().count() < seeds.size()) {
                throw yaml.mistake("seeds", "different numbers");
            }
            return List.copyOf(seeds);
        }

        /// Not `auto`: the same file has to give the same bits.
        private static Execution execution(YamlFile computed) throws InvalidFile, NativeLibraryUnavailable {
            String text = computed.text("device", "cpu");
            if (!text.matches("cpu|cuda(:\\d{1,4})?")) {
                throw computed.mistake("device", "cpu, cuda or cuda:<index>");
            }
            Device device = Device.parse(text);
            return new Execution(
                    device,
                    Execution.Compute.valueOf(computed.oneOf("compute", List.of("FP32", "BF16"), Optional.of("FP32"))),
                    Execution.Base.valueOf(
                            computed.oneOf("holdBase", List.of("PLAIN", "INT8", "NF4"), Optional.of("PLAIN"))),
                    computed.flag("checkpointing"));
        }
    }
}

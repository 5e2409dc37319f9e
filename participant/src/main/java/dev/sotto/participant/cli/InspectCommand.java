package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.model.BaseModel;
import dev.sotto.participant.simulate.Experiment;
import dev.sotto.participant.simulate.Needs;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.Weights;
import dev.sotto.training.djl.MemoryEstimate;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import dev.sotto.training.djl.Objective;
import dev.sotto.training.djl.Tokenizer;
import dev.sotto.training.template.Template;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/// `sotto inspect`: what a checkpoint is, and what training it takes.
@Command(
        name = "inspect",
        description =
                "Show what is in a checkpoint (config.json is enough), whether Sotto can train it, and what an adapter costs: coordinates,"
                        + " bytes on the wire, memory. A checkpoint that is not supported is refused, saying why.",
        sortOptions = false,
        mixinStandardHelpOptions = true)
final class InspectCommand implements Callable<Integer> {
    /// Of what.
    static final class Source {
        @Option(names = "--base", description = "Hugging Face checkpoint folder of the base model.")
        @Nullable
        Path base;

        @Option(
                names = "--experiment",
                paramLabel = "FILE",
                description = "What the runs of `sotto simulate FILE` take, by its own settings.")
        @Nullable
        Path experiment;
    }

    @ArgGroup(multiplicity = "1")
    Source source = new Source();

    @Mixin
    ExecutionOptions execution = new ExecutionOptions();

    @Option(names = "--adapter", description = "Of this adapter, in PEFT's format, instead of --rank and the like.")
    Optional<Path> adapter = Optional.empty();

    @Mixin
    LoraOptions adapters = new LoraOptions();

    @Option(names = "--ring-bits", defaultValue = "24", description = "16, 24 or 32 (default ${DEFAULT-VALUE}).")
    int ringBits;

    @Option(
            names = "--micro-batch-size",
            defaultValue = "8",
            description = "For the memory: examples computed at once (default ${DEFAULT-VALUE}).")
    int microBatchSize;

    @Option(
            names = "--max-tokens",
            defaultValue = "512",
            description = "For the memory: tokens of each (default ${DEFAULT-VALUE}).")
    int maxTokens;

    @Option(names = "--objective", defaultValue = "sft", description = "For the memory (default ${DEFAULT-VALUE}).")
    RecipeOptions.Objective objective = RecipeOptions.Objective.sft;

    @Mixin
    OutputOption format = new OutputOption();

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Needs needs = source.experiment == null ? ofOptions() : ofExperiment(source.experiment);
        LlamaConfig config = LlamaConfig.read(needs.base());
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        all.set("model", model(config));
        all.set("weights", weights(needs.base(), config));
        all.set("text", text(needs.base()));
        all.set("adapter", adapter(config, needs.lora()));
        all.set("memory", memory(config, needs));
        for (Needs.Traffic traffic : needs.traffic()) {
            all.set("rounds of " + traffic.algorithm(), rounds(needs, traffic));
        }
        if (!all.path("weights").isEmpty()) {
            all.put("digest", BaseModel.digest(needs.base()).hex());
        }
        print(all);
        return 0;
    }

    private Needs ofExperiment(Path file) throws IOException, InvalidFile, NativeLibraryUnavailable {
        for (OptionSpec given : spec.commandLine().getParseResult().matchedOptions()) {
            if (!List.of("--experiment", "--output").contains(given.longestName())) {
                throw new ParameterException(
                        spec.commandLine(), given.longestName() + " is " + file + "'s to say, with --experiment");
            }
        }
        return Experiment.read(file).needs();
    }

    private Needs ofOptions() throws IOException, InvalidFile, NativeLibraryUnavailable {
        if (ringBits != 16 && ringBits != 24 && ringBits != 32) {
            throw new ParameterException(spec.commandLine(), "--ring-bits is " + ringBits + ", must be 16, 24 or 32");
        }
        if (microBatchSize < 1 || maxTokens < 2) {
            throw new ParameterException(
                    spec.commandLine(), "--micro-batch-size must be at least 1, --max-tokens at least 2");
        }
        Path base = Objects.requireNonNull(source.base, "the group needs one of both");
        LoraConfig lora = adapter.isPresent()
                ? PeftFiles.read(adapter.get(), LlamaConfig.read(base)).lora()
                : adapters.lora();
        return new Needs(
                base,
                lora,
                execution.execution(),
                objective == RecipeOptions.Objective.dpo
                        ? new Objective.DirectPreference(0.1)
                        : new Objective.Supervised(),
                microBatchSize,
                maxTokens,
                OptionalInt.empty(),
                OptionalInt.empty(),
                0,
                List.of());
    }

    /// Of vectors; signatures, keys and shares are not counted.
    private static ObjectNode rounds(Needs needs, Needs.Traffic traffic) {
        ObjectNode rounds = JsonNodeFactory.instance
                .objectNode()
                .put("mode", traffic.mode())
                .put("coordinates", traffic.coordinates())
                .put("rounds", needs.rounds());
        needs.members().ifPresent(members -> rounds.put("members", members));
        needs.cohort().ifPresent(cohort -> rounds.put("cohort", cohort));
        rounds.put("upBytesPerMember", traffic.up()).put("downBytesPerMember", traffic.down());
        needs.cohort()
                .ifPresent(cohort -> rounds.put("upBytesInAll", traffic.up() * cohort * needs.rounds())
                        .put("downBytesInAll", traffic.down() * cohort * needs.rounds()));
        return rounds;
    }

    private static ObjectNode model(LlamaConfig config) {
        return JsonNodeFactory.instance
                .objectNode()
                .put("parameters", parameters(config))
                .put("layers", config.layers())
                .put("hidden", config.hidden())
                .put("intermediate", config.intermediate())
                .put("heads", config.heads())
                .put("keyHeads", config.keyHeads())
                .put("headSize", config.headSize())
                .put("vocabulary", config.vocabulary())
                .put("positions", config.positions())
                .put("tiedOutput", config.tied());
    }

    private static long parameters(LlamaConfig config) {
        return config.weights().values().stream()
                .mapToLong(shape -> shape.stream().mapToLong(size -> size).reduce(1, (a, b) -> a * b))
                .sum();
    }

    /// Bytes by type; nothing if they are not here.
    private static ObjectNode weights(Path base, LlamaConfig config) throws IOException, InvalidFile {
        if (!Files.exists(base.resolve("model.safetensors")) && !Files.exists(base.resolve(Weights.INDEX))) {
            return JsonNodeFactory.instance.objectNode();
        }
        Map<String, Long> bytes = new TreeMap<>();
        try (Weights files = Weights.open(base, config)) {
            for (String name : config.weights().keySet()) {
                Safetensors.Mapped tensor = files.get(name);
                bytes.merge(tensor.type().name(), (long) tensor.bytes().remaining(), Long::sum);
            }
        }
        ObjectNode weights = JsonNodeFactory.instance.objectNode();
        bytes.forEach(weights::put);
        return weights;
    }

    private static ObjectNode text(Path base) throws IOException, InvalidFile {
        ObjectNode text = JsonNodeFactory.instance.objectNode();
        if (!Files.exists(base.resolve("tokenizer.json"))) {
            return text;
        }
        try (Tokenizer tokenizer = Tokenizer.load(base)) {
            text.put("beginToken", tokenizer.beginToken());
        }
        ArrayNode templates = text.putArray("templates");
        for (String name : Template.NAMES) {
            try {
                Template.named(name, base);
                templates.add(name);
            } catch (IOException | InvalidFile e) {
                text.put("no" + name.substring(0, 1).toUpperCase(Locale.ROOT) + name.substring(1), e.getMessage());
            }
        }
        return text;
    }

    private ObjectNode adapter(LlamaConfig config, LoraConfig lora) {
        int coordinates = lora.size(config);
        return JsonNodeFactory.instance
                .objectNode()
                .put("rank", lora.rank())
                .put("alpha", lora.alpha())
                .put("matrices", lora.matrices(config).size())
                .put("coordinates", coordinates)
                .put("bytesInPeft", 4L * coordinates)
                .put("maskedBytesPerRound", (long) coordinates * ringBits / 8);
    }

    private static ObjectNode memory(LlamaConfig config, Needs needs) {
        MemoryEstimate estimate = MemoryEstimate.of(
                config,
                needs.lora(),
                needs.execution(),
                needs.objective(),
                needs.microBatchSize(),
                Math.min(needs.maxTokens(), config.positions()));
        return JsonNodeFactory.instance
                .objectNode()
                .put("baseBytes", estimate.base())
                .put("adapterAndOptimiserBytes", estimate.adapter())
                .put("keptActivationBytes", estimate.kept())
                .put("oneLayerBytes", estimate.layer())
                .put("outputLayerBytes", estimate.output())
                .put("peakBytes", estimate.total());
    }

    private void print(ObjectNode all) {
        PrintWriter out = spec.commandLine().getOut();
        if (format.json()) {
            out.println(all);
            return;
        }
        all.properties().forEach(section -> {
            JsonNode value = section.getValue();
            String said = value.isValueNode() ? value.asText() : value.isEmpty() ? "not here" : "";
            out.println((section.getKey() + "  " + said).stripTrailing());
            section.getValue()
                    .properties()
                    .forEach(entry -> out.println(String.format(
                            Locale.ROOT,
                            "  %-24s %s",
                            entry.getKey(),
                            entry.getValue().isIntegralNumber()
                                    ? String.format(
                                            Locale.ROOT, "%,d", entry.getValue().asLong())
                                    : entry.getValue().isTextual()
                                            ? entry.getValue().asText()
                                            : entry.getValue().toString())));
        });
    }
}

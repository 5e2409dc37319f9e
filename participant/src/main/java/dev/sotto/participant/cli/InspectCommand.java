package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.model.BaseModel;
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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
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
    @Mixin
    ModelOptions options = new ModelOptions();

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
        if (ringBits != 16 && ringBits != 24 && ringBits != 32) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--ring-bits is " + ringBits + ", must be 16, 24 or 32");
        }
        if (microBatchSize < 1 || maxTokens < 2) {
            throw new CommandLine.ParameterException(
                    spec.commandLine(), "--micro-batch-size must be at least 1, --max-tokens at least 2");
        }
        LlamaConfig config = LlamaConfig.read(options.base);
        LoraConfig lora =
                adapter.isPresent() ? PeftFiles.read(adapter.get(), config).lora() : adapters.lora();
        ObjectNode all = JsonNodeFactory.instance.objectNode();
        all.set("model", model(config));
        all.set("weights", weights(config));
        all.set("text", text());
        all.set("adapter", adapter(config, lora));
        all.set("memory", memory(config, lora));
        if (!all.path("weights").isEmpty()) {
            all.put("digest", BaseModel.digest(options.base).hex());
        }
        print(all);
        return 0;
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
    private ObjectNode weights(LlamaConfig config) throws IOException, InvalidFile {
        if (!Files.exists(options.base.resolve("model.safetensors"))
                && !Files.exists(options.base.resolve(Weights.INDEX))) {
            return JsonNodeFactory.instance.objectNode();
        }
        Map<String, Long> bytes = new TreeMap<>();
        try (Weights files = Weights.open(options.base, config)) {
            for (String name : config.weights().keySet()) {
                Safetensors.Mapped tensor = files.get(name);
                bytes.merge(tensor.type().name(), (long) tensor.bytes().remaining(), Long::sum);
            }
        }
        ObjectNode weights = JsonNodeFactory.instance.objectNode();
        bytes.forEach(weights::put);
        return weights;
    }

    private ObjectNode text() throws IOException, InvalidFile {
        ObjectNode text = JsonNodeFactory.instance.objectNode();
        if (!Files.exists(options.base.resolve("tokenizer.json"))) {
            return text;
        }
        try (Tokenizer tokenizer = Tokenizer.load(options.base)) {
            text.put("beginToken", tokenizer.beginToken());
        }
        ArrayNode templates = text.putArray("templates");
        for (String name : Template.NAMES) {
            try {
                Template.named(name, options.base);
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

    private ObjectNode memory(LlamaConfig config, LoraConfig lora) throws NativeLibraryUnavailable {
        MemoryEstimate estimate = MemoryEstimate.of(
                config,
                lora,
                options.execution(),
                objective == RecipeOptions.Objective.dpo
                        ? new Objective.DirectPreference(0.1)
                        : new Objective.Supervised(),
                microBatchSize,
                Math.min(maxTokens, config.positions()));
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
                            "  %-22s %s",
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

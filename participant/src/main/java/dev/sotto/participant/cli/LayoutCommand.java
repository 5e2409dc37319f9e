package dev.sotto.participant.cli;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.model.BaseModel;
import dev.sotto.participant.model.Layouts;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.LoraMode;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto layout`: what a federation trains, for `sotto admin init`, which sees no model.
@Command(
        name = "layout",
        description = "Describe an adapter for a base model, for `sotto admin init`.",
        mixinStandardHelpOptions = true)
final class LayoutCommand implements Callable<Integer> {
    @Option(names = "--base", required = true, description = "Checkpoint folder of the base model.")
    private Path base = Path.of("");

    @Option(
            names = "--mode",
            defaultValue = "lora",
            description =
                    "What is shared of an adapter: lora, ffa, rolora, fed-sb or mixed (default ${DEFAULT-VALUE}).")
    private String mode = "lora";

    @Mixin
    private LoraOptions adapters = new LoraOptions();

    @Option(names = "--output-file", required = true, description = "File to write.")
    private Path output = Path.of("");

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        LoraConfig lora = adapters.lora();
        LoraMode shared;
        try {
            shared = LoraMode.of(mode);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--mode: " + e.getMessage());
        }
        VectorLayout layout = Layouts.adapter(shared, lora, LlamaConfig.read(base));
        ObjectNode json = JsonNodeFactory.instance
                .objectNode()
                .put("baseModelDigest", BaseModel.digest(base).hex())
                .put("mode", shared.wireName())
                .put("r", lora.rank())
                .put("alpha", lora.alpha());
        lora.targetModules().forEach(json.putArray("targetModules")::add);
        var tensors = json.putArray("tensors");
        layout.tensors().forEach(tensor -> {
            ObjectNode one = tensors.addObject().put("name", tensor.name());
            tensor.shape().forEach(one.putArray("shape")::add);
        });
        Home.writeJson(output, json);
        spec.commandLine()
                .getOut()
                .println(layout.tensors().size() + " tensors, " + layout.size() + " coordinates, in " + output);
        return 0;
    }
}

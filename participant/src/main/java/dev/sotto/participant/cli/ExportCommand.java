package dev.sotto.participant.cli;

import dev.sotto.participant.agent.Versions;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.model.BaseModel;
import dev.sotto.participant.model.Plans;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraMode;
import dev.sotto.training.checkpoint.PeftFiles;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto export`: the last adapter that this organisation verified, in PEFT's format.
@Command(
        name = "export",
        description = "Write the last verified adapter in PEFT's format.",
        mixinStandardHelpOptions = true)
final class ExportCommand implements Callable<Integer> {
    @Mixin
    private HomeOption home = new HomeOption();

    @Option(names = "--base", required = true, description = "Checkpoint folder of the base model.")
    private Path base = Path.of("");

    @Option(names = "--output-dir", required = true, description = "Folder to write to.")
    private Path output = Path.of("");

    @Mixin
    private OutputOption format = new OutputOption();

    @Spec
    private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        Home own = home.home();
        Versions versions = new Versions(own.models());
        Versions.Description last = versions.last()
                .orElseThrow(() -> new Failed("no adapter was verified in " + own.models() + " yet; run `sotto run`"));
        String here = BaseModel.digest(base).hex();
        if (!here.equals(last.baseModelDigest())) {
            throw new Failed(
                    "the adapter is for base model " + last.baseModelDigest() + ", but " + base + " is " + here);
        }
        LlamaConfig config = LlamaConfig.read(base);
        Bytes publicSeed =
                Bytes.fromHex(Home.readJson(own.federation(), Membership.class).publicSeed());
        float[] adapter = Plans.adapter(LoraMode.of(last.mode()), last.lora(), config, publicSeed)
                .adapter(versions.adapter(last.version()));
        PeftFiles.write(output, base.toString(), config, new PeftFiles.Adapter(last.lora(), adapter));
        format.tell(
                spec.commandLine().getOut(),
                "adapter",
                output,
                "version " + last.version() + (last.recomputed() ? ", recomputed here," : "") + " in " + output);
        return 0;
    }
}

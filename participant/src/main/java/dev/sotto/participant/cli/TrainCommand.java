package dev.sotto.participant.cli;

import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.participant.model.Layouts;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.PeftFiles;
import dev.sotto.training.data.Batch;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Trainer;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto train`: an adapter on one organisation's own data, without any federation.
@Command(name = "train", description = "Train a LoRA adapter on your own data, alone.", mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
    @Mixin
    ModelOptions options = new ModelOptions();

    @Option(names = "--init", description = "Adapter folder to start from; else a fresh adapter from the seed.")
    Optional<Path> init = Optional.empty();

    @Option(names = "--output", required = true, description = "Folder for the adapter, in PEFT's format.")
    Path output = Path.of("");

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        List<dev.sotto.training.data.Example> examples = options.examples();
        try (Model model = Model.load(options.base)) {
            PeftFiles.Adapter start;
            if (init.isPresent()) {
                start = PeftFiles.read(init.get(), model.config());
            } else {
                LoraConfig lora = options.lora();
                start = new PeftFiles.Adapter(
                        lora, PublicSeed.adapter(seed(options.seed), Layouts.adapter(lora, model.config())));
            }
            List<Batch.Sequence> data = options.encode(model, examples);
            Trainer.Result result = Trainer.train(
                    model,
                    start.lora(),
                    start.vector(),
                    data,
                    new Trainer.Plan(options.steps, options.batchSize, options.learningRate, 0, 1.0, options.seed),
                    (step, steps, loss) -> {
                        out.println(String.format(Locale.ROOT, "step %d of %d  loss %.4f", step, steps, loss));
                        out.flush();
                        return true;
                    });
            PeftFiles.write(
                    output,
                    options.base.toString(),
                    model.config(),
                    new PeftFiles.Adapter(start.lora(), result.adapter()));
            out.println(String.format(
                    Locale.ROOT,
                    "mean loss %.4f over %d response tokens; adapter in %s",
                    result.meanLoss(),
                    result.tokens(),
                    output));
        }
        return 0;
    }

    /// 32 bytes that spell a small number.
    static Bytes seed(long seed) {
        return Bytes.of(ByteBuffer.allocate(32).putLong(24, seed).array());
    }
}

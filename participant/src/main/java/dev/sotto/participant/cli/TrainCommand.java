package dev.sotto.participant.cli;

import dev.sotto.algorithms.Schedule;
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
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `sotto train`: an adapter on one organisation's own data, without any federation.
@Command(name = "train", description = "Train a LoRA adapter on your own data, alone.", mixinStandardHelpOptions = true)
final class TrainCommand implements Callable<Integer> {
    private static final double LEAST_RATE = 1e-6;

    @Mixin
    ModelOptions options = new ModelOptions();

    @Option(names = "--init", description = "Adapter folder to start from; else a fresh adapter from the seed.")
    Optional<Path> init = Optional.empty();

    @Option(
            names = "--rounds",
            defaultValue = "1",
            description = "Repeat --steps as a member of a federation does: a fresh optimiser each time, the learning"
                    + " rate on a cosine (default ${DEFAULT-VALUE}).")
    int rounds;

    @Option(names = "--output", required = true, description = "Folder for the adapter, in PEFT's format.")
    Path output = Path.of("");

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws Exception {
        PrintWriter out = spec.commandLine().getOut();
        if (rounds < 1 || options.steps < 1) {
            throw new CommandLine.ParameterException(spec.commandLine(), "--rounds and --steps must be at least 1");
        }
        List<dev.sotto.training.data.Example> examples = options.examples();
        try (Model model = options.model()) {
            PeftFiles.Adapter start;
            if (init.isPresent()) {
                start = PeftFiles.read(init.get(), model.config());
            } else {
                LoraConfig lora = options.lora();
                start = new PeftFiles.Adapter(
                        lora, PublicSeed.adapter(seed(options.seed), Layouts.adapter(lora, model.config())));
            }
            List<Batch.Sequence> data = options.encode(model, examples);
            float[] adapter = start.vector();
            double loss = 0;
            for (int round = 0; round < rounds; round++) {
                String place = rounds == 1 ? "" : "round " + (round + 1) + " of " + rounds + "  ";
                Trainer.Result result = Trainer.train(
                        model,
                        start.lora(),
                        adapter,
                        data,
                        new Trainer.Plan(
                                options.steps,
                                options.batchSize,
                                Schedule.cosine(options.learningRate, LEAST_RATE, round, rounds),
                                0,
                                1.0,
                                options.seed + round),
                        (step, steps, now) -> {
                            out.println(
                                    String.format(Locale.ROOT, "%sstep %d of %d  loss %.4f", place, step, steps, now));
                            out.flush();
                            return true;
                        });
                adapter = result.adapter();
                loss = result.meanLoss();
            }
            PeftFiles.write(
                    output, options.base.toString(), model.config(), new PeftFiles.Adapter(start.lora(), adapter));
            out.println(String.format(Locale.ROOT, "mean loss %.4f; adapter in %s", loss, output));
        }
        return 0;
    }

    /// 32 bytes that spell a small number.
    static Bytes seed(long seed) {
        return Bytes.of(ByteBuffer.allocate(32).putLong(24, seed).array());
    }
}

package dev.sotto.bench;

import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.TargetModules;
import dev.sotto.training.data.Labelled;
import dev.sotto.training.djl.Correction;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.Model;
import dev.sotto.training.djl.Trainer;
import dev.sotto.training.djl.TrainingSet;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/// One configuration of [Training], in a process of its own: the counterpart of `peft_training.py`, with the same
/// lines.
final class TrainingRun {
    /// What both sides train.
    static final LoraConfig LORA = new LoraConfig(8, 16, 0, false, TargetModules.ALL_LINEAR);

    private static final int MOST_STEPS = 100_000;

    private TrainingRun() {}

    /// Prints `loss`, `step` and `processor` after every step, and at last `peak`.
    ///
    /// @param arguments checkpoint, rows, tokens, seconds, device, type of the computation, base, checkpointing
    public static void main(String[] arguments) throws Exception {
        int rows = Integer.parseInt(arguments[1]);
        int tokens = Integer.parseInt(arguments[2]);
        double seconds = Double.parseDouble(arguments[3]);
        Device device = Device.parse(arguments[4]);
        Execution execution = new Execution(
                device,
                Execution.Compute.valueOf(arguments[5]),
                Execution.Base.valueOf(arguments[6]),
                Boolean.parseBoolean(arguments[7]));
        try (Model model = Model.load(Path.of(arguments[0]), execution)) {
            train(model, rows, tokens, seconds);
        }
        System.out.println("peak " + peak(device));
    }

    /// The first step warms up; at least one other follows.
    private static void train(Model model, int rows, int tokens, double seconds) {
        float[] adapter = new float[LORA.size(model.config())];
        SplittableRandom random = new SplittableRandom(1);
        int at = 0;
        for (LoraConfig.Matrix matrix : LORA.matrices(model.config())) {
            for (int i = 0; i < matrix.size(); i++) {
                adapter[at++] = matrix.down() ? (float) random.nextDouble(-0.03, 0.03) : 0;
            }
        }
        long[] times = {System.nanoTime(), 0, processor()};
        Trainer.train(
                model,
                LORA,
                adapter,
                TrainingSet.supervised(batch(rows, tokens, model.config().vocabulary())),
                new Trainer.Plan(MOST_STEPS, rows, 1e-4, 0.01, 1, 1),
                Correction.NONE,
                step -> {
                    long took = System.nanoTime() - times[0];
                    System.out.println("loss " + step.loss());
                    System.out.println("step " + took / 1e9);
                    System.out.println("processor " + (processor() - times[2]) / 1e9);
                    times[1] += step.number() > 1 ? took : 0;
                    times[0] = System.nanoTime();
                    times[2] = processor();
                    return step.number() < 2 || times[1] < seconds * 1e9;
                });
    }

    /// Nanoseconds of all threads of this process.
    private static long processor() {
        return ProcessHandle.current()
                .info()
                .totalCpuDuration()
                .map(Duration::toNanos)
                .orElse(0L);
    }

    private static List<Labelled> batch(int rows, int tokens, int vocabulary) {
        List<Labelled> batch = new ArrayList<>();
        for (int row = 0; row < rows; row++) {
            int[] ids = new int[tokens];
            for (int i = 0; i < tokens; i++) {
                ids[i] = (int) ((row * tokens + i) * 7919L % vocabulary);
            }
            batch.add(Labelled.after(0, ids));
        }
        return batch;
    }

    /// Resident memory of this process at its highest, in bytes; of a graphics card, what is in use at the end.
    private static long peak(Device device) throws IOException {
        if (device instanceof Device.Cuda(int index)) {
            Process process = new ProcessBuilder(
                            "nvidia-smi",
                            "--query-gpu=memory.used",
                            "--format=csv,noheader,nounits",
                            "-i",
                            String.valueOf(index))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            String used = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return Long.parseLong(used.strip()) << 20;
        }
        try (var lines = Files.lines(Path.of("/proc/self/status"))) {
            String peak =
                    lines.filter(line -> line.startsWith("VmHWM")).findFirst().orElseThrow();
            return Long.parseLong(peak.replaceAll("\\D", "")) << 10;
        }
    }
}

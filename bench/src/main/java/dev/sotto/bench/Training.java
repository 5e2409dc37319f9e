package dev.sotto.bench;

import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.djl.Device;
import dev.sotto.training.djl.Execution;
import dev.sotto.training.djl.Execution.Base;
import dev.sotto.training.djl.Execution.Compute;
import dev.sotto.training.djl.MemoryEstimate;
import dev.sotto.training.djl.NativeLibraryUnavailable;
import dev.sotto.training.djl.Objective;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Training by shape and precision, beside Hugging Face PEFT if there is a Python that has it: tokens per second,
/// peak memory, and what [MemoryEstimate] says of it. Every configuration runs in a process of its own, the two
/// sides in turns, so that what else the machine does disturbs both.
final class Training {
    private static final String USAGE = "usage: training [FOLDER] [--python PATH] [--shapes A,B] [--threads N]"
            + " [--device cpu|cuda[:I]] [--seconds S] [--times N]; FOLDER must be there";

    /// A way to train.
    ///
    /// @param name as the table has it
    private record Setting(String name, Compute compute, Base base, boolean checkpointing) {}

    private static final List<Setting> SETTINGS = List.of(
            new Setting("fp32", Compute.FP32, Base.PLAIN, false),
            new Setting("fp32, checkpointing", Compute.FP32, Base.PLAIN, true),
            new Setting("bf16", Compute.BF16, Base.PLAIN, false),
            new Setting("bf16, checkpointing", Compute.BF16, Base.PLAIN, true),
            new Setting("int8, checkpointing", Compute.BF16, Base.INT8, true),
            new Setting("NF4, checkpointing", Compute.BF16, Base.NF4, true));

    /// What one process said.
    ///
    /// @param seconds   of the steps after the first, ascending
    /// @param processor seconds of processor time of the same, ascending
    /// @param peak      bytes
    /// @param loss      of the first step
    private record Measured(List<Double> seconds, List<Double> processor, double peak, double loss) {}

    private @Nullable Path folder;
    private @Nullable Path python;
    private List<TrainingShape> shapes = TrainingShape.ALL;
    private int threads = Runtime.getRuntime().availableProcessors();
    private Device device = new Device.Cpu();
    private double seconds = 3;
    private int times = 2;

    private Training() {}

    /// Prints the table, and writes it into `training.md` of a folder, between two marks.
    static void main(String[] arguments)
            throws IOException, InterruptedException, InvalidFile, NativeLibraryUnavailable {
        Training training = new Training();
        training.read(arguments);
        String text = training.measured();
        System.out.print(text);
        if (training.folder != null) {
            Page.write(training.folder.resolve("training.md"), "training", text);
        }
    }

    private void read(String[] arguments) throws NativeLibraryUnavailable {
        int at = 0;
        if (arguments.length > 0 && !arguments[0].startsWith("--")) {
            folder = Path.of(arguments[at++]);
        }
        if (folder != null && !Files.isDirectory(folder) || (arguments.length - at) % 2 != 0) {
            throw new IllegalArgumentException(USAGE);
        }
        for (; at < arguments.length; at += 2) {
            String value = arguments[at + 1];
            switch (arguments[at]) {
                case "--python" -> python = Path.of(value);
                case "--shapes" -> shapes = TrainingShape.named(value);
                case "--threads" -> threads = Integer.parseInt(value);
                case "--device" -> device = Device.parse(value);
                case "--seconds" -> seconds = Double.parseDouble(value);
                case "--times" -> times = Integer.parseInt(value);
                default -> throw new IllegalArgumentException(arguments[at] + " is not known; " + USAGE);
            }
        }
    }

    private String measured() throws IOException, InterruptedException, InvalidFile {
        String before = load();
        StringBuilder table = new StringBuilder();
        table.append(
                "| shape, rows × tokens | | Sotto tokens/s | PEFT tokens/s | faster | faster by processor time | Sotto MB | PEFT MB | ratio |"
                        + " estimate MB (of measured) | measured less estimate |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
        for (TrainingShape shape : shapes) {
            Path temporary = Files.createTempDirectory("sotto-training");
            try {
                LlamaConfig config = shape.write(temporary.resolve("FP32"), Safetensors.Type.F32);
                shape.write(temporary.resolve("BF16"), Safetensors.Type.BF16);
                for (Setting setting : SETTINGS) {
                    String row = row(shape, config, setting, temporary.resolve(setting.compute.name()));
                    System.err.println(row);
                    table.append(row).append('\n');
                }
            } finally {
                delete(temporary);
            }
        }
        return about(before) + "\n" + table;
    }

    private String row(TrainingShape shape, LlamaConfig config, Setting setting, Path checkpoint)
            throws IOException, InterruptedException {
        List<Measured> ours = new ArrayList<>();
        List<Measured> theirs = new ArrayList<>();
        for (int i = 0; i < (setting.base == Base.PLAIN ? times : 1); i++) {
            ours.add(run(ours(shape, setting, checkpoint)));
            if (python != null && setting.base == Base.PLAIN) {
                theirs.add(run(theirs(python, shape, setting, checkpoint)));
                sameWork(ours.getLast(), theirs.getLast());
            }
        }
        MemoryEstimate estimate = MemoryEstimate.of(
                config,
                TrainingRun.LORA,
                new Execution(device, setting.compute, setting.base, setting.checkpointing),
                new Objective.Supervised(),
                shape.rows(),
                shape.tokens());
        double peak = peak(ours);
        return String.format(
                Locale.ROOT,
                "| %s, %d × %d | %s | %,.0f | %s | %s | %s | %,.0f | %s | %s | %,.0f (%.2f) | %,.0f |",
                shape.name(),
                shape.rows(),
                shape.tokens(),
                setting.name,
                tokensPerSecond(shape, ours),
                theirs.isEmpty() ? "" : String.format(Locale.ROOT, "%,.0f", tokensPerSecond(shape, theirs)),
                theirs.isEmpty() ? "" : faster(ours, theirs, Measured::seconds),
                theirs.isEmpty() ? "" : faster(ours, theirs, Measured::processor),
                peak / 1e6,
                theirs.isEmpty() ? "" : String.format(Locale.ROOT, "%,.0f", peak(theirs) / 1e6),
                theirs.isEmpty() ? "" : String.format(Locale.ROOT, "%.2f", peak / peak(theirs)),
                estimate.total() / 1e6,
                estimate.total() / peak,
                (peak - estimate.total()) / 1e6);
    }

    /// With an adapter whose B is 0 the first loss is the base model's: it is the same if the work is.
    private static void sameWork(Measured ours, Measured theirs) {
        if (!(Math.abs(ours.loss - theirs.loss) < 0.01 * theirs.loss)) {
            throw new IllegalStateException(
                    "the first loss is " + ours.loss + " here and " + theirs.loss + " there: not the same work");
        }
    }

    private static double tokensPerSecond(TrainingShape shape, List<Measured> runs) {
        return shape.rows() * shape.tokens() / median(runs, Measured::seconds);
    }

    /// Over the steps of all runs.
    private static double median(List<Measured> runs, Function<Measured, List<Double>> steps) {
        return median(
                runs.stream().flatMap(run -> steps.apply(run).stream()).sorted().toList());
    }

    private static double peak(List<Measured> runs) {
        return runs.stream().mapToDouble(Measured::peak).max().orElseThrow();
    }

    /// How many times faster by all steps, and by each pair of neighbouring runs in ascending order.
    private static String faster(List<Measured> ours, List<Measured> theirs, Function<Measured, List<Double>> steps) {
        List<Double> pairs = new ArrayList<>();
        for (int i = 0; i < ours.size(); i++) {
            pairs.add(median(steps.apply(theirs.get(i))) / median(steps.apply(ours.get(i))));
        }
        DoubleStream sorted = pairs.stream().mapToDouble(ratio -> ratio).sorted();
        return String.format(Locale.ROOT, "%.2f", median(theirs, steps) / median(ours, steps))
                + sorted.mapToObj(ratio -> String.format(Locale.ROOT, "%.2f", ratio))
                        .collect(Collectors.joining(", ", " (", ")"));
    }

    private static double median(List<Double> ascending) {
        int half = ascending.size() / 2;
        return ascending.size() % 2 == 1 ? ascending.get(half) : (ascending.get(half - 1) + ascending.get(half)) / 2;
    }

    private List<String> ours(TrainingShape shape, Setting setting, Path checkpoint) {
        return List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:+UseSerialGC",
                "-Dai.djl.pytorch.num_threads=" + threads,
                "-cp",
                System.getProperty("java.class.path"),
                TrainingRun.class.getName(),
                checkpoint.toString(),
                String.valueOf(shape.rows()),
                String.valueOf(shape.tokens()),
                String.valueOf(seconds),
                device.toString(),
                setting.compute.name(),
                setting.base.name(),
                String.valueOf(setting.checkpointing));
    }

    private List<String> theirs(Path interpreter, TrainingShape shape, Setting setting, Path checkpoint)
            throws IOException {
        Path script = Objects.requireNonNull(checkpoint.getParent()).resolve("peft_training.py");
        try (InputStream source = Objects.requireNonNull(Training.class.getResourceAsStream("peft_training.py"))) {
            Files.write(script, source.readAllBytes());
        }
        return List.of(
                interpreter.toString(),
                script.toString(),
                checkpoint.toString(),
                String.valueOf(shape.rows()),
                String.valueOf(shape.tokens()),
                String.valueOf(seconds),
                String.valueOf(threads),
                device.toString(),
                setting.compute.name().toLowerCase(Locale.ROOT),
                setting.checkpointing ? "checkpointing" : "all");
    }

    private static Measured run(List<String> command) throws IOException, InterruptedException {
        List<String> lines = output(command);
        List<Double> steps = values(lines, "step");
        List<Double> peak = values(lines, "peak");
        if (steps.size() < 2 || peak.isEmpty()) {
            throw new IllegalStateException("no figures from " + String.join(" ", command));
        }
        return new Measured(
                steps.stream().skip(1).sorted().toList(),
                values(lines, "processor").stream().skip(1).sorted().toList(),
                peak.getLast(),
                values(lines, "loss").getFirst());
    }

    private static List<Double> values(List<String> lines, String word) {
        return lines.stream()
                .filter(line -> line.startsWith(word + " "))
                .map(line -> Double.parseDouble(line.substring(word.length() + 1)))
                .toList();
    }

    private static List<String> output(List<String> command) throws IOException, InterruptedException {
        Path errors = Files.createTempFile("sotto-training", ".log");
        try {
            Process process =
                    new ProcessBuilder(command).redirectError(errors.toFile()).start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IllegalStateException(String.join(" ", command) + " ended with " + process.exitValue() + ":\n"
                        + Files.readString(errors));
            }
            return text.lines().toList();
        } finally {
            Files.delete(errors);
        }
    }

    /// The machine and the versions.
    private String about(String before) throws IOException, InterruptedException {
        String versions = python == null
                ? ""
                : "; Python with "
                        + output(List.of(
                                        python.toString(),
                                        "-c",
                                        "import torch, transformers, peft; print('PyTorch',"
                                                + " torch.__version__ + ', transformers', transformers.__version__ + ', PEFT',"
                                                + " peft.__version__)"))
                                .getLast();
        return "Device " + device + "; " + processor() + ", "
                + Runtime.getRuntime().availableProcessors() + " cores, "
                + threads + (threads == 1 ? " thread" : " threads") + "; JDK "
                + Runtime.version().feature() + " with "
                + String.join(" ", natives()) + versions
                + ". Load average (1, 5, 15 minutes) before the first run " + before + ", after the last " + load()
                + "; a run alone makes about " + threads + ". Each figure: " + times
                + " runs of a side in turns (quantised bases: 1), each one step to"
                + " warm up and then as many as take " + String.format(Locale.ROOT, "%.0f", seconds)
                + " s.\n";
    }

    private static String processor() throws IOException {
        Path file = Path.of("/proc/cpuinfo");
        try (Stream<String> lines = Files.exists(file) ? Files.lines(file) : Stream.of()) {
            Optional<String> model =
                    lines.filter(line -> line.startsWith("model name")).findFirst();
            return model.map(line -> line.substring(line.indexOf(':') + 2)).orElse(System.getProperty("os.arch"));
        }
    }

    private static String load() throws IOException {
        Path file = Path.of("/proc/loadavg");
        return Files.exists(file)
                ? String.join(" ", List.of(Files.readString(file).split(" ")).subList(0, 3))
                : String.valueOf(ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    }

    /// The archives that PyTorch came in.
    private static List<String> natives() throws IOException {
        Path here = Path.of(System.getProperty("java.class.path").split(System.getProperty("path.separator"))[0]);
        Path libraries = here.resolveSibling("lib");
        try (Stream<Path> files = Files.isDirectory(libraries) ? Files.list(libraries) : Stream.of()) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.startsWith("pytorch-"))
                    .sorted()
                    .toList();
        }
    }

    private static void delete(Path folder) throws IOException {
        List<Path> deepestLast;
        try (Stream<Path> files = Files.walk(folder)) {
            deepestLast = files.toList();
        }
        for (Path file : deepestLast.reversed()) {
            Files.delete(file);
        }
    }
}

package dev.sotto.training.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.data.Batch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A decoder of Llama's family with a LoRA adapter.
///
/// The base is frozen. The adapter is a plain `float[]` in the order of its PEFT names, given to every
/// call, so that the model holds no state of training.
///
/// One thread at a time. Closing it frees the native memory.
public final class Model implements AutoCloseable {
    private final LlamaConfig config;
    private final Loader loader;
    private final Transfer transfer;
    private final NDManager root;
    private final Decoder decoder;
    private final Decoder.Parameters base;
    private final List<NDArray> constants;

    private Model(LlamaConfig config, Loader loader, Map<String, NDArray> weights, int block) {
        this.config = config;
        this.loader = loader;
        this.transfer = loader.transfer();
        this.root = loader.root();
        this.constants = new ArrayList<>();
        constants.add(number(root, "epsilon", config.epsilon()));
        constants.addAll(loader.constants());
        this.base = parameters(weights, constants);
        this.decoder = new Decoder(
                config,
                loader.script(),
                count -> loader.computed(
                        config.rope().table(count, config.headSize()), new Shape(2, count, config.headSize())),
                loader.execution().checkpointing(),
                block);
    }

    /// Loads a Hugging Face checkpoint folder to compute in fp32 on the processor.
    ///
    /// @throws InvalidFile               if a file is not what it must be, or a tensor is missing
    /// @throws NativeLibraryUnavailable  if PyTorch cannot be started here
    public static Model load(Path folder) throws IOException, InvalidFile, NativeLibraryUnavailable {
        return load(folder, Execution.FP32);
    }

    /// Loads a Hugging Face checkpoint folder. Weights that stay as they are in the file stay in it, mapped.
    ///
    /// @throws InvalidFile               if a file is not what it must be, or a tensor is missing
    /// @throws NativeLibraryUnavailable  if PyTorch or the device is not available here
    public static Model load(Path folder, Execution execution)
            throws IOException, InvalidFile, NativeLibraryUnavailable {
        return load(folder, execution, Decoder.block(execution.device()));
    }

    /// @param block most logits that the output layer computes at once
    static Model load(Path folder, Execution execution, int block)
            throws IOException, InvalidFile, NativeLibraryUnavailable {
        LlamaConfig config = LlamaConfig.read(folder);
        Loader loader = Loader.start(execution);
        try {
            Map<String, NDArray> weights = loader.load(folder, config);
            return new Model(config, loader, weights, block);
        } catch (IOException | InvalidFile e) {
            loader.root().close();
            throw e;
        }
    }

    private static Shape shape(List<Integer> dimensions) {
        return new Shape(dimensions.stream().mapToLong(i -> i).toArray());
    }

    private Decoder.Parameters parameters(Map<String, NDArray> weights, List<NDArray> constants) {
        List<NDArray> outer = new ArrayList<>(constants);
        List<List<NDArray>> layers = new ArrayList<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            layers.add(new ArrayList<>(constants));
        }
        weights.forEach((name, weight) -> {
            if (name.startsWith("model.layers.")) {
                String[] parts = name.split("\\.", 4);
                layers.get(Integer.parseInt(parts[2])).add(TorchScript.named(parts[3], weight));
            } else {
                outer.add(TorchScript.named(name, weight));
            }
        });
        return new Decoder.Parameters(outer, layers, 0);
    }

    /// A model without weights, for [#pretrainingGradient].
    static Model untrained(LlamaConfig config) throws NativeLibraryUnavailable {
        Execution execution = Execution.FP32;
        return new Model(config, Loader.start(execution), Map.of(), Decoder.block(execution.device()));
    }

    /// The gradient by every weight, one after the other in the order of [LlamaConfig#weights].
    Gradient pretrainingGradient(Batch batch, float[] values) {
        try (NDManager manager = root.newSubManager()) {
            List<NDArray> trained = leaves(
                    manager,
                    values,
                    config.weights().values().stream().map(Model::shape).toList());
            Map<String, NDArray> leaves = new LinkedHashMap<>();
            for (String name : config.weights().keySet()) {
                leaves.put(name, trained.get(leaves.size()));
            }
            return Gradient.mean(
                    pass(manager, batch, null, parameters(leaves, constants), trained, null, mean(batch)),
                    batch.counted());
        }
    }

    /// What one forward and backward pass gives.
    ///
    /// @param logProbabilities of the counted targets, row by row
    /// @param gradient         by what is trained
    @SuppressWarnings("ArrayRecordComponent")
    record Pass(float[] logProbabilities, float[] gradient) {}

    private Pass pass(
            NDManager manager,
            Batch batch,
            @Nullable Packing packing,
            Decoder.Parameters parameters,
            Collection<NDArray> trained,
            @Nullable Long seed,
            Decoder.Derivative derivative) {
        Decoder.Counted counted = Decoder.Counted.of(batch);
        if (counted.rows().length == 0) {
            return new Pass(
                    new float[0],
                    new float[(int) trained.stream().mapToLong(NDArray::size).sum()]);
        }
        float[] logProbabilities =
                decoder.backward(manager, batch.tokens(), packing, counted, parameters, seed, derivative);
        return new Pass(logProbabilities, gradient(trained));
    }

    /// Forward and backward by the adapter.
    ///
    /// @param seed decides what dropout sets to zero
    Pass pass(
            Batch batch,
            @Nullable Packing packing,
            LoraConfig lora,
            float[] adapter,
            long seed,
            Decoder.Derivative derivative) {
        try (NDManager manager = root.newSubManager()) {
            List<NDArray> trained = new ArrayList<>();
            Decoder.Parameters parameters = adapted(manager, lora, adapter, trained);
            if (lora.dropout() == 0) {
                return pass(manager, batch, packing, parameters, trained, null, derivative);
            }
            NDArray dropout = number(manager, "dropout", lora.dropout());
            parameters.layers().forEach(layer -> layer.add(dropout));
            return pass(manager, batch, packing, parameters, trained, seed, derivative);
        }
    }

    /// One after the other, joined where they were computed: it is one array that leaves a graphics card.
    private float[] gradient(Collection<NDArray> trained) {
        NDList parts = new NDList();
        for (NDArray leaf : trained) {
            parts.add(leaf.getGradient().flatten());
        }
        return transfer.download(loader.script().call("widen", NDArrays.concat(parts)));
    }

    private static double sum(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += value;
        }
        return sum;
    }

    /// The shape of the model.
    public LlamaConfig config() {
        return config;
    }

    /// How it is held and computed.
    public Execution execution() {
        return loader.execution();
    }

    /// Logits, rows × length × vocabulary, row-major.
    public float[] logits(int[][] tokens, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            Decoder.Parameters parameters = adapted(manager, lora, adapter, new ArrayList<>());
            return decoder.logits(decoder.hidden(manager, tokens, null, parameters), parameters)
                    .toFloatArray();
        }
    }

    /// What the model thinks of the targets of a batch.
    ///
    /// @param loss             mean cross entropy, nats per counted position
    /// @param correct          per row: whether every counted position is predicted right, teacher-forced
    /// @param logProbabilities per row: of its counted targets together, in nats
    @SuppressWarnings("ArrayRecordComponent")
    public record Score(double loss, boolean[] correct, double[] logProbabilities) {}

    /// Evaluates without gradients.
    public Score score(Batch batch, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            return score(manager, batch, adapted(manager, lora, adapter, new ArrayList<>()));
        }
    }

    /// Evaluates the base model alone.
    public Score score(Batch batch) {
        try (NDManager manager = root.newSubManager()) {
            return score(manager, batch, base);
        }
    }

    private Score score(NDManager manager, Batch batch, Decoder.Parameters parameters) {
        Decoder.Counted counted = Decoder.Counted.of(batch);
        Decoder.Scores scores =
                decoder.scores(decoder.hidden(manager, batch.tokens(), null, parameters), counted, parameters);
        boolean[] correct = new boolean[batch.tokens().length];
        Arrays.fill(correct, true);
        for (int i = 0; i < counted.rows().length; i++) {
            correct[(int) (counted.rows()[i] / batch.tokens()[0].length)] &= scores.best()[i];
        }
        return new Score(
                -sum(scores.logProbabilities()) / Math.max(1, counted.rows().length),
                correct,
                byRow(batch, scores.logProbabilities()));
    }

    /// A loss and its gradient.
    ///
    /// @param loss     mean over the counted positions
    /// @param gradient by the adapter, in its order
    @SuppressWarnings("ArrayRecordComponent")
    public record Gradient(double loss, float[] gradient) {
        private static Gradient mean(Pass pass, int counted) {
            return new Gradient(-sum(pass.logProbabilities()) / Math.max(1, counted), pass.gradient());
        }
    }

    /// Forward and backward of the mean cross entropy, without dropout.
    public Gradient gradient(Batch batch, LoraConfig lora, float[] adapter) {
        return Gradient.mean(pass(batch, null, lora.withoutDropout(), adapter, 0, mean(batch)), batch.counted());
    }

    /// The same of packed sequences: loss and gradient are those of the sequences apart.
    public Gradient gradient(Batch batch, Packing packing, LoraConfig lora, float[] adapter) {
        return Gradient.mean(pass(batch, packing, lora.withoutDropout(), adapter, 0, mean(batch)), batch.counted());
    }

    private static Decoder.Derivative mean(Batch batch) {
        float[] derivative = new float[batch.counted()];
        Arrays.fill(derivative, -1f / derivative.length);
        return _ -> derivative;
    }

    /// What the model with an adapter continues each prompt with, without the end token.
    ///
    /// @param prompts not empty, none of them empty; computed together, padded on the left
    public List<int[]> generate(List<int[]> prompts, Decoding decoding, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            return generate(manager, prompts, decoding, adapted(manager, lora, adapter, new ArrayList<>()));
        }
    }

    /// What the base model alone continues each prompt with.
    public List<int[]> generate(List<int[]> prompts, Decoding decoding) {
        try (NDManager manager = root.newSubManager()) {
            return generate(manager, prompts, decoding, base);
        }
    }

    private List<int[]> generate(
            NDManager manager, List<int[]> prompts, Decoding decoding, Decoder.Parameters parameters) {
        int rows = prompts.size();
        int longest = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
        int[] padding = new int[rows];
        int[][] tokens = new int[rows][longest];
        for (int row = 0; row < rows; row++) {
            int[] prompt = prompts.get(row);
            padding[row] = longest - prompt.length;
            if (prompt.length == 0 || longest > config.positions()) {
                throw new IllegalArgumentException("prompt of " + prompt.length + " tokens, the longest has " + longest
                        + ", must have 1 to " + config.positions());
            }
            System.arraycopy(prompt, 0, tokens[row], padding[row], prompt.length);
        }
        List<Decoding.Row> made = decoding.rows(rows, config.endTokens());
        Decoder.Cache cache = new Decoder.Cache(manager, padding);
        int steps = Math.min(decoding.maxTokens(), config.positions() - longest);
        for (int step = 0; step < steps && made.stream().anyMatch(Decoding.Row::on); step++) {
            float[] logits = decoder.next(tokens, cache, parameters);
            tokens = new int[rows][1];
            for (int row = 0; row < rows; row++) {
                tokens[row][0] = made.get(row).take(logits, row * config.vocabulary(), config.vocabulary());
            }
        }
        return made.stream().map(Decoding.Row::tokens).toList();
    }

    /// Sums over the counted positions of each row.
    static double[] byRow(Batch batch, float[] values) {
        double[] sums = new double[batch.tokens().length];
        long[] rows = Decoder.Counted.of(batch).rows();
        for (int i = 0; i < rows.length; i++) {
            sums[(int) (rows[i] / batch.tokens()[0].length)] += values[i];
        }
        return sums;
    }

    /// The base with fresh leaves for every call: no gradient can be left over from another.
    ///
    /// @param trained filled with the leaves, in the order of the adapter
    private Decoder.Parameters adapted(NDManager manager, LoraConfig lora, float[] adapter, List<NDArray> trained) {
        List<LoraConfig.Matrix> matrices = lora.matrices(config);
        int size = matrices.stream().mapToInt(LoraConfig.Matrix::size).sum();
        if (adapter.length != size) {
            throw new IllegalArgumentException("the adapter has " + adapter.length + " coordinates, must have " + size);
        }
        NDArray scale = number(manager, "scale", lora.scale());
        List<List<NDArray>> layers = new ArrayList<>();
        for (List<NDArray> layer : base.layers()) {
            List<NDArray> adapted = new ArrayList<>(layer);
            adapted.add(scale);
            layers.add(adapted);
        }
        int first = config.layers();
        List<Shape> shapes = matrices.stream()
                .map(matrix -> new Shape(matrix.rows(), matrix.columns()))
                .toList();
        trained.addAll(leaves(manager, adapter, shapes));
        for (int i = 0; i < matrices.size(); i++) {
            LoraConfig.Matrix matrix = matrices.get(i);
            layers.get(matrix.layer())
                    .add(TorchScript.named(matrix.module() + (matrix.down() ? ".lora_A" : ".lora_B"), trained.get(i)));
            first = Math.min(first, matrix.layer());
        }
        return new Decoder.Parameters(base.outer(), layers, first);
    }

    /// Views of one array, in the type of the computation: what goes to a graphics card goes there at once.
    private List<NDArray> leaves(NDManager manager, float[] values, List<Shape> shapes) {
        TorchScript.record(false);
        NDArray all = loader.narrowed(transfer.upload(manager, values));
        List<NDArray> leaves = new ArrayList<>();
        long at = 0;
        for (Shape shape : shapes) {
            NDArray leaf = all.get(new NDIndex(at + ":" + (at + shape.size()))).reshape(shape);
            leaf.setRequiresGradient(true);
            leaves.add(leaf);
            at += shape.size();
        }
        return leaves;
    }

    /// Always on the processor, where TorchScript reads it: on a graphics card each reading would wait for all
    /// that is still to be computed there.
    private static NDArray number(NDManager manager, String name, double value) {
        NDManager host = manager.newSubManager(ai.djl.Device.cpu());
        return TorchScript.named(name, host.full(new Shape(), (float) value));
    }

    /// How many native arrays are open: between calls always the same number.
    int openArrays() {
        return root.getManagedArrays().size();
    }

    @Override
    public void close() {
        root.close();
    }
}

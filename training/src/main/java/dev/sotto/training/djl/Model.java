package dev.sotto.training.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.checkpoint.Weights;
import dev.sotto.training.data.Batch;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A decoder of Llama's family with a LoRA adapter, in fp32 on the CPU.
///
/// The base is frozen. The adapter is a plain `float[]` in the order of its PEFT names, given to every
/// call, so that the model holds no state of training.
///
/// One thread at a time. Closing it frees the native memory.
public final class Model implements AutoCloseable {
    private final LlamaConfig config;
    private final NDManager root;
    private final Decoder decoder;
    private final Decoder.Parameters base;
    private final List<NDArray> constants;

    private Model(LlamaConfig config, NDManager root, Map<String, NDArray> weights) {
        this.config = config;
        this.root = root;
        this.constants = List.of(
                TorchScript.named("epsilon", root.full(new Shape(), (float) config.epsilon())),
                TorchScript.named("compute", root.zeros(new Shape())));
        this.base = parameters(weights, constants);
        NDArray rope = root.create(
                config.rope().table(config.positions(), config.headSize()),
                new Shape(2, config.positions(), config.headSize()));
        this.decoder = new Decoder(config, new TorchScript(root), rope, false);
    }

    /// Loads a Hugging Face checkpoint folder. Weights in fp32 stay in the mapped file.
    ///
    /// @throws InvalidFile               if a file is not what it must be, or a tensor is missing
    /// @throws NativeLibraryUnavailable  if PyTorch cannot be started here
    public static Model load(Path folder) throws IOException, InvalidFile, NativeLibraryUnavailable {
        LlamaConfig config = LlamaConfig.read(folder);
        Weights files = Weights.open(folder, config);
        NDManager root = engine().newBaseManager();
        Map<String, NDArray> weights = new HashMap<>();
        config.weights().keySet().forEach(name -> weights.put(name, array(root, files.get(name))));
        return new Model(config, root, weights);
    }

    /// Starts PyTorch without any network: no download, no telemetry.
    private static Engine engine() throws NativeLibraryUnavailable {
        System.setProperty("ai.djl.offline", "true");
        System.setProperty("OPT_OUT_TRACKING", "true");
        try {
            return Engine.getEngine("PyTorch");
        } catch (EngineException | UnsatisfiedLinkError e) {
            throw new NativeLibraryUnavailable(e);
        }
    }

    private static NDArray array(NDManager root, Safetensors.Mapped tensor) {
        Shape shape = shape(tensor.shape());
        if (tensor.type() == Safetensors.Type.F32
                && tensor.bytes().alignedSlice(4).capacity() == tensor.bytes().capacity()) {
            return root.create(tensor.bytes(), shape, DataType.FLOAT32);
        }
        NDArray array = root.create(shape, DataType.FLOAT32);
        array.toByteBuffer(true).order(ByteOrder.nativeOrder()).asFloatBuffer().put(tensor.values());
        return array;
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
        config.weights().keySet().forEach(name -> {
            NDArray weight = Objects.requireNonNull(weights.get(name), name);
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
        NDManager root = engine().newBaseManager();
        Map<String, NDArray> weights = new HashMap<>();
        config.weights().keySet().forEach(name -> weights.put(name, root.zeros(new Shape(1))));
        return new Model(config, root, weights);
    }

    /// The gradient by every weight, one after the other in the order of [LlamaConfig#weights].
    Gradient pretrainingGradient(Batch batch, float[] values) {
        try (NDManager manager = root.newSubManager()) {
            Map<String, NDArray> leaves = new HashMap<>();
            List<NDArray> trained = new ArrayList<>();
            int at = 0;
            for (Map.Entry<String, List<Integer>> entry : config.weights().entrySet()) {
                Shape shape = shape(entry.getValue());
                NDArray leaf = leaf(manager, values, at, shape);
                leaves.put(entry.getKey(), leaf);
                trained.add(leaf);
                at += (int) shape.size();
            }
            return Gradient.mean(
                    pass(manager, batch, parameters(leaves, constants), trained, null, mean(batch)), batch.counted());
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
            Decoder.Parameters parameters,
            Collection<NDArray> trained,
            @Nullable Long seed,
            Decoder.Derivative derivative) {
        Decoder.Counted counted = Decoder.Counted.of(batch);
        float[] gradient =
                new float[(int) trained.stream().mapToLong(NDArray::size).sum()];
        if (counted.rows().length == 0) {
            return new Pass(new float[0], gradient);
        }
        float[] logProbabilities = decoder.backward(manager, batch.tokens(), counted, parameters, seed, derivative);
        collect(trained, gradient);
        return new Pass(logProbabilities, gradient);
    }

    /// Forward and backward by the adapter.
    ///
    /// @param seed decides what dropout sets to zero
    Pass pass(Batch batch, LoraConfig lora, float[] adapter, long seed, Decoder.Derivative derivative) {
        try (NDManager manager = root.newSubManager()) {
            List<NDArray> trained = new ArrayList<>();
            Decoder.Parameters parameters = adapted(manager, lora, adapter, trained);
            if (lora.dropout() == 0) {
                return pass(manager, batch, parameters, trained, null, derivative);
            }
            NDArray dropout = TorchScript.named("dropout", manager.full(new Shape(), (float) lora.dropout()));
            parameters.layers().forEach(layer -> layer.add(dropout));
            return pass(manager, batch, parameters, trained, seed, derivative);
        }
    }

    private static void collect(Collection<NDArray> trained, float[] gradient) {
        int at = 0;
        for (NDArray leaf : trained) {
            try (NDArray part = leaf.getGradient()) {
                float[] values = part.toFloatArray();
                System.arraycopy(values, 0, gradient, at, values.length);
                at += values.length;
            }
        }
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

    /// Logits, rows × length × vocabulary, row-major.
    public float[] logits(int[][] tokens, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            Decoder.Parameters parameters = adapted(manager, lora, adapter, new ArrayList<>());
            return decoder.logits(decoder.hidden(manager, tokens, parameters), parameters)
                    .toFloatArray();
        }
    }

    /// The mean cross entropy of a batch, and where the most probable token is the target.
    ///
    /// @param loss    nats per counted position
    /// @param correct per row: whether every counted position is predicted right, teacher-forced
    @SuppressWarnings("ArrayRecordComponent")
    public record Score(double loss, boolean[] correct) {}

    /// Evaluates without gradients.
    public Score score(Batch batch, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            Decoder.Parameters parameters = adapted(manager, lora, adapter, new ArrayList<>());
            Decoder.Counted counted = Decoder.Counted.of(batch);
            Decoder.Scores scores =
                    decoder.scores(decoder.hidden(manager, batch.tokens(), parameters), counted, parameters);
            boolean[] correct = new boolean[batch.tokens().length];
            Arrays.fill(correct, true);
            for (int i = 0; i < counted.rows().length; i++) {
                correct[(int) (counted.rows()[i] / batch.tokens()[0].length)] &= scores.best()[i];
            }
            return new Score(-sum(scores.logProbabilities()) / Math.max(1, counted.rows().length), correct);
        }
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
        return Gradient.mean(pass(batch, lora.withoutDropout(), adapter, 0, mean(batch)), batch.counted());
    }

    private static Decoder.Derivative mean(Batch batch) {
        float[] derivative = new float[batch.counted()];
        Arrays.fill(derivative, -1f / derivative.length);
        return _ -> derivative;
    }

    /// The log-probability of each row's counted targets together, in nats.
    public double[] logProbabilities(Batch batch, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            return logProbabilities(manager, batch, adapted(manager, lora, adapter, new ArrayList<>()));
        }
    }

    /// The same of the base model alone.
    public double[] logProbabilities(Batch batch) {
        try (NDManager manager = root.newSubManager()) {
            return logProbabilities(manager, batch, base);
        }
    }

    private double[] logProbabilities(NDManager manager, Batch batch, Decoder.Parameters parameters) {
        NDArray hidden = decoder.hidden(manager, batch.tokens(), parameters);
        return byRow(
                batch,
                decoder.scores(hidden, Decoder.Counted.of(batch), parameters).logProbabilities());
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
        NDArray scale = TorchScript.named("scale", manager.full(new Shape(), (float) lora.scale()));
        List<List<NDArray>> layers = new ArrayList<>();
        for (List<NDArray> layer : base.layers()) {
            List<NDArray> adapted = new ArrayList<>(layer);
            adapted.add(scale);
            layers.add(adapted);
        }
        int first = config.layers();
        int at = 0;
        for (LoraConfig.Matrix matrix : matrices) {
            NDArray leaf = leaf(manager, adapter, at, new Shape(matrix.rows(), matrix.columns()));
            layers.get(matrix.layer())
                    .add(TorchScript.named(matrix.module() + (matrix.down() ? ".lora_A" : ".lora_B"), leaf));
            trained.add(leaf);
            first = Math.min(first, matrix.layer());
            at += matrix.size();
        }
        return new Decoder.Parameters(base.outer(), layers, first);
    }

    private static NDArray leaf(NDManager manager, float[] values, int at, Shape shape) {
        NDArray leaf = manager.create(Arrays.copyOfRange(values, at, at + (int) shape.size()), shape);
        leaf.setRequiresGradient(true);
        return leaf;
    }

    @Override
    public void close() {
        root.close();
    }
}

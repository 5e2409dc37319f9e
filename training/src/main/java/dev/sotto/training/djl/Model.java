package dev.sotto.training.djl;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.training.GradientCollector;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import dev.sotto.training.checkpoint.Safetensors;
import dev.sotto.training.data.Batch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/// A Llama decoder (Touvron et al., 2023; RoPE in Hugging Face's half-split form) with a LoRA adapter, in
/// fp32 on the CPU.
///
/// The base is frozen. The adapter is a plain `float[]` in the order of its PEFT names, given to every
/// call, so that the model holds no state of training. Scalars in the graph are arrays of their own and
/// everything that autograd saved stays open until after backward: DJL's `op(Number)` frees what backward
/// still needs and gives wrong gradients silently.
///
/// One thread at a time. Closing it frees the native memory.
public final class Model implements AutoCloseable {
    private static final float MASKED = -1e9f;

    private final LlamaConfig config;
    private final NDManager root;
    private final Map<String, NDArray> weights = new HashMap<>();
    private final NDArray cosine;
    private final NDArray sine;
    private final NDArray epsilon;
    private final NDArray attentionScale;

    private Model(LlamaConfig config, NDManager root) {
        this.config = config;
        this.root = root;
        this.epsilon = root.full(new Shape(), (float) config.epsilon());
        this.attentionScale = root.full(new Shape(), (float) (1 / Math.sqrt(config.headSize())));
        int d = config.headSize();
        float[] cos = new float[config.positions() * d];
        float[] sin = new float[config.positions() * d];
        for (int t = 0; t < config.positions(); t++) {
            for (int i = 0; i < d; i++) {
                double angle = t * Math.pow(config.ropeTheta(), -2.0 * (i % (d / 2)) / d);
                cos[t * d + i] = (float) Math.cos(angle);
                sin[t * d + i] = (float) Math.sin(angle);
            }
        }
        this.cosine = root.create(cos, new Shape(config.positions(), d));
        this.sine = root.create(sin, new Shape(config.positions(), d));
    }

    /// Loads a Hugging Face checkpoint folder: `config.json` and `model.safetensors`, fp32 or bf16.
    ///
    /// @throws InvalidFile               if a file is not what it must be, or a tensor is missing
    /// @throws NativeLibraryUnavailable  if PyTorch cannot be started here
    public static Model load(Path folder) throws IOException, InvalidFile, NativeLibraryUnavailable {
        LlamaConfig config = LlamaConfig.read(folder);
        Path file = folder.resolve("model.safetensors");
        Map<String, Safetensors.Tensor> tensors = Safetensors.read(file);
        Model model = new Model(config, engine().newBaseManager());
        try {
            for (Map.Entry<String, int[]> weight : shapes(config).entrySet()) {
                model.put(file, tensors, weight.getKey(), weight.getValue());
            }
            return model;
        } catch (InvalidFile e) {
            model.close();
            throw e;
        }
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

    private void put(Path file, Map<String, Safetensors.Tensor> tensors, String name, int[] shape) throws InvalidFile {
        Safetensors.Tensor tensor = tensors.get(name);
        List<Integer> expected = Arrays.stream(shape).boxed().toList();
        if (tensor == null || !tensor.shape().equals(expected)) {
            throw new InvalidFile(file, name + " must be there with shape " + expected);
        }
        weights.put(name, root.create(tensor.values(), shape(shape)));
    }

    private static Shape shape(int[] dimensions) {
        return new Shape(Arrays.stream(dimensions).asLongStream().toArray());
    }

    /// A model without weights, for [#pretrainingGradient].
    static Model untrained(LlamaConfig config) throws NativeLibraryUnavailable {
        return new Model(config, engine().newBaseManager());
    }

    /// The weights of the base model, in the order of a checkpoint.
    static Map<String, int[]> shapes(LlamaConfig config) {
        int q = config.heads() * config.headSize();
        int kv = config.keyHeads() * config.headSize();
        int h = config.hidden();
        int m = config.intermediate();
        Map<String, int[]> shapes = new LinkedHashMap<>();
        shapes.put("model.embed_tokens.weight", new int[] {config.vocabulary(), h});
        for (int layer = 0; layer < config.layers(); layer++) {
            String at = "model.layers." + layer + ".";
            shapes.put(at + "input_layernorm.weight", new int[] {h});
            shapes.put(at + "self_attn.q_proj.weight", new int[] {q, h});
            shapes.put(at + "self_attn.k_proj.weight", new int[] {kv, h});
            shapes.put(at + "self_attn.v_proj.weight", new int[] {kv, h});
            shapes.put(at + "self_attn.o_proj.weight", new int[] {h, q});
            shapes.put(at + "post_attention_layernorm.weight", new int[] {h});
            shapes.put(at + "mlp.gate_proj.weight", new int[] {m, h});
            shapes.put(at + "mlp.up_proj.weight", new int[] {m, h});
            shapes.put(at + "mlp.down_proj.weight", new int[] {h, m});
        }
        shapes.put("model.norm.weight", new int[] {h});
        if (!config.tied()) {
            shapes.put("lm_head.weight", new int[] {config.vocabulary(), h});
        }
        return shapes;
    }

    /// The gradient by every weight, one after the other in the order of [#shapes].
    Gradient pretrainingGradient(Batch batch, float[] values) {
        try (NDManager manager = root.newSubManager()) {
            Map<String, NDArray> leaves = new LinkedHashMap<>();
            int at = 0;
            for (Map.Entry<String, int[]> entry : shapes(config).entrySet()) {
                int size = Pretrainer.size(entry.getValue());
                NDArray leaf = manager.create(Arrays.copyOfRange(values, at, at + size), shape(entry.getValue()));
                leaf.setRequiresGradient(true);
                leaves.put(entry.getKey(), leaf);
                at += size;
            }
            return gradient(manager, batch, leaves, leaves.values());
        }
    }

    private Gradient gradient(
            NDManager manager, Batch batch, Map<String, NDArray> leaves, Collection<NDArray> trained) {
        double loss;
        try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
            NDArray mean = loss(manager, forward(manager, batch.tokens(), leaves), batch);
            collector.backward(mean);
            loss = mean.toFloatArray()[0];
        }
        float[] gradient =
                new float[(int) trained.stream().mapToLong(NDArray::size).sum()];
        int at = 0;
        for (NDArray leaf : trained) {
            try (NDArray part = leaf.getGradient()) {
                float[] values = part.toFloatArray();
                System.arraycopy(values, 0, gradient, at, values.length);
                at += values.length;
            }
        }
        return new Gradient(loss, gradient);
    }

    /// The shape of the model.
    public LlamaConfig config() {
        return config;
    }

    /// Logits, rows × length × vocabulary, row-major.
    public float[] logits(int[][] tokens, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            return forward(manager, tokens, leaves(manager, lora, adapter, false))
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
            NDArray logits = forward(manager, batch.tokens(), leaves(manager, lora, adapter, false));
            double loss = loss(manager, logits, batch).toFloatArray()[0];
            long[] best = logits.argMax(-1).toLongArray();
            int length = batch.tokens()[0].length;
            boolean[] correct = new boolean[batch.tokens().length];
            for (int row = 0; row < correct.length; row++) {
                correct[row] = true;
                for (int at = 0; at < length; at++) {
                    int target = batch.targets()[row][at];
                    correct[row] &= target == Batch.IGNORE || best[row * length + at] == target;
                }
            }
            return new Score(loss, correct);
        }
    }

    /// A loss and its gradient.
    ///
    /// @param loss     mean over the counted positions
    /// @param gradient by the adapter, in its order
    @SuppressWarnings("ArrayRecordComponent")
    public record Gradient(double loss, float[] gradient) {}

    /// Forward and backward.
    public Gradient gradient(Batch batch, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            Map<String, NDArray> leaves = leaves(manager, lora, adapter, true);
            List<NDArray> trained = lora.matrices(config).stream()
                    .map(matrix -> Objects.requireNonNull(leaves.get(matrix.name())))
                    .toList();
            return gradient(manager, batch, leaves, trained);
        }
    }

    /// Fresh leaves for every call: no gradient can be left over from another.
    private Map<String, NDArray> leaves(NDManager manager, LoraConfig lora, float[] adapter, boolean trained) {
        if (adapter.length != lora.size(config)) {
            throw new IllegalArgumentException(
                    "the adapter has " + adapter.length + " coordinates, must have " + lora.size(config));
        }
        Map<String, NDArray> leaves = new HashMap<>();
        int at = 0;
        for (LoraConfig.Matrix matrix : lora.matrices(config)) {
            NDArray leaf = manager.create(
                    Arrays.copyOfRange(adapter, at, at + matrix.size()), new Shape(matrix.rows(), matrix.columns()));
            if (trained) {
                leaf.setRequiresGradient(true);
            }
            leaves.put(matrix.name(), leaf);
            at += matrix.size();
        }
        leaves.put("scale", manager.full(new Shape(), (float) (lora.alpha() / lora.rank())));
        return leaves;
    }

    private NDArray forward(NDManager manager, int[][] tokens, Map<String, NDArray> leaves) {
        int length = tokens[0].length;
        if (length > config.positions()) {
            throw new IllegalArgumentException(
                    "sequence of " + length + " tokens, the model has " + config.positions() + " positions");
        }
        long[] flat = Arrays.stream(tokens)
                .flatMapToInt(Arrays::stream)
                .asLongStream()
                .toArray();
        NDArray ids = manager.create(flat, new Shape(tokens.length, length));
        NDArray cos = cosine.get(manager, new NDIndex(":" + length));
        NDArray sin = sine.get(manager, new NDIndex(":" + length));
        float[] causal = new float[length * length];
        for (int i = 0; i < length; i++) {
            Arrays.fill(causal, i * length + i + 1, (i + 1) * length, MASKED);
        }
        NDArray mask = manager.create(causal, new Shape(length, length));
        NDArray x = ids.getNDArrayInternal()
                .embedding(ids, weight(leaves, "model.embed_tokens.weight"), SparseFormat.DENSE)
                .head();
        for (int layer = 0; layer < config.layers(); layer++) {
            x = layer(x, layer, cos, sin, mask, leaves);
        }
        x = norm(x, weight(leaves, "model.norm.weight"));
        return linear(x, weight(leaves, config.tied() ? "model.embed_tokens.weight" : "lm_head.weight"));
    }

    private NDArray layer(NDArray x, int layer, NDArray cos, NDArray sin, NDArray mask, Map<String, NDArray> leaves) {
        String at = "model.layers." + layer + ".";
        NDArray h = norm(x, weight(leaves, at + "input_layernorm.weight"));
        NDArray q = rotate(heads(adapted(h, at + "self_attn.q_proj", leaves), config.heads()), cos, sin);
        NDArray k = rotate(heads(adapted(h, at + "self_attn.k_proj", leaves), config.keyHeads()), cos, sin);
        NDArray v = heads(adapted(h, at + "self_attn.v_proj", leaves), config.keyHeads());
        int group = config.heads() / config.keyHeads();
        if (group > 1) {
            k = k.repeat(1, group);
            v = v.repeat(1, group);
        }
        NDArray scores = q.matMul(k.transpose(0, 1, 3, 2)).mul(attentionScale).add(mask);
        NDArray mixed = scores.softmax(-1).matMul(v).transpose(0, 2, 1, 3);
        Shape shape = x.getShape();
        NDArray joined = mixed.reshape(shape.get(0), shape.get(1), (long) config.heads() * config.headSize());
        NDArray y = x.add(adapted(joined, at + "self_attn.o_proj", leaves));
        h = norm(y, weight(leaves, at + "post_attention_layernorm.weight"));
        NDArray gate = adapted(h, at + "mlp.gate_proj", leaves);
        NDArray silu = gate.mul(gate.getNDArrayInternal().sigmoid());
        NDArray wide = silu.mul(adapted(h, at + "mlp.up_proj", leaves));
        return y.add(adapted(wide, at + "mlp.down_proj", leaves));
    }

    private NDArray adapted(NDArray x, String module, Map<String, NDArray> leaves) {
        NDArray y = linear(x, weight(leaves, module + ".weight"));
        NDArray down = leaves.get("base_model.model." + module + ".lora_A.weight");
        NDArray up = leaves.get("base_model.model." + module + ".lora_B.weight");
        if (down == null || up == null) {
            return y;
        }
        return y.add(linear(linear(x, down), up).mul(weight(leaves, "scale")));
    }

    private NDArray norm(NDArray x, NDArray gain) {
        NDArray variance = x.square().mean(new int[] {-1}, true).add(epsilon);
        return x.div(variance.sqrt()).mul(gain);
    }

    private NDArray heads(NDArray x, int heads) {
        Shape shape = x.getShape();
        return x.reshape(shape.get(0), shape.get(1), heads, config.headSize()).transpose(0, 2, 1, 3);
    }

    private static NDArray rotate(NDArray x, NDArray cos, NDArray sin) {
        NDList halves = x.split(2, 3);
        NDArray turned = halves.get(1).neg().concat(halves.get(0), -1);
        return x.mul(cos).add(turned.mul(sin));
    }

    private static NDArray linear(NDArray x, NDArray weight) {
        return x.getNDArrayInternal().linear(x, weight, null).head();
    }

    private NDArray weight(Map<String, NDArray> leaves, String name) {
        NDArray leaf = leaves.get(name);
        return leaf != null ? leaf : Objects.requireNonNull(weights.get(name), name);
    }

    /// −Σ log p(target)/counted over the positions that carry loss.
    private static NDArray loss(NDManager manager, NDArray logits, Batch batch) {
        int length = batch.tokens()[0].length;
        long[] targets = new long[batch.tokens().length * length];
        float[] weights = new float[targets.length];
        int counted = Math.max(1, batch.counted());
        for (int i = 0; i < targets.length; i++) {
            int target = batch.targets()[i / length][i % length];
            targets[i] = target == Batch.IGNORE ? 0 : target;
            weights[i] = target == Batch.IGNORE ? 0 : -1f / counted;
        }
        NDArray all = logits.reshape(-1, logits.getShape().get(2)).logSoftmax(-1);
        NDArray picked = all.gather(manager.create(targets, new Shape(targets.length, 1)), 1);
        return picked.mul(manager.create(weights, new Shape(targets.length, 1))).sum();
    }

    @Override
    public void close() {
        root.close();
    }
}

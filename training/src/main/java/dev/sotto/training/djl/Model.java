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
import java.util.HashMap;
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
            model.put(file, tensors, "model.embed_tokens.weight", config.vocabulary(), config.hidden());
            model.put(file, tensors, "model.norm.weight", config.hidden());
            if (!config.tied()) {
                model.put(file, tensors, "lm_head.weight", config.vocabulary(), config.hidden());
            }
            int q = config.heads() * config.headSize();
            int kv = config.keyHeads() * config.headSize();
            int h = config.hidden();
            int m = config.intermediate();
            for (int layer = 0; layer < config.layers(); layer++) {
                String at = "model.layers." + layer + ".";
                model.put(file, tensors, at + "input_layernorm.weight", h);
                model.put(file, tensors, at + "post_attention_layernorm.weight", h);
                model.put(file, tensors, at + "self_attn.q_proj.weight", q, h);
                model.put(file, tensors, at + "self_attn.k_proj.weight", kv, h);
                model.put(file, tensors, at + "self_attn.v_proj.weight", kv, h);
                model.put(file, tensors, at + "self_attn.o_proj.weight", h, q);
                model.put(file, tensors, at + "mlp.gate_proj.weight", m, h);
                model.put(file, tensors, at + "mlp.up_proj.weight", m, h);
                model.put(file, tensors, at + "mlp.down_proj.weight", h, m);
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

    private void put(Path file, Map<String, Safetensors.Tensor> tensors, String name, Integer... shape)
            throws InvalidFile {
        Safetensors.Tensor tensor = tensors.get(name);
        if (tensor == null || !tensor.shape().equals(List.of(shape))) {
            throw new InvalidFile(file, name + " must be there with shape " + List.of(shape));
        }
        long[] dimensions = Arrays.stream(shape).mapToLong(Integer::longValue).toArray();
        weights.put(name, root.create(tensor.values(), new Shape(dimensions)));
    }

    /// The shape of the model.
    public LlamaConfig config() {
        return config;
    }

    /// Logits, rows × length × vocabulary, row-major.
    public float[] logits(int[][] tokens, LoraConfig lora, float[] adapter) {
        try (NDManager manager = root.newSubManager()) {
            return forward(manager, tokens, leaves(manager, lora, adapter, false), lora)
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
            NDArray logits = forward(manager, batch.tokens(), leaves(manager, lora, adapter, false), lora);
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
            double loss;
            try (GradientCollector collector = manager.getEngine().newGradientCollector()) {
                NDArray mean = loss(manager, forward(manager, batch.tokens(), leaves, lora), batch);
                collector.backward(mean);
                loss = mean.toFloatArray()[0];
            }
            float[] gradient = new float[adapter.length];
            int at = 0;
            for (LoraConfig.Matrix matrix : lora.matrices(config)) {
                try (NDArray part =
                        Objects.requireNonNull(leaves.get(matrix.name())).getGradient()) {
                    System.arraycopy(part.toFloatArray(), 0, gradient, at, matrix.size());
                }
                at += matrix.size();
            }
            return new Gradient(loss, gradient);
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

    private NDArray forward(NDManager manager, int[][] tokens, Map<String, NDArray> leaves, LoraConfig lora) {
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
                .embedding(ids, weight("model.embed_tokens.weight"), SparseFormat.DENSE)
                .head();
        for (int layer = 0; layer < config.layers(); layer++) {
            x = layer(x, layer, cos, sin, mask, leaves, lora);
        }
        x = norm(x, weight("model.norm.weight"));
        return linear(x, weight(config.tied() ? "model.embed_tokens.weight" : "lm_head.weight"));
    }

    private NDArray layer(
            NDArray x,
            int layer,
            NDArray cos,
            NDArray sin,
            NDArray mask,
            Map<String, NDArray> leaves,
            LoraConfig lora) {
        String at = "model.layers." + layer + ".";
        NDArray h = norm(x, weight(at + "input_layernorm.weight"));
        NDArray q = rotate(heads(adapted(h, at + "self_attn.q_proj", leaves, lora), config.heads()), cos, sin);
        NDArray k = rotate(heads(adapted(h, at + "self_attn.k_proj", leaves, lora), config.keyHeads()), cos, sin);
        NDArray v = heads(adapted(h, at + "self_attn.v_proj", leaves, lora), config.keyHeads());
        int group = config.heads() / config.keyHeads();
        if (group > 1) {
            k = k.repeat(1, group);
            v = v.repeat(1, group);
        }
        NDArray scores = q.matMul(k.transpose(0, 1, 3, 2)).mul(attentionScale).add(mask);
        NDArray mixed = scores.softmax(-1).matMul(v).transpose(0, 2, 1, 3);
        Shape shape = x.getShape();
        NDArray joined = mixed.reshape(shape.get(0), shape.get(1), (long) config.heads() * config.headSize());
        NDArray y = x.add(adapted(joined, at + "self_attn.o_proj", leaves, lora));
        h = norm(y, weight(at + "post_attention_layernorm.weight"));
        NDArray gate = adapted(h, at + "mlp.gate_proj", leaves, lora);
        NDArray silu = gate.mul(gate.getNDArrayInternal().sigmoid());
        NDArray wide = silu.mul(adapted(h, at + "mlp.up_proj", leaves, lora));
        return y.add(adapted(wide, at + "mlp.down_proj", leaves, lora));
    }

    private NDArray adapted(NDArray x, String module, Map<String, NDArray> leaves, LoraConfig lora) {
        NDArray y = linear(x, weight(module + ".weight"));
        if (!lora.targetModules().contains(module.substring(module.lastIndexOf('.') + 1))) {
            return y;
        }
        String name = "base_model.model." + module;
        NDArray down = linear(x, Objects.requireNonNull(leaves.get(name + ".lora_A.weight")));
        NDArray up = linear(down, Objects.requireNonNull(leaves.get(name + ".lora_B.weight")));
        return y.add(up.mul(Objects.requireNonNull(leaves.get("scale"))));
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

    private NDArray weight(String name) {
        return Objects.requireNonNull(weights.get(name), name);
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

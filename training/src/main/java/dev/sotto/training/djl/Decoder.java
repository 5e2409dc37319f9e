package dev.sotto.training.djl;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDArray;
import ai.djl.pytorch.jni.JniUtils;
import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.data.Batch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The forward and backward pass. It holds no weights: every call is given all arrays.
///
/// Symbols: B rows, T positions, H hidden width, V vocabulary, N positions that carry loss.
///
/// The output layer works on those N positions only, a block of them at a time, and gives back its part of
/// the gradient before the next block starts, so that there are never logits for all positions. Everything
/// that autograd saved stays open until after its backward.
final class Decoder {
    /// Logits that one block of the output layer may have, of which backward needs a few: 32 MiB in binary32, or
    /// 256 MiB on a graphics card, which small blocks leave idle.
    static int block(Device device) {
        return device instanceof Device.Cuda ? 1 << 26 : 1 << 23;
    }

    private final LlamaConfig config;
    private final TorchScript script;
    private final IntFunction<NDArray> ropes;
    private final boolean checkpointing;
    private final int block;
    private @Nullable NDArray rope;

    /// @param ropes         for the first n positions: 2 × n × head size, in the type of the computation
    /// @param checkpointing whether the backward pass computes each layer anew instead of keeping what it made
    /// @param logits        most logits of one block of the output layer
    Decoder(LlamaConfig config, TorchScript script, IntFunction<NDArray> ropes, boolean checkpointing, int logits) {
        this.config = config;
        this.script = script;
        this.ropes = ropes;
        this.checkpointing = checkpointing;
        this.block = Math.max(1, logits / config.vocabulary());
    }

    /// What a pass computes with, named for [TorchScript].
    ///
    /// @param outer  of the embedding and the output
    /// @param layers of each layer
    /// @param first  the lowest layer in which something is trained
    record Parameters(List<NDArray> outer, List<List<NDArray>> layers, int first) {}

    /// The positions that carry loss.
    ///
    /// @param rows    in the batch, row by row
    /// @param targets what is to be predicted there
    @SuppressWarnings("ArrayRecordComponent")
    record Counted(long[] rows, long[] targets) {
        static Counted of(Batch batch) {
            int length = batch.tokens()[0].length;
            long[] rows = new long[batch.counted()];
            long[] targets = new long[rows.length];
            int n = 0;
            for (int i = 0; i < batch.targets().length * length; i++) {
                int target = batch.targets()[i / length][i % length];
                if (target != Batch.IGNORE) {
                    rows[n] = i;
                    targets[n++] = target;
                }
            }
            return new Counted(rows, targets);
        }

        private Counted part(int from, int to) {
            return new Counted(Arrays.copyOfRange(rows, from, to), Arrays.copyOfRange(targets, from, to));
        }
    }

    /// The derivative of a loss by each of the N log-probabilities. One that depends on them asks for them,
    /// which costs another pass through the output layer.
    @FunctionalInterface
    interface Derivative {
        float[] by(Supplier<float[]> logProbabilities);
    }

    /// The hidden states after the last layer, B × T × H.
    NDArray hidden(NDManager manager, int[][] tokens, @Nullable Packing packing, Parameters parameters) {
        TorchScript.record(false);
        NDArray x = embed(manager, tokens, parameters);
        Places places = places(manager, tokens, packing);
        for (int layer = 0; layer < config.layers(); layer++) {
            NDArray y = layer(x, places, parameters, layer, null);
            x.close();
            x = y;
        }
        return x;
    }

    /// Keys and values of the positions so far, per layer, and how far each row is padded on the left.
    static final class Cache {
        private final NDManager manager;
        private final int[] padding;
        private final List<NDArray> keys = new ArrayList<>();
        private final List<NDArray> values = new ArrayList<>();
        private int length;

        /// Nothing so far.
        ///
        /// @param manager owns the arrays
        Cache(NDManager manager, int[] padding) {
            this.manager = manager;
            this.padding = padding;
        }

        private boolean[] mask(int added) {
            int all = length + added;
            boolean[] seen = new boolean[padding.length * added * all];
            for (int row = 0; row < padding.length; row++) {
                for (int t = 0; t < added; t++) {
                    int here = (row * added + t) * all;
                    // A padded position sees itself: over nothing, a softmax is not a number.
                    seen[here + length + t] = true;
                    Arrays.fill(seen, here + Math.min(padding[row], length + t), here + length + t, true);
                }
            }
            return seen;
        }

        private long[] positions(int added) {
            long[] positions = new long[padding.length * added];
            for (int i = 0; i < positions.length; i++) {
                positions[i] = Math.max(0, length + i % added - padding[i / added]);
            }
            return positions;
        }
    }

    /// Logits of the last of some positions that follow those of the cache, rows × V; the cache grows by them.
    float[] next(int[][] tokens, Cache cache, Parameters parameters) {
        TorchScript.record(false);
        int added = tokens[0].length;
        int rows = tokens.length;
        try (NDManager manager = cache.manager.newSubManager()) {
            NDArray x = embed(manager, tokens, parameters);
            NDArray positions = manager.create(cache.positions(added), new Shape(rows, added));
            NDArray turned = script.call("at", rope(cache.length + added), positions);
            turned.attach(manager);
            NDArray mask = manager.create(cache.mask(added), new Shape(rows, 1, added, cache.length + added));
            for (int layer = 0; layer < config.layers(); layer++) {
                if (cache.length == 0) {
                    cache.keys.add(nothing(manager, rows));
                    cache.values.add(nothing(manager, rows));
                }
                NDList made = script.callAll(
                        "step",
                        x,
                        turned,
                        mask,
                        cache.keys.get(layer),
                        cache.values.get(layer),
                        parameters.layers().get(layer));
                x.close();
                x = made.get(0);
                keep(cache.keys, layer, made.get(1), cache.manager);
                keep(cache.values, layer, made.get(2), cache.manager);
            }
            cache.length += added;
            long[] last = new long[rows];
            Arrays.setAll(last, row -> (row + 1L) * added - 1);
            return logits(script.call("select", x, manager.create(last)), parameters)
                    .toFloatArray();
        }
    }

    private NDArray nothing(NDManager manager, int rows) {
        return manager.zeros(new Shape(rows, config.keyHeads(), 0, config.headSize()));
    }

    private static void keep(List<NDArray> arrays, int layer, NDArray array, NDManager manager) {
        array.attach(manager);
        arrays.set(layer, array).close();
    }

    /// Logits of hidden states, … × V.
    NDArray logits(NDArray hidden, Parameters parameters) {
        return script.call("logits", hidden, parameters.outer());
    }

    /// What the model thinks of the targets.
    ///
    /// @param logProbabilities of the N targets, in nats
    /// @param best             whether a target is the most probable token
    @SuppressWarnings("ArrayRecordComponent")
    record Scores(float[] logProbabilities, boolean[] best) {}

    /// Without gradients.
    Scores scores(NDArray hidden, Counted counted, Parameters parameters) {
        float[] logProbabilities = new float[counted.rows.length];
        boolean[] best = new boolean[counted.rows.length];
        for (int from = 0; from < best.length; from += block) {
            Counted part = counted.part(from, Math.min(from + block, best.length));
            try (NDManager manager = hidden.getManager().newSubManager()) {
                NDArray x = select(manager, hidden, part);
                NDList scores = script.callAll("score", x, manager.create(part.targets), parameters.outer());
                System.arraycopy(scores.get(0).toFloatArray(), 0, logProbabilities, from, part.rows.length);
                System.arraycopy(scores.get(1).toBooleanArray(), 0, best, from, part.rows.length);
            }
        }
        return new Scores(logProbabilities, best);
    }

    /// Forward and backward: gradients are added up in the leaves among the parameters.
    ///
    /// @param counted at least one position
    /// @param seed    decides what dropout drops; none without dropout
    /// @return the N log-probabilities
    float[] backward(
            NDManager manager,
            int[][] tokens,
            @Nullable Packing packing,
            Counted counted,
            Parameters parameters,
            @Nullable Long seed,
            Derivative derivative) {
        try {
            TorchScript.record(!checkpointing);
            Places places = places(manager, tokens, packing);
            List<NDArray> inputs = new ArrayList<>();
            NDArray x = embed(manager, tokens, parameters);
            for (int layer = 0; layer < config.layers(); layer++) {
                inputs.add(x);
                x = layer(x, places, parameters, layer, seed);
            }
            NDArray last = x;
            TorchScript.record(false);
            float[] weights =
                    derivative.by(() -> scores(last, counted, parameters).logProbabilities());
            float[] logProbabilities = new float[weights.length];
            NDArray gradient = output(last, counted, parameters, weights, logProbabilities);
            if (checkpointing) {
                layersAgain(inputs, gradient, places, parameters, seed);
            } else {
                backward(last, gradient);
            }
            return logProbabilities;
        } finally {
            TorchScript.record(false);
        }
    }

    /// The gradient by the hidden states, block by block.
    private NDArray output(
            NDArray hidden, Counted counted, Parameters parameters, float[] weights, float[] logProbabilities) {
        NDManager manager = hidden.getManager();
        NDArray rows = manager.create(counted.rows);
        NDArray targets = manager.create(counted.targets);
        NDArray derivative = manager.create(weights);
        NDList gradients = new NDList();
        NDList values = new NDList();
        for (int from = 0; from < weights.length; from += block) {
            NDIndex part = new NDIndex(from + ":" + Math.min(from + block, weights.length));
            try (NDManager inner = manager.newSubManager()) {
                TorchScript.record(false);
                NDArray x = script.call("select", hidden, rows.get(inner, part));
                x.attach(inner);
                x.setRequiresGradient(true);
                TorchScript.record(true);
                NDArray y = script.call("log_probabilities", x, targets.get(inner, part), parameters.outer());
                backward(y, derivative.get(inner, part));
                NDArray gradient = x.getGradient();
                gradient.attach(manager);
                gradients.add(gradient);
                y.attach(manager);
                values.add(y);
            }
        }
        TorchScript.record(false);
        // Read once: a graphics card is waited for here.
        System.arraycopy(joined(values).toFloatArray(), 0, logProbabilities, 0, weights.length);
        return script.call("scatter", joined(gradients), rows, hidden);
    }

    private static NDArray joined(NDList arrays) {
        return arrays.size() == 1 ? arrays.head() : NDArrays.concat(arrays);
    }

    private void layersAgain(
            List<NDArray> inputs, NDArray outputGradient, Places places, Parameters parameters, @Nullable Long seed) {
        NDManager manager = outputGradient.getManager();
        NDArray gradient = outputGradient;
        for (int layer = config.layers() - 1; layer >= parameters.first(); layer--) {
            NDArray x = inputs.get(layer);
            x.setRequiresGradient(layer > parameters.first());
            TorchScript.record(true);
            NDArray y = layer(x, places, parameters, layer, seed);
            backward(y, gradient);
            gradient.close();
            y.close();
            if (layer > parameters.first()) {
                gradient = x.getGradient();
                gradient.attach(manager);
            }
            x.close();
        }
    }

    private static void backward(NDArray y, NDArray gradient) {
        JniUtils.backward((PtNDArray) y, (PtNDArray) gradient, false, false);
    }

    private NDArray embed(NDManager manager, int[][] tokens, Parameters parameters) {
        long[] flat = Arrays.stream(tokens)
                .flatMapToInt(Arrays::stream)
                .asLongStream()
                .toArray();
        NDArray ids = manager.create(flat, new Shape(tokens.length, tokens[0].length));
        return script.call("embed", ids, parameters.outer());
    }

    /// Where the positions of a pass are, and what they see.
    ///
    /// @param rope turns queries and keys
    /// @param mask one named array, or none: all before
    private record Places(NDArray rope, List<NDArray> mask) {}

    /// For at least `length` positions. Models have up to millions, of which few are used.
    private NDArray rope(int length) {
        NDArray known = rope;
        if (known != null && known.getShape().get(1) >= length) {
            return known;
        }
        if (known != null) {
            known.close();
        }
        NDArray made = ropes.apply((int) Math.min(config.positions(), Math.max(256, 2L * length)));
        rope = made;
        return made;
    }

    private Places places(NDManager manager, int[][] tokens, @Nullable Packing packing) {
        int length = tokens[0].length;
        if (packing == null) {
            if (length > config.positions()) {
                throw new IllegalArgumentException(
                        "sequence of " + length + " tokens, the model has " + config.positions() + " positions");
            }
            return new Places(rope(length).get(manager, new NDIndex(":, :" + length)), List.of());
        }
        long[] positions = packing.flat(config.positions());
        NDArray turned =
                script.call("at", rope(packing.length()), manager.create(positions, new Shape(tokens.length, length)));
        turned.attach(manager);
        NDArray mask = manager.create(packing.mask(), new Shape(tokens.length, 1, length, length));
        return new Places(turned, List.of(TorchScript.named("mask", mask)));
    }

    private NDArray layer(NDArray x, Places places, Parameters parameters, int layer, @Nullable Long seed) {
        List<NDArray> arrays = parameters.layers().get(layer);
        if (seed == null) {
            return script.call("layer", x, places.rope(), arrays, places.mask());
        }
        // PyTorch's generator is one for the process.
        synchronized (Decoder.class) {
            JniUtils.setSeed(seed + layer);
            return script.call("layer", x, places.rope(), arrays, places.mask());
        }
    }

    private NDArray select(NDManager manager, NDArray hidden, Counted counted) {
        NDArray x = script.call("select", hidden, manager.create(counted.rows));
        x.attach(manager);
        return x;
    }
}

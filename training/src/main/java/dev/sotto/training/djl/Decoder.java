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
    /// Logits that one block of the output layer may have: 64 MiB in binary32.
    private static final int BLOCK = 1 << 24;

    private final LlamaConfig config;
    private final TorchScript script;
    private final NDArray rope;
    private final boolean checkpointing;

    /// @param rope          2 × positions × head size, in the type of the computation
    /// @param checkpointing whether the backward pass computes each layer anew instead of keeping what it made
    Decoder(LlamaConfig config, TorchScript script, NDArray rope, boolean checkpointing) {
        this.config = config;
        this.script = script;
        this.rope = rope;
        this.checkpointing = checkpointing;
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
    NDArray hidden(NDManager manager, int[][] tokens, Parameters parameters) {
        TorchScript.record(false);
        NDArray x = embed(manager, tokens, parameters);
        NDArray positions = positions(manager, tokens[0].length);
        for (int layer = 0; layer < config.layers(); layer++) {
            NDArray y = layer(x, positions, parameters, layer, null);
            x.close();
            x = y;
        }
        return x;
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
        for (int from = 0; from < best.length; from += block()) {
            Counted part = counted.part(from, Math.min(from + block(), best.length));
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
            Counted counted,
            Parameters parameters,
            @Nullable Long seed,
            Derivative derivative) {
        try {
            TorchScript.record(!checkpointing);
            NDArray positions = positions(manager, tokens[0].length);
            List<NDArray> inputs = new ArrayList<>();
            NDArray x = embed(manager, tokens, parameters);
            for (int layer = 0; layer < config.layers(); layer++) {
                inputs.add(x);
                x = layer(x, positions, parameters, layer, seed);
            }
            NDArray last = x;
            TorchScript.record(false);
            float[] weights =
                    derivative.by(() -> scores(last, counted, parameters).logProbabilities());
            float[] logProbabilities = new float[weights.length];
            NDArray gradient = output(last, counted, parameters, weights, logProbabilities);
            if (checkpointing) {
                layersAgain(inputs, gradient, positions, parameters, seed);
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
        NDList gradients = new NDList();
        for (int from = 0; from < weights.length; from += block()) {
            int to = Math.min(from + block(), weights.length);
            Counted part = counted.part(from, to);
            try (NDManager inner = manager.newSubManager()) {
                TorchScript.record(false);
                NDArray x = select(inner, hidden, part);
                x.setRequiresGradient(true);
                TorchScript.record(true);
                NDArray y = script.call("log_probabilities", x, inner.create(part.targets), parameters.outer());
                backward(y, inner.create(Arrays.copyOfRange(weights, from, to)));
                System.arraycopy(y.toFloatArray(), 0, logProbabilities, from, to - from);
                NDArray gradient = x.getGradient();
                gradient.attach(manager);
                gradients.add(gradient);
            }
        }
        TorchScript.record(false);
        NDArray joined = gradients.size() == 1 ? gradients.head() : NDArrays.concat(gradients);
        return script.call("scatter", joined, manager.create(counted.rows), hidden);
    }

    private void layersAgain(
            List<NDArray> inputs,
            NDArray outputGradient,
            NDArray positions,
            Parameters parameters,
            @Nullable Long seed) {
        NDManager manager = outputGradient.getManager();
        NDArray gradient = outputGradient;
        for (int layer = config.layers() - 1; layer >= parameters.first(); layer--) {
            NDArray x = inputs.get(layer);
            x.setRequiresGradient(layer > parameters.first());
            TorchScript.record(true);
            NDArray y = layer(x, positions, parameters, layer, seed);
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

    private NDArray positions(NDManager manager, int length) {
        if (length > config.positions()) {
            throw new IllegalArgumentException(
                    "sequence of " + length + " tokens, the model has " + config.positions() + " positions");
        }
        return rope.get(manager, new NDIndex(":, :" + length));
    }

    private NDArray layer(NDArray x, NDArray positions, Parameters parameters, int layer, @Nullable Long seed) {
        List<NDArray> arrays = parameters.layers().get(layer);
        if (seed == null) {
            return script.call("layer", x, positions, arrays);
        }
        // PyTorch's generator is one for the process.
        synchronized (Decoder.class) {
            JniUtils.setSeed(seed + layer);
            return script.call("layer", x, positions, arrays);
        }
    }

    private NDArray select(NDManager manager, NDArray hidden, Counted counted) {
        NDArray x = script.call("select", hidden, manager.create(counted.rows));
        x.attach(manager);
        return x;
    }

    private int block() {
        return Math.max(1, BLOCK / config.vocabulary());
    }
}

package dev.sotto.training.djl;

import dev.sotto.training.checkpoint.LlamaConfig;
import dev.sotto.training.checkpoint.LoraConfig;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// What training takes at its peak, in bytes, worked out from shapes alone.
///
/// Symbols: B rows, T tokens of a row, L layers, H hidden width, I width of the MLP, Q = heads × head size, V
/// vocabulary, r rank, c bytes of a value in the computation (fp32 4, bf16 2).
///
/// Not in it: the runtime (JVM and PyTorch, about 200 MB; on a graphics card the driver's context), garbage that
/// the JVM has not collected yet (as the heap's young generation allows), what the allocator holds between pieces in
/// use (measured on glibc: up to a third of `kept`), the data set, and at the start the tensor of a file that is
/// just being converted.
///
/// @param base    the frozen weights. Linear modules of layers c a weight; in int8 1, and c a row; in NF4 1/2, and
///   1/64 and 4/16384 for the scales. Biases, embedding and output c; norms 4. Binary32 weights of a file that are
///   computed as such are its mapped pages: resident, but the system may drop them
/// @param adapter 32 bytes a coordinate: the vector, what it started from, its copy in the computation, the gradient
///   there, of the micro-batch and of the step, and AdamW's two moments
/// @param kept    what the backward pass needs and the forward pass leaves: 4 H a position for each layer's input
///   and the result. Without checkpointing also, per position and layer from the lowest adapted one,
///   4 H (the residual stream after attention) + c (3 Q + Q + 3 I) (queries, keys and values for every head, what
///   attention makes of them; gate, its SiLU and up) + 4 heads (attention's log-sums) + c H for each of the two norms
///   that adapted modules read + c I if the last of the MLP is adapted + c r for each adapted module; 4 (Q + keys'
///   width) where heads have norms; c for each weight of a base that is not held as computed. Packed rows keep their
///   mask: B T², and c B T² a layer
/// @param layer   the layer that is just computed: with checkpointing all that is kept of one layer without it, and
///   anyway the gradients in its MLP, c (3 I) a position, and what one module's weights pass through on the way out
///   of
///   int8 (2 c each) or NF4 (10 + c)
/// @param output  of a block of the output layer: log-probabilities and two gradients, 12 bytes for each of its
///   logits, of which it has as many as [Decoder] allows
public record MemoryEstimate(long base, long adapter, long kept, long layer, long output) {
    /// Of one micro-batch.
    ///
    /// @param examples computed at once: [Trainer.Plan#microBatchSize]; a preference is two rows
    /// @param tokens   of the longest row
    public static MemoryEstimate of(
            LlamaConfig config,
            LoraConfig lora,
            Execution execution,
            Objective<?> objective,
            int examples,
            int tokens) {
        long c = execution.compute() == Execution.Compute.FP32 ? 4 : 2;
        long rows = objective instanceof Objective.DirectPreference ? 2L * examples : examples;
        long positions = rows * tokens;
        List<LoraConfig.Matrix> matrices = lora.matrices(config);
        int first = matrices.stream().mapToInt(LoraConfig.Matrix::layer).min().orElseThrow();
        long inLayer = positions * perPosition(config, lora.rank(), adapted(matrices), c);
        if (execution.base() != Execution.Base.PLAIN) {
            inLayer += c * linearWeights(config);
        }
        long masks = objective instanceof Objective.Packed ? rows * tokens * tokens : 0;
        inLayer += c * masks;
        long streams = 4L * config.hidden() * positions * (config.layers() + 1) + masks;
        long working = 3 * c * config.intermediate() * positions + dequantised(config, execution.base(), c);
        return new MemoryEstimate(
                base(config, execution.base(), c),
                32L * lora.size(config),
                execution.checkpointing() ? streams : streams + inLayer * (config.layers() - first),
                execution.checkpointing() ? inLayer + working : working,
                12L
                        * config.vocabulary()
                        * Math.min(positions, Math.max(1, Decoder.block(execution.device()) / config.vocabulary())));
    }

    /// The peak: layers and output layer are never computed at the same time.
    public long total() {
        return base + adapter + kept + Math.max(layer, output);
    }

    private static Set<String> adapted(List<LoraConfig.Matrix> matrices) {
        return matrices.stream().map(LoraConfig.Matrix::module).collect(Collectors.toSet());
    }

    /// What one layer keeps, its input aside.
    private static long perPosition(LlamaConfig config, long rank, Set<String> adapted, long c) {
        long hidden = config.hidden();
        long queries = (long) config.heads() * config.headSize();
        long keys = (long) config.keyHeads() * config.headSize();
        long bytes = 4 * hidden + c * (4 * queries + 3L * config.intermediate()) + 4L * config.heads();
        bytes += reads(adapted, "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj") ? c * hidden : 0;
        bytes += reads(adapted, "mlp.gate_proj", "mlp.up_proj") ? c * hidden : 0;
        bytes += reads(adapted, "mlp.down_proj") ? c * config.intermediate() : 0;
        bytes += config.headNorm() ? 4 * (queries + keys) : 0;
        return bytes + c * rank * adapted.size();
    }

    private static boolean reads(Set<String> adapted, String... modules) {
        return List.of(modules).stream().anyMatch(adapted::contains);
    }

    private static long base(LlamaConfig config, Execution.Base base, long c) {
        long bytes = 0;
        for (var weight : config.weights().entrySet()) {
            List<Integer> shape = weight.getValue();
            long size = shape.stream().mapToLong(i -> i).reduce(1, Math::multiplyExact);
            if (weight.getKey().endsWith("norm.weight")) {
                bytes += 4 * size;
            } else if (weight.getKey().endsWith("_proj.weight")) {
                bytes += switch (base) {
                    case PLAIN -> c * size;
                    case INT8 -> size + c * shape.getFirst();
                    case NF4 -> size / 2 + size / 64 + size / 4096;
                };
            } else {
                bytes += c * size;
            }
        }
        return bytes;
    }

    private static long linearWeights(LlamaConfig config) {
        return config.linears().stream()
                .mapToLong(linear -> (long) linear.out() * linear.in())
                .sum();
    }

    private static long dequantised(LlamaConfig config, Execution.Base base, long c) {
        long largest = config.linears().stream()
                .mapToLong(linear -> (long) linear.out() * linear.in())
                .max()
                .orElseThrow();
        return largest
                * switch (base) {
                    case PLAIN -> 0;
                    case INT8 -> 2 * c;
                    case NF4 -> 10 + c;
                };
    }
}

package dev.sotto.training.djl;

/// Where and how a model is held and computed. The adapter and its gradient are binary32 always.
///
/// @param device        where
/// @param compute       the type of activations and of what is multiplied
/// @param base          how the frozen linear weights are held
/// @param checkpointing whether the backward pass computes each layer anew (Chen et al., 2016): the same values (on
///   the processor the same bits), less memory, a third more work. Bases that are not held as computed need it to save
/// anything in training
public record Execution(Device device, Compute compute, Base base, boolean checkpointing) {
    /// The type that is computed in. Sums along the residual stream, norms and losses are binary32 always.
    public enum Compute {
        /// binary32.
        FP32,
        /// The upper half of a binary32.
        BF16
    }

    /// How the weights of the linear modules of the layers are held. Embedding, output and norms are not
    /// quantised.
    public enum Base {
        /// As computed.
        PLAIN,
        /// 8-bit integers with a scale per output row (Dettmers et al., 2022, without its outliers).
        INT8,
        /// 4-bit NormalFloat in blocks of 64 with double quantisation (Dettmers et al., 2023, section 3). The
        /// second quantisation is to integers with a scale, not to 8-bit floats.
        NF4
    }

    /// fp32 on the processor, nothing computed twice.
    public static final Execution FP32 = new Execution(new Device.Cpu(), Compute.FP32, Base.PLAIN, false);
}

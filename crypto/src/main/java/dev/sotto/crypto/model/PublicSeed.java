package dev.sotto.crypto.model;

import dev.sotto.crypto.primitive.AesCtr;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Hkdf;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// The adapter of version 0 from a public seed, so that nobody chose it (protocol §10, "Public seed of
/// version 0").
public final class PublicSeed {
    private PublicSeed() {}

    /// The adapter in layout order: lora_B and lora_R = 0; lora_A as [#matrix].
    ///
    /// @param seed    32 public bytes
    /// @param adapter tensors named as PEFT names them, ending in `lora_A.weight`, `lora_B.weight` or
    ///   `lora_R.weight`
    /// @throws IllegalArgumentException if a tensor is none of them
    public static float[] adapter(Bytes seed, VectorLayout adapter) {
        float[] values = new float[Math.toIntExact(adapter.size())];
        int at = 0;
        for (TensorLayout tensor : adapter.tensors()) {
            int size = Math.toIntExact(tensor.size());
            if (tensor.name().endsWith(".lora_A.weight") && tensor.shape().size() == 2) {
                fill(seed, tensor, values, at);
            } else if (!tensor.name().endsWith(".lora_B.weight")
                    && !tensor.name().endsWith(".lora_R.weight")) {
                throw new IllegalArgumentException("tensor " + tensor.name()
                        + " is neither a lora_A.weight matrix nor a lora_B.weight nor a lora_R.weight");
            }
            at += size;
        }
        return values;
    }

    /// A matrix of which every entry is drawn evenly: (2·(w >> 8)/2^24 − 1)/√in with `in` its second dimension and w
    /// the little-endian words of its name's stream.
    ///
    /// @param seed   32 public bytes
    /// @param tensor of two dimensions
    public static float[] matrix(Bytes seed, TensorLayout tensor) {
        float[] values = new float[Math.toIntExact(tensor.size())];
        fill(seed, tensor, values, 0);
        return values;
    }

    private static void fill(Bytes seed, TensorLayout tensor, float[] values, int at) {
        int size = Math.toIntExact(tensor.size());
        double root = Math.sqrt(tensor.shape().get(1));
        try (Secret start = Secret.take(seed.toArray());
                Secret key = Hkdf.expand(start, Enc.of("init", tensor.name()), 32);
                AesCtr stream = new AesCtr(key, 0)) {
            byte[] bytes = new byte[4 * size];
            stream.next(bytes, bytes.length);
            ByteBuffer words = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < size; i++) {
                values[at + i] = (float) ((2.0 * (words.getInt() >>> 8) / 0x1p24 - 1) / root);
            }
        }
    }
}

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

    /// The adapter in layout order: lora_B = 0; lora_A = (2·(w >> 8)/2^24 − 1)/√in with `in` its second
    /// dimension.
    ///
    /// @param seed    32 public bytes
    /// @param adapter tensors named as PEFT names them, ending in `lora_A.weight` or `lora_B.weight`
    /// @throws IllegalArgumentException if a tensor is neither
    public static float[] adapter(Bytes seed, VectorLayout adapter) {
        float[] values = new float[Math.toIntExact(adapter.size())];
        int at = 0;
        for (TensorLayout tensor : adapter.tensors()) {
            int size = Math.toIntExact(tensor.size());
            if (tensor.name().endsWith(".lora_A.weight") && tensor.shape().size() == 2) {
                fill(seed, tensor, values, at);
            } else if (!tensor.name().endsWith(".lora_B.weight")) {
                throw new IllegalArgumentException(
                        "tensor " + tensor.name() + " is neither a lora_A.weight matrix nor a lora_B.weight");
            }
            at += size;
        }
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

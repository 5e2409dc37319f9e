package dev.sotto.bench.federation;

import java.time.Duration;

/// What a federation under load is like.
///
/// @param members     3 to 255
/// @param coordinates of the adapter, a multiple of 32
/// @param rounds      that it runs
/// @param replicas    of the coordinator
/// @param partitions  of each topic with chunks
/// @param heap        of a replica, as in -Xmx
/// @param training    how long a member waits instead of training
/// @param skew        how much members' clocks differ from the coordinator's, one half early, the other late
/// @param verify      what members recompute of a round, in their policy's words
record Shape(
        int members,
        int coordinates,
        int rounds,
        int replicas,
        int partitions,
        String heap,
        Duration training,
        Duration skew,
        String verify) {
    private static final int RANK = 8;
    private static final int MANY_LAYERS = 25;
    private static final int HEAD = 2;

    /// Checks what can be built.
    ///
    /// @throws IllegalArgumentException naming what cannot
    Shape {
        if (members < 4 || members > 255) {
            throw new IllegalArgumentException("--members is " + members + ", must be 4 to 255");
        }
        if (coordinates < 1000 || coordinates % RANK != 0) {
            throw new IllegalArgumentException(
                    "--coordinates is " + coordinates + ", must be a multiple of 8, at least 1000");
        }
        if (replicas < 1 || replicas > partitions) {
            throw new IllegalArgumentException(
                    "--replicas is " + replicas + ", must be 1 to --partitions, " + partitions);
        }
    }

    /// `config.json` of a base model whose adapter of rank 8 on all linear modules has so many coordinates. A layer
    /// of
    /// width h, intermediate width m and one head of two has 8 (7 h + 3 m + 8) of them.
    String config() {
        int layers = coordinates % (RANK * MANY_LAYERS) == 0 && coordinates >= 100_000 ? MANY_LAYERS : 1;
        int rest = coordinates / RANK / layers - 4 * HEAD;
        int intermediate = 1;
        while ((rest - 3 * intermediate) % 7 != 0) {
            intermediate++;
        }
        return """
                {"model_type": "llama", "hidden_act": "silu", "vocab_size": 100, "num_attention_heads": 1,
                 "num_key_value_heads": 1, "head_dim": %d, "max_position_embeddings": 128, "rms_norm_eps": 1e-5,
                 "rope_theta": 10000.0, "hidden_size": %d, "intermediate_size": %d, "num_hidden_layers": %d,
                 "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
                """.formatted(HEAD, (rest - 3 * intermediate) / 7, intermediate, layers);
    }
}

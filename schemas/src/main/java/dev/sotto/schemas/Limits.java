package dev.sotto.schemas;

/// The limits that every decoder holds to. Sizes are in bytes unless the name says otherwise.
public final class Limits {
    /// The Shamir field and the cohort end here.
    public static final int MAX_MEMBERS = 255;

    /// Members of a federation; a cohort is sampled from them.
    public static final int MAX_FEDERATION_MEMBERS = 10_000;

    public static final int HASH = 32;
    public static final int SIGNATURE = 64;
    public static final int ED25519_PUBLIC_KEY = 32;
    public static final int XWING_PUBLIC_KEY = 1216;
    public static final int XWING_CIPHERTEXT = 1120;
    public static final int SEED = 32;
    public static final int NONCE = 32;

    /// AES-256-GCM's tag.
    public static final int TAG = 16;

    /// A share of m_u with its salt and a share of b_u with its salt, sealed by HPKE.
    public static final int SHARE_BOX = XWING_CIPHERTEXT + 4 * 32 + TAG;

    /// A 32-byte secret sealed by HPKE.
    public static final int SEED_BOX = XWING_CIPHERTEXT + SEED + TAG;

    /// One chunk of a masked vector; with its envelope it stays below the broker's default limit of 1
    /// MiB.
    public static final int CHUNK = 786_432;

    /// Coordinates of binary32 in a chunk of a model version.
    public static final int MODEL_CHUNK_COORDINATES = 65_536;

    /// An envelope: a record that the broker's default `message.max.bytes` takes.
    public static final int ENVELOPE = 1_048_000;

    public static final int NAME = 256;
    public static final int ORGANISATION = 63;
    public static final int DETAIL = 2_048;
    public static final int VECTORS = 8;
    public static final int TENSORS = 8_192;
    public static final int DIMENSIONS = 4;

    /// Coordinates of a vector: 2^31 − 1 chunks are never needed, 2^36 coordinates are 256 GiB of floats.
    public static final long COORDINATES = 1L << 36;

    /// Chunks of one vector in a manifest (32 bytes each must fit an envelope beside the others).
    public static final int CHUNKS = 30_000;

    /// A header chunk of a model version holds a sum of squares per tensor.
    public static final int MODEL_CHUNK = MODEL_CHUNK_COORDINATES * 4 + TENSORS * 64 + 4_096;

    private Limits() {}
}

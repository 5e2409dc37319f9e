package dev.sotto.crypto.model;

import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// Puts a version together from the chunks of `models`, in whatever order they come. Chunks of other
/// versions, and those that another attempt left there under another key, are passed over.
///
/// Not thread-safe. The caller owns the key.
public final class ModelAssembly {
    private final Secret key;
    private final String federation;
    private final long version;
    private final Bytes digest;
    private final int size;
    private final SortedMap<Integer, Bytes> plain = new TreeMap<>();

    /// What the first chunk that decrypts says; memory follows the chunks that come, not this number.
    private int count = -1;

    /// For one version.
    ///
    /// @param key    of this version
    /// @param digest that the coordinator signed
    /// @param size   the adapter's number of coordinates
    public ModelAssembly(Secret key, String federation, long version, Bytes digest, int size) {
        this.key = key;
        this.federation = federation;
        this.version = version;
        this.digest = digest;
        this.size = size;
    }

    /// Takes a chunk.
    ///
    /// @return the version, when this was its last chunk
    /// @throws MalformedMessage if the chunks decrypt but do not make the version with that digest; the
    ///   coordinator is at fault
    public Optional<ModelVersion> add(ModelChunk chunk) throws MalformedMessage {
        if (chunk.version() != version || (count >= 0 && chunk.count() != count)) {
            return Optional.empty();
        }
        Bytes opened;
        try {
            opened = ModelCipher.open(key, federation, chunk);
        } catch (BoxRefused e) {
            return Optional.empty();
        }
        count = chunk.count();
        boolean known = plain.putIfAbsent(chunk.index(), opened) != null;
        return !known && plain.size() == count ? Optional.of(whole()) : Optional.empty();
    }

    private ModelVersion whole() throws MalformedMessage {
        ModelVersion made = ModelVersion.of(version, List.copyOf(plain.values()), size);
        if (!made.digest(federation).equals(digest)) {
            throw new MalformedMessage("model version " + version + " has not the digest " + digest.hex());
        }
        return made;
    }
}

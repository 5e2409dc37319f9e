package dev.sotto.crypto.model;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/// One version of the federated model in plain: header, adapter, then the server optimiser's vectors.
/// Immutable by convention: the arrays are shared, nobody writes to them.
///
/// @param version   from 0
/// @param header    chunk 0
/// @param adapter   in layout order
/// @param optimiser vectors of the adapter's length, possibly none
@SuppressWarnings("ArrayRecordComponent")
public record ModelVersion(long version, ModelHeader header, float[] adapter, List<float[]> optimiser) {
    /// Copies the list.
    public ModelVersion {
        optimiser = List.copyOf(optimiser);
    }

    /// The plain chunks: the header, then 65,536 binary32 coordinates each, little-endian; a chunk never
    /// spans two vectors.
    public List<Bytes> chunks() {
        List<Bytes> chunks = new ArrayList<>(List.of(header.encode()));
        append(adapter, chunks);
        optimiser.forEach(vector -> append(vector, chunks));
        return chunks;
    }

    /// Its digest.
    public Bytes digest(String federation) {
        // One chunk in memory at a time.
        List<Bytes> hashes = new ArrayList<>(List.of(Enc.sha256(header.encode())));
        Stream.concat(Stream.of(adapter), optimiser.stream()).forEach(vector -> {
            for (int at = 0; at < vector.length; at += Limits.MODEL_CHUNK_COORDINATES) {
                hashes.add(Enc.sha256(encode(vector, at)));
            }
        });
        return Digests.version(federation, version, hashes);
    }

    /// Puts a version together from its plain chunks.
    ///
    /// @param size the adapter's number of coordinates
    /// @throws MalformedMessage if a chunk is missing, too long or too short; the coordinator is at fault
    public static ModelVersion of(long version, List<Bytes> chunks, int size) throws MalformedMessage {
        if (chunks.isEmpty()) {
            throw new MalformedMessage("model version " + version + " has no chunks");
        }
        ModelHeader header = ModelHeader.parse(chunks.getFirst());
        if (header.coordinates() % size != 0 || header.coordinates() < size) {
            throw new MalformedMessage("model version " + version + " has " + header.coordinates()
                    + " coordinates, which is no multiple of the adapter's " + size);
        }
        List<float[]> vectors = new ArrayList<>();
        int next = 1;
        for (long v = 0; v < header.coordinates() / size; v++) {
            float[] vector = new float[size];
            for (int at = 0; at < size; at += Limits.MODEL_CHUNK_COORDINATES) {
                int count = Math.min(Limits.MODEL_CHUNK_COORDINATES, size - at);
                if (next == chunks.size() || chunks.get(next).size() != 4 * count) {
                    throw new MalformedMessage(
                            "chunk " + next + " of model version " + version + " must have " + 4 * count + " bytes");
                }
                chunks.get(next++)
                        .view()
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer()
                        .get(vector, at, count);
            }
            vectors.add(vector);
        }
        if (next != chunks.size()) {
            throw new MalformedMessage(
                    "model version " + version + " has " + chunks.size() + " chunks, expected " + next);
        }
        return new ModelVersion(version, header, vectors.getFirst(), vectors.subList(1, vectors.size()));
    }

    private static void append(float[] vector, List<Bytes> chunks) {
        for (int at = 0; at < vector.length; at += Limits.MODEL_CHUNK_COORDINATES) {
            chunks.add(encode(vector, at));
        }
    }

    /// The plain chunk of a vector, or of a stretch of one, that begins at `at`.
    static Bytes encode(float[] vector, int at) {
        float[] part = Arrays.copyOfRange(vector, at, Math.min(at + Limits.MODEL_CHUNK_COORDINATES, vector.length));
        ByteBuffer bytes = ByteBuffer.allocate(4 * part.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(part);
        return Bytes.of(bytes.array());
    }
}

package dev.sotto.crypto.model;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MalformedMessage;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// A stretch of a model version in plain: the same coordinates of the adapter and of every optimiser vector. It begins
/// where a chunk begins, and ends where one ends. Immutable by convention, as [ModelVersion].
///
/// @param from      its first coordinate, a multiple of 65,536
/// @param adapter   its coordinates
/// @param optimiser the same coordinates of each vector, possibly of none
@SuppressWarnings("ArrayRecordComponent")
public record ModelPart(int from, float[] adapter, List<float[]> optimiser) {
    /// Checks where it begins.
    ///
    /// @throws IllegalArgumentException if that is not where a chunk begins
    public ModelPart {
        if (from < 0 || from % Limits.MODEL_CHUNK_COORDINATES != 0) {
            throw new IllegalArgumentException("coordinate " + from + " does not begin a model chunk");
        }
        optimiser = List.copyOf(optimiser);
    }

    /// How many chunks a version has.
    ///
    /// @param size    the adapter's number of coordinates
    /// @param vectors the adapter, and those of the optimiser
    public static int count(int size, int vectors) {
        return 1 + vectors * perVector(size);
    }

    /// Its plain chunks by their index in the version.
    ///
    /// @param size the adapter's number of coordinates
    public SortedMap<Integer, Bytes> chunks(int size) {
        SortedMap<Integer, Bytes> chunks = new TreeMap<>();
        for (int v = 0; v <= optimiser.size(); v++) {
            float[] vector = v == 0 ? adapter : optimiser.get(v - 1);
            for (int at = 0; at < vector.length; at += Limits.MODEL_CHUNK_COORDINATES) {
                chunks.put(index(size, v, from + at), ModelVersion.encode(vector, at));
            }
        }
        return chunks;
    }

    /// The indices of the chunks that make the coordinates `from` to `to`.
    ///
    /// @param size    the adapter's number of coordinates
    /// @param vectors the adapter, and those of the optimiser
    public static List<Integer> indices(int size, int vectors, int from, int to) {
        List<Integer> indices = new ArrayList<>();
        for (int v = 0; v < vectors; v++) {
            for (int at = from; at < to; at += Limits.MODEL_CHUNK_COORDINATES) {
                indices.add(index(size, v, at));
            }
        }
        return indices;
    }

    /// Puts a stretch together from plain chunks.
    ///
    /// @param plain chunks by their index in the version, all of [#indices]
    /// @throws MalformedMessage if a chunk is missing, too long or too short; the coordinator is at fault
    public static ModelPart of(int size, int vectors, int from, int to, Map<Integer, Bytes> plain)
            throws MalformedMessage {
        List<float[]> read = new ArrayList<>();
        for (int v = 0; v < vectors; v++) {
            float[] vector = new float[to - from];
            for (int at = from; at < to; at += Limits.MODEL_CHUNK_COORDINATES) {
                int index = index(size, v, at);
                int length = Math.min(Limits.MODEL_CHUNK_COORDINATES, to - at);
                Bytes chunk = plain.get(index);
                if (chunk == null || chunk.size() != 4 * length) {
                    throw new MalformedMessage("chunk " + index + " must be there and have " + 4 * length + " bytes");
                }
                chunk.view().order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(vector, at - from, length);
            }
            read.add(vector);
        }
        return new ModelPart(from, read.getFirst(), read.subList(1, vectors));
    }

    private static int perVector(int size) {
        return Math.ceilDiv(size, Limits.MODEL_CHUNK_COORDINATES);
    }

    private static int index(int size, int vector, int coordinate) {
        return 1 + vector * perVector(size) + coordinate / Limits.MODEL_CHUNK_COORDINATES;
    }
}

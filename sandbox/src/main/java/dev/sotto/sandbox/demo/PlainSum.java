package dev.sotto.sandbox.demo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// Compares what the masked sum made of an adapter with what the plain updates would have made of it.
/// Each organisation wrote its own plain update into its own folder; no one else in the federation reads
/// them.
public final class PlainSum {
    private static final ObjectMapper JSON = new ObjectMapper();

    private PlainSum() {}

    /// One round's comparison.
    ///
    /// @param error largest difference of a coordinate
    /// @param bound what protocol §4 allows, and the rounding of the adapter to binary32
    public record Difference(double error, double bound) {}

    /// Compares a round of FedAvg.
    ///
    /// @param plain     the survivors' folders of plain updates
    /// @param before    the adapter that the round started from
    /// @param after     the one that it made
    public static Difference compare(List<Path> plain, long round, long attempt, float[] before, float[] after)
            throws IOException {
        double[] sum = new double[before.length];
        double total = 0;
        double[] unit = new double[before.length];
        for (Path folder : plain) {
            String name = "round-" + round + "-attempt-" + attempt;
            JsonNode described = JSON.readTree(folder.resolve(name + ".json").toFile());
            float[] delta = floats(folder.resolve(name + ".f32"));
            double cap = described.path("weightCap").asDouble();
            double weight = described.path("weighted").asBoolean()
                    ? described.path("weight").asDouble() / cap
                    : 1;
            total += weight;
            int at = 0;
            for (JsonNode tensor : described.path("tensors")) {
                double range = tensor.path("range").asDouble();
                for (long i = 0; i < tensor.path("length").asLong(); i++, at++) {
                    sum[at] += weight * Math.clamp(delta[at], -range, range);
                    unit[at] = range / described.path("quotient").asDouble();
                }
            }
        }
        double error = 0;
        double bound = 0;
        for (int i = 0; i < sum.length; i++) {
            error = Math.max(error, Math.abs((double) after[i] - before[i] - sum[i] / total));
            // Each survivor rounds to a neighbour: at most one unit; then the adapter to the nearest binary32.
            bound = Math.max(bound, plain.size() / total * unit[i] + Math.ulp(after[i]) / 2);
        }
        return new Difference(error, bound);
    }

    /// Reads little-endian binary32.
    public static float[] floats(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        float[] floats = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
        return floats;
    }
}

package dev.sotto.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.sandbox.demo.PlainSum;
import java.io.IOException;
import java.nio.file.Path;

/// An update as an organisation of the sandbox wrote it into its own folder, which nobody else may know.
///
/// @param delta   what was trained
/// @param scaled  the same in units of the ring; masking adds to a whole number next to it
@SuppressWarnings("ArrayRecordComponent") // Read only, never compared.
record PlainUpdate(float[] delta, double[] scaled) {
    /// @param file `round-R-attempt-A.f32`, with a description beside it
    static PlainUpdate read(Path file) throws IOException {
        JsonNode described = new ObjectMapper()
                .readTree(Path.of(file.toString().replace(".f32", ".json")).toFile());
        float[] delta = PlainSum.floats(file);
        double[] scaled = new double[delta.length];
        double weight = described.path("weighted").asBoolean()
                ? described.path("weight").asDouble()
                        / described.path("weightCap").asDouble()
                : 1;
        int at = 0;
        for (JsonNode tensor : described.path("tensors")) {
            double scale = weight
                    * described.path("quotient").asDouble()
                    / tensor.path("range").asDouble();
            for (int end = at + tensor.path("length").asInt(); at < end; at++) {
                scaled[at] = delta[at] * scale;
            }
        }
        return new PlainUpdate(delta, scaled);
    }

    /// The words of the ring of 24 bits that it would be on the wire without a mask, little-endian.
    byte[] words() {
        byte[] words = new byte[3 * scaled.length];
        for (int i = 0; i < scaled.length; i++) {
            int q = (int) Math.floor(scaled[i]);
            words[3 * i] = (byte) q;
            words[3 * i + 1] = (byte) (q >> 8);
            words[3 * i + 2] = (byte) (q >> 16);
        }
        return words;
    }
}

package dev.sotto.sandbox;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.stream.LongStream;

/// Eight-byte pieces of what nobody but its owner may see, looked for at every offset of other bytes. A
/// piece occurs by chance with probability 2^-64 at each offset.
final class Needles {
    private final LongStream.Builder building = LongStream.builder();
    private long[] sorted = {};

    /// Two neighbouring binary32 numbers, little-endian and big-endian.
    void floats(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        ByteBuffer little = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + 8 <= bytes.length; at += 4) {
            if (little.getInt(at) != 0 && little.getInt(at + 4) != 0) {
                building.add(ByteBuffer.wrap(bytes).getLong(at));
                building.add((long) Integer.reverseBytes(ByteBuffer.wrap(bytes).getInt(at)) << 32
                        | Integer.reverseBytes(ByteBuffer.wrap(bytes).getInt(at + 4)) & 0xFFFF_FFFFL);
            }
        }
    }

    /// Three neighbouring coordinates of an update as it is encoded for the ring of 24 bits before
    /// masking: each was rounded up or down.
    void encoded(Path file, Path description) throws IOException {
        JsonNode described = new ObjectMapper().readTree(description.toFile());
        ByteBuffer delta = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        double weight = described.path("weighted").asBoolean()
                ? described.path("weight").asDouble()
                        / described.path("weightCap").asDouble()
                : 1;
        int start = 0;
        for (JsonNode tensor : described.path("tensors")) {
            double scale = weight
                    * described.path("quotient").asDouble()
                    / tensor.path("range").asDouble();
            int end = start + tensor.path("length").asInt();
            for (int at = start; at + 3 <= end; at += 97) {
                for (int up = 0; up < 8; up++) {
                    byte[] words = new byte[9];
                    boolean tiny = false;
                    for (int i = 0; i < 3; i++) {
                        int q = (int) Math.floor(delta.getFloat(4 * (at + i)) * scale) + (up >> i & 1);
                        tiny |= Math.abs(q) < 256;
                        words[3 * i] = (byte) q;
                        words[3 * i + 1] = (byte) (q >> 8);
                        words[3 * i + 2] = (byte) (q >> 16);
                    }
                    if (!tiny) {
                        building.add(ByteBuffer.wrap(words).getLong());
                    }
                }
            }
            start = end;
        }
    }

    /// A binary64 in both byte orders.
    void number(double value) {
        building.add(Double.doubleToLongBits(value));
        building.add(Long.reverseBytes(Double.doubleToLongBits(value)));
    }

    /// A secret that a file holds in base64.
    void secret(Path file) throws IOException {
        ByteBuffer secret = ByteBuffer.wrap(
                Base64.getDecoder().decode(Files.readString(file).strip()));
        for (int at = 0; at + 8 <= secret.capacity(); at++) {
            building.add(secret.getLong(at));
        }
        ByteBuffer text = ByteBuffer.wrap(Files.readAllBytes(file));
        for (int at = 0; at + 8 <= text.capacity(); at += 8) {
            building.add(text.getLong(at));
        }
    }

    int count() {
        sorted = building.build().sorted().toArray();
        return sorted.length;
    }

    /// Where the first one begins in `haystack`.
    Optional<Integer> find(byte[] haystack) {
        ByteBuffer bytes = ByteBuffer.wrap(haystack);
        for (int at = 0; at + 8 <= haystack.length; at++) {
            if (Arrays.binarySearch(sorted, bytes.getLong(at)) >= 0) {
                return Optional.of(at);
            }
        }
        return Optional.empty();
    }
}

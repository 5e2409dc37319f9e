package dev.sotto.sandbox;

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
    /* A bit for every needle's hash: most offsets need no more than one look at it. */
    private final long[] filter = new long[1 << 20];

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
    void encoded(PlainUpdate update) {
        double[] scaled = update.scaled();
        for (int at = 0; at + 3 <= scaled.length; at += 97) {
            for (int up = 0; up < 8; up++) {
                byte[] words = new byte[9];
                boolean tiny = false;
                for (int i = 0; i < 3; i++) {
                    int q = (int) Math.floor(scaled[at + i]) + (up >> i & 1);
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
    }

    /// Some of these bytes.
    void bytes(byte[] bytes) {
        for (int at = 0; at + 8 <= bytes.length; at += 8) {
            building.add(ByteBuffer.wrap(bytes).getLong(at));
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
        bytes(Files.readAllBytes(file));
    }

    int count() {
        sorted = building.build().sorted().toArray();
        for (long needle : sorted) {
            filter[word(needle)] |= 1L << hash(needle);
        }
        return sorted.length;
    }

    /// Where the first one begins in `haystack`.
    Optional<Integer> find(byte[] haystack) {
        ByteBuffer bytes = ByteBuffer.wrap(haystack);
        for (int at = 0; at + 8 <= haystack.length; at++) {
            long candidate = bytes.getLong(at);
            if ((filter[word(candidate)] >>> hash(candidate) & 1) != 0 && Arrays.binarySearch(sorted, candidate) >= 0) {
                return Optional.of(at);
            }
        }
        return Optional.empty();
    }

    private static long hash(long needle) {
        return needle * 0x9E37_79B9_7F4A_7C15L >>> 38;
    }

    private static int word(long needle) {
        return (int) (hash(needle) >>> 6);
    }
}

package dev.sotto.sandbox;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Secrets as they would look in a text, looked for at every offset of one.
final class Phrases {
    /// A shorter number or word may be there by chance.
    private static final int FEWEST = 10;

    private final Map<Long, List<byte[]>> byBeginning = new HashMap<>();
    /* A bit for every beginning's hash: most offsets need no more than one look at it. */
    private final long[] filter = new long[1 << 16];
    private int count;

    /// This text, if it is long enough to be looked for.
    void text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        if (bytes.length >= FEWEST) {
            long beginning = ByteBuffer.wrap(bytes).getLong();
            byBeginning.computeIfAbsent(beginning, key -> new ArrayList<>()).add(bytes);
            filter[word(beginning)] |= 1L << hash(beginning);
            count++;
        }
    }

    /// Sixteen bytes each of these, as hexadecimal, as base64 wherever its groups of three begin, as a list of
    /// numbers, and as they are.
    void bytes(byte[] secret) {
        for (int at = 0; at + 16 <= secret.length; at += 16) {
            byte[] piece = Arrays.copyOfRange(secret, at, at + 16);
            text(HexFormat.of().formatHex(piece));
            text(HexFormat.of().withUpperCase().formatHex(piece));
            text(HexFormat.ofDelimiter(":").formatHex(piece));
            String numbers = Arrays.toString(piece);
            text(numbers.substring(1, numbers.length() - 1));
            for (int skip = 0; skip < 3; skip++) {
                byte[] groups = Arrays.copyOfRange(piece, skip, skip + 12);
                text(Base64.getEncoder().encodeToString(groups));
                text(Base64.getUrlEncoder().encodeToString(groups));
            }
        }
    }

    int count() {
        return count;
    }

    /// The first that is in `text`.
    Optional<String> find(byte[] text) {
        ByteBuffer bytes = ByteBuffer.wrap(text);
        for (int at = 0; at + 8 <= text.length; at++) {
            long beginning = bytes.getLong(at);
            if ((filter[word(beginning)] >>> hash(beginning) & 1) != 0) {
                for (byte[] phrase : byBeginning.getOrDefault(beginning, List.of())) {
                    int end = at + phrase.length;
                    if (end <= text.length && Arrays.equals(text, at, end, phrase, 0, phrase.length)) {
                        return Optional.of(new String(phrase, StandardCharsets.UTF_8));
                    }
                }
            }
        }
        return Optional.empty();
    }

    private static long hash(long beginning) {
        return beginning * 0x9E37_79B9_7F4A_7C15L >>> 42;
    }

    private static int word(long beginning) {
        return (int) (hash(beginning) >>> 6);
    }
}

package dev.sotto.participant.cli;

import dev.sotto.schemas.Bytes;
import java.util.StringJoiner;

/// Fingerprints as people read them aloud.
final class Fingerprints {
    private static final int GROUP = 4;

    private Fingerprints() {}

    /// Whether that is what somebody typed: spaces, colons and capitals do not matter.
    static boolean isTyped(String typed, Bytes fingerprint) {
        return typed.replaceAll("[ :]", "").equalsIgnoreCase(fingerprint.hex());
    }

    static String grouped(Bytes fingerprint) {
        String hex = fingerprint.hex();
        StringJoiner groups = new StringJoiner(" ");
        for (int i = 0; i < hex.length(); i += GROUP) {
            groups.add(hex.substring(i, i + GROUP));
        }
        return groups.toString();
    }
}

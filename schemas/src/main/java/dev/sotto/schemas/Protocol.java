package dev.sotto.schemas;

import java.util.Arrays;

/// The version of the protocol that this program speaks. It is in every signature (`sotto/1`), so parties of different
/// versions cannot mistake each other's messages; and it is in every request to a coordinator and its answer, so that
/// they learn it before anything is signed.
public final class Protocol {
    /// The version. Another message, field, entry or formula is another version.
    public static final int VERSION = 1;

    /// Of HTTP: the versions that the sender speaks, as `1` or `1, 2`. Who sends none speaks version 1.
    public static final String HEADER = "Sotto-Protocol";

    private Protocol() {}

    /// Whether whoever sent this header's value can be spoken with.
    public static boolean isSpoken(String value) {
        return Arrays.stream(value.split(",", -1))
                .map(String::strip)
                .anyMatch(version -> version.equals(String.valueOf(VERSION)));
    }
}

package dev.sotto.schemas;

import java.util.Arrays;
import java.util.regex.Pattern;

/// The version of the protocol that this program speaks.
///
/// Who speaks which versions is said beside what is signed: in every request to a coordinator and its answer, and
/// in Kafka beside a member's `PeersApproved`, which every agent sends when it connects. A coordinator leaves those
/// out of rounds that do not speak its version. Which version a round is of is signed: it stands in `RoundOpened`, and
/// with it in every transcript of the round.
public final class Protocol {
    /// The version. Another message, field, entry or formula is another version.
    public static final int VERSION = 1;

    /// Of HTTP and of Kafka: the versions that the sender speaks, as `1` or `1, 2`. Who sends none speaks version 1.
    public static final String HEADER = "Sotto-Protocol";

    /// What who sends no header speaks.
    public static final String UNSAID = "1";

    private static final Pattern VERSIONS = Pattern.compile("[0-9]{1,9}(, ?[0-9]{1,9}){0,15}");

    private Protocol() {}

    /// Whether whoever sent this header's value can be spoken with.
    public static boolean isSpoken(String value) {
        return Arrays.stream(value.split(",", -1))
                .map(String::strip)
                .anyMatch(version -> version.equals(String.valueOf(VERSION)));
    }

    /// Whether this is a header's value, at most 16 versions, and no other text that a peer chose.
    public static boolean areVersions(String value) {
        return VERSIONS.matcher(value).matches();
    }
}

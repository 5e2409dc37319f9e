package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Locale;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// The search of TelemetryIT finds a secret in whatever clothes it may come.
class PhrasesTest {
    private final byte[] secret = new byte[32];
    private final Phrases phrases = new Phrases();

    PhrasesTest() {
        new SplittableRandom(3).nextBytes(secret);
        phrases.bytes(secret);
    }

    private boolean finds(String text) {
        return phrases.find(text.getBytes(StandardCharsets.UTF_8)).isPresent();
    }

    @Test
    void aSecret_isFoundInEveryForm() {
        String hex = HexFormat.of().formatHex(secret);
        assertThat(finds("2026 DEBUG key=" + hex + " of acme")).isTrue();
        assertThat(finds(hex.toUpperCase(Locale.ROOT))).isTrue();
        assertThat(finds("half of it: " + hex.substring(32))).isTrue();
        assertThat(finds(HexFormat.ofDelimiter(":").formatHex(secret))).isTrue();
        assertThat(finds("key=" + Arrays.toString(secret))).isTrue();
        // Wherever it begins in a longer message, as in a key's DER or a JSON object.
        for (int before = 0; before < 7; before++) {
            byte[] message = new byte[before + secret.length + 5];
            System.arraycopy(secret, 0, message, before, secret.length);
            assertThat(finds("x" + Base64.getEncoder().encodeToString(message)))
                    .as("base64 after %d bytes", before)
                    .isTrue();
            assertThat(finds(Base64.getUrlEncoder().withoutPadding().encodeToString(message)))
                    .as("base64url after %d bytes", before)
                    .isTrue();
        }
    }

    @Test
    void whatIsNotThere_isNotFound() {
        byte[] other = new byte[100_000];
        new SplittableRandom(4).nextBytes(other);
        assertThat(finds(HexFormat.of().formatHex(other))).isFalse();
        assertThat(finds(Base64.getEncoder().encodeToString(other))).isFalse();
        assertThat(phrases.find(other)).isEmpty();
    }

    @Test
    void shortTexts_areNotLookedFor() {
        int before = phrases.count();
        phrases.text("0.5");
        assertThat(phrases.count()).isEqualTo(before);
        phrases.text(Double.toString(9.537938207387924));
        assertThat(finds("loss=9.537938207387924")).isTrue();
        assertThat(finds("loss=9.53793820738792")).isFalse();
    }
}

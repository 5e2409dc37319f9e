package dev.sotto.crypto.bc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.junit.jupiter.api.Test;

/// The vectors of RFC 7748 and 8032 and of NIST's AESAVS. Those of RFC 5869 are among Wycheproof's; X-Wing's
/// are in [dev.sotto.crypto.RoundVectorTest].
class StandardVectorsTest {
    private static List<String> lines(String resource) throws IOException {
        try (InputStream in = Objects.requireNonNull(StandardVectorsTest.class.getResourceAsStream(resource))) {
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .toList();
        }
    }

    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.trim());
    }

    /// `NAME = value` records, each begun by COUNT.
    private static List<Map<String, String>> records(String resource) throws IOException {
        List<Map<String, String>> records = new ArrayList<>();
        for (String line : lines(resource)) {
            if (line.startsWith("[DECRYPT]")) {
                break;
            }
            String[] parts = line.split(" = ", 2);
            if (parts[0].equals("COUNT")) {
                records.add(new HashMap<>());
            }
            if (parts.length == 2 && !records.isEmpty()) {
                records.getLast().put(parts[0], parts[1]);
            }
        }
        return records;
    }

    private static String value(Map<String, String> entry, String name) {
        return Objects.requireNonNull(entry.get(name), name);
    }

    @Test
    void ed25519_signInput_signsAndVerifiesEachLine() throws Exception {
        BouncyCastlePrimitives primitives = new BouncyCastlePrimitives();
        List<String> lines = lines("/rfc/ed25519-sign.input");
        for (String line : lines) {
            String[] fields = line.split(":");
            Secret seed = Secret.take(hex(fields[0].substring(0, 64)));
            Bytes key = Bytes.of(hex(fields[1]));
            Bytes message = Bytes.of(hex(fields[2]));
            Bytes signature = Bytes.of(hex(fields[3].substring(0, 128)));
            assertThat(primitives.identityKey(seed)).isEqualTo(key);
            assertThat(primitives.sign(seed, message)).isEqualTo(signature);
            assertThat(primitives.verify(key, message, signature)).isTrue();
        }
        assertThat(lines).hasSize(128);
    }

    @Test
    void x25519_rfc7748_matchesEachRecord() throws Exception {
        int run = 0;
        for (Map<String, String> entry : records("/rfc/rfc7748.txt")) {
            byte[] shared = new byte[32];
            boolean nonZero = X25519.calculateAgreement(
                    hex(value(entry, "INPUT_SCALAR")), 0, hex(value(entry, "INPUT_U")), 0, shared, 0);
            assertThat(nonZero).isTrue();
            assertThat(shared).isEqualTo(hex(value(entry, "OUTPUT_U")));
            run++;
        }
        assertThat(run).isGreaterThanOrEqualTo(3);
    }

    /// The first block of a mask stream is AES-256 of the zero counter: NIST's cases with a zero plain text
    /// go through [MaskStream] as they are.
    @Test
    void maskStream_nistZeroPlaintexts_givesTheirCiphertexts() throws Exception {
        int run = 0;
        for (String file : List.of("/nist/ECBKeySbox256.rsp", "/nist/ECBVarKey256.rsp")) {
            for (Map<String, String> entry : records(file)) {
                assertThat(hex(value(entry, "PLAINTEXT"))).containsOnly(0);
                byte[] block = new byte[16];
                new MaskStream().addTo(Ring.K32, block, block.length, 0, Secret.take(hex(value(entry, "KEY"))));
                assertThat(block).isEqualTo(hex(value(entry, "CIPHERTEXT")));
                run++;
            }
        }
        assertThat(run).isEqualTo(16 + 256);
    }
}

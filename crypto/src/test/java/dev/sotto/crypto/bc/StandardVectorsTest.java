package dev.sotto.crypto.bc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.mask.MaskStream;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bouncycastle.crypto.params.MLKEMParameters;
import org.bouncycastle.crypto.params.MLKEMPrivateKeyParameters;
import org.bouncycastle.math.ec.rfc7748.X25519;
import org.junit.jupiter.api.Test;

/// The vectors of RFC 7748 and 8032, of the X-Wing draft, of NIST's AESAVS and of NIST's ACVP for ML-KEM-768.
/// Those of RFC 5869 are among Wycheproof's.
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

    /// All three of draft-connolly-cfrg-xwing-kem, appendix C; of keys and ciphertexts their hashes.
    @Test
    void xwing_draft_matchesAllThree() throws Exception {
        BouncyCastlePrimitives primitives = new BouncyCastlePrimitives();
        MessageDigest sha3 = MessageDigest.getInstance("SHA3-256");
        List<Map<String, String>> all = records("/rfc/xwing.txt");
        for (Map<String, String> entry : all) {
            Secret seed = Secret.take(hex(value(entry, "SEED")));
            Bytes key = primitives.kemKey(seed);
            assertThat(sha3.digest(key.toArray())).isEqualTo(hex(value(entry, "SHA3_256_OF_PK")));
            Encapsulation made = primitives.encapsulate(key, Secret.take(hex(value(entry, "ESEED"))));
            assertThat(sha3.digest(made.ciphertext().toArray())).isEqualTo(hex(value(entry, "SHA3_256_OF_CT")));
            Secret expected = Secret.take(hex(value(entry, "SS")));
            assertThat(made.secret().sameAs(expected)).isTrue();
            assertThat(primitives.decapsulate(seed, made.ciphertext()).sameAs(expected))
                    .isTrue();
        }
        assertThat(all).hasSize(3);
    }

    /// NIST's ACVP: 25 key generations, 25 encapsulations, and 10 decapsulations, of which some are of altered
    /// ciphertexts and give what implicit rejection gives.
    @Test
    void mlKem768_acvp_matchesAll60() throws Exception {
        int keys = 0;
        for (Map<String, String> entry : paragraphs("/nist/acvp-mlkem768-keygen.txt", "KeyGen")) {
            MLKEMPrivateKeyParameters key =
                    new MLKEMPrivateKeyParameters(MLKEMParameters.ml_kem_768, hex(value(entry, "Ctrl hexseed")));
            assertThat(key.getPublicKey()).isEqualTo(hex(value(entry, "CtrlOut hexpub")));
            assertThat(WycheproofTest.expanded(key)).isEqualTo(hex(value(entry, "CtrlOut hexpriv")));
            keys++;
        }
        int encapsulations = 0;
        int decapsulations = 0;
        for (Map<String, String> entry : paragraphs("/nist/acvp-mlkem768-encapdecap.txt", "Kem")) {
            byte[] secret = hex(value(entry, "Output"));
            if (entry.containsKey("Entropy")) {
                WycheproofTest.assertEncapsulates(
                        hex(value(entry, "EncodedPublicKey")),
                        hex(value(entry, "Entropy")),
                        hex(value(entry, "Ciphertext")),
                        secret,
                        "ACVP");
                encapsulations++;
            } else {
                MLKEMPrivateKeyParameters key = new MLKEMPrivateKeyParameters(
                        MLKEMParameters.ml_kem_768, hex(value(entry, "EncodedPrivateKey")));
                WycheproofTest.assertDecapsulates(key, hex(value(entry, "Input")), secret, "ACVP");
                decapsulations++;
            }
        }
        assertThat(List.of(keys, encapsulations, decapsulations)).containsExactly(25, 25, 10);
    }

    /// `NAME = value` and `NAME = kind:value` records between empty lines, of those that have `name`.
    private static List<Map<String, String>> paragraphs(String resource, String name) throws IOException {
        List<Map<String, String>> records = new ArrayList<>(List.of(new HashMap<>()));
        for (String line : lines(resource)) {
            if (line.isEmpty()) {
                records.add(new HashMap<>());
            }
            String[] parts = line.split(" = ", 2);
            if (parts.length == 2) {
                String[] kind = parts[1].split(":", 2);
                records.getLast().put(kind.length == 2 ? parts[0] + " " + kind[0] : parts[0], kind[kind.length - 1]);
            }
        }
        return records.stream().filter(entry -> entry.containsKey(name)).toList();
    }
}

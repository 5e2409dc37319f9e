package dev.sotto.crypto.mask;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import org.bouncycastle.crypto.engines.AESEngine;
import org.bouncycastle.crypto.modes.SICBlockCipher;
import org.bouncycastle.crypto.params.KeyParameter;
import org.bouncycastle.crypto.params.ParametersWithIV;
import org.junit.jupiter.api.Test;

class MaskStreamTest {
    private final MaskStream stream = new MaskStream();

    /// SP 800-38A, F.5.5 has another initial counter; this is AES-256 of the zero block under the zero
    /// key (FIPS 197 tools call it the GFSbox/KeySbox base value), the first block of our stream.
    @Test
    void stream_zeroKey_startsWithAes256OfZero() {
        byte[] target = new byte[16];
        stream.addTo(Ring.K16, target, 16, 0, Secret.take(new byte[32]));
        assertThat(Bytes.of(target).hex()).isEqualTo("dc95c078a2408989ad48a21492842087");
    }

    @Test
    void stream_bouncyCastlesEngine_givesTheSameBytes() {
        Secret key = Randomness.secure().secret(32);
        byte[] expected = new byte[300_000];
        var engine = SICBlockCipher.newInstance(AESEngine.newInstance());
        engine.init(true, new ParametersWithIV(new KeyParameter(key.expose(InsecureSecretAccess.get())), new byte[16]));
        engine.processBytes(new byte[expected.length], 0, expected.length, expected, 0);
        for (Ring ring : Ring.values()) {
            byte[] got = new byte[expected.length];
            stream.addTo(ring, got, got.length, 0, key);
            assertThat(got).isEqualTo(expected);
        }
    }

    @Test
    void stream_anyChunkAlone_equalsThatPartOfTheWhole() {
        Secret key = Randomness.secure().secret(32);
        for (Ring ring : Ring.values()) {
            byte[] whole = new byte[3 * 786_432];
            stream.addTo(ring, whole, whole.length, 0, key);
            byte[] chunk = new byte[786_432];
            stream.addTo(ring, chunk, chunk.length, 2L * 786_432, key);
            assertThat(Bytes.of(chunk)).isEqualTo(Bytes.of(whole, 2 * 786_432, 786_432));
        }
    }

    @Test
    void subtract_afterAdd_restores() {
        Randomness randomness = Randomness.secure();
        Secret key = randomness.secret(32);
        for (Ring ring : Ring.values()) {
            Bytes before = randomness.bytes(96_000);
            byte[] target = before.toArray();
            stream.addTo(ring, target, target.length, 786_432, key);
            assertThat(Bytes.of(target)).isNotEqualTo(before);
            stream.subtractFrom(ring, target, target.length, 786_432, key);
            assertThat(Bytes.of(target)).isEqualTo(before);
        }
    }
}

package dev.sotto.crypto.mask;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.CarrySave;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import java.lang.reflect.Field;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
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

    /// More streams than a lane holds addends: as one after the other.
    @Test
    void apply_sixHundredTerms_isTheirSum() {
        Randomness randomness = Randomness.secure();
        List<MaskStream.Term> terms = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            terms.add(new MaskStream.Term(randomness.secret(32), i % 3 > 0));
        }
        for (Ring ring : Ring.values()) {
            byte[] got = randomness.bytes(48).toArray();
            byte[] expected = got.clone();
            stream.apply(ring, got, 48, 96, terms);
            for (MaskStream.Term term : terms) {
                stream.apply(ring, expected, 48, 96, List.of(term));
            }
            assertThat(got).isEqualTo(expected);
        }
    }

    @Test
    void apply_offsetThatIsNoChunks_isRefused() {
        Secret key = Secret.take(new byte[32]);
        for (long offset : new long[] {-48, 1, 16, 47}) {
            assertThatThrownBy(() -> stream.addTo(Ring.K24, new byte[48], 48, offset, key))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("offset " + offset);
        }
    }

    /// Whether it ends well or not, no keystream is left behind, and the next sum is not spoiled.
    @Test
    void apply_endedOrInterrupted_isWiped() throws IllegalAccessException {
        Randomness randomness = Randomness.secure();
        Secret key = randomness.secret(32);
        for (Ring ring : Ring.values()) {
            stream.addTo(ring, new byte[96], 96, 0, key);
            assertWiped(stream);
            assertThatThrownBy(() -> stream.apply(ring, new byte[96], 96, 0, interrupted(key)))
                    .isInstanceOf(UnsupportedOperationException.class);
            assertWiped(stream);
        }
        byte[] target = new byte[96];
        stream.addTo(Ring.K24, target, 96, 0, key);
        stream.subtractFrom(Ring.K24, target, 96, 0, key);
        assertThat(target).containsOnly(0);
    }

    /// Its first term is mixed, its second is not there any more.
    private static List<MaskStream.Term> interrupted(Secret key) {
        MaskStream.Term term = new MaskStream.Term(key, true);
        return new AbstractList<>() {
            private int left = 3;

            @Override
            public MaskStream.Term get(int index) {
                if (left-- == 0) {
                    throw new UnsupportedOperationException();
                }
                return term;
            }

            @Override
            public int size() {
                return 2;
            }
        };
    }

    private static void assertWiped(Object holder) throws IllegalAccessException {
        for (Field field : holder.getClass().getDeclaredFields()) {
            field.setAccessible(true);
            switch (field.get(holder)) {
                case byte[] bytes -> assertThat(bytes).as(field.getName()).containsOnly(0);
                case CarrySave lanes -> assertWiped(lanes);
                default -> {}
            }
        }
    }
}

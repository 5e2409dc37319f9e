package dev.sotto.crypto.primitive;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import javax.crypto.Cipher;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

/// NIST's vectors go through `MaskStream`, in `StandardVectorsTest`.
class AesCtrTest {
    private static final int SIZE = 200_000;

    private static byte[] key() {
        byte[] key = new byte[32];
        Arrays.fill(key, (byte) 0x31);
        return key;
    }

    /// Longer than what is asked of the cipher at once.
    private static byte[] expected(byte[] key) throws Exception {
        Cipher cipher = Cipher.getInstance("AES/CTR/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new IvParameterSpec(new byte[16]));
        return cipher.doFinal(new byte[SIZE]);
    }

    @Test
    void next_inPartsOfAnyLength_isOneStream() throws Exception {
        byte[] expected = expected(key());
        try (Secret key = Secret.take(key());
                AesCtr stream = new AesCtr(key, 0)) {
            int at = 0;
            for (int length : new int[] {1, 15, 16, 17, 70_000, SIZE - 70_049}) {
                byte[] part = new byte[length + 1];
                stream.next(part, length);
                assertThat(Arrays.copyOf(part, length)).isEqualTo(Arrays.copyOfRange(expected, at, at + length));
                assertThat(part[length])
                        .as("beyond the length nothing is written")
                        .isZero();
                at += length;
            }
            assertThat(at).isEqualTo(SIZE);
        }
    }

    @Test
    void stream_fromABlockOn_isTheRest() throws Exception {
        byte[] rest = new byte[SIZE - 16 * 4097];
        try (Secret key = Secret.take(key());
                AesCtr stream = new AesCtr(key, 4097)) {
            stream.next(rest, rest.length);
        }
        assertThat(rest).isEqualTo(Arrays.copyOfRange(expected(key()), 16 * 4097, SIZE));
    }

    /// Its key is gone, and the caller's is as it was.
    @Test
    void close_whateverWasDrawn_leavesTheZeroKey() throws Exception {
        byte[] after = new byte[32];
        try (Secret key = Secret.take(key())) {
            AesCtr stream = new AesCtr(key, 7);
            stream.next(after, 5);
            stream.close();
            stream.next(after, after.length);
            assertThat(key.expose(InsecureSecretAccess.get())).isEqualTo(key());
        }
        assertThat(after).isEqualTo(Arrays.copyOf(expected(new byte[32]), after.length));
    }
}

package dev.sotto.crypto.primitive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.schemas.Bytes;
import org.junit.jupiter.api.Test;

class SecretTest {
    private static byte[] raw(Secret secret) {
        return secret.expose(InsecureSecretAccess.get());
    }

    @Test
    void close_wipesOnlyItsOwnBytes() {
        byte[] source = {1, 2, 3, 4};
        Secret part = Secret.copyOf(source, 1, 2);
        Secret twin = part.copy();
        assertThat(raw(part)).containsExactly(2, 3);
        byte[] live = raw(part);
        assertThat(part.isWiped()).isFalse();
        part.close();
        part.close();
        assertThat(part.isWiped()).isTrue();
        assertThat(live).containsOnly(0);
        assertThat(source).containsExactly(1, 2, 3, 4);
        assertThat(raw(twin)).containsExactly(2, 3);
        assertThat(twin.isWiped()).isFalse();
    }

    @Test
    void wiped_anyUse_isRefused() {
        Secret secret = Secret.take(new byte[32]);
        Secret other = Secret.take(new byte[32]);
        secret.close();
        assertThatThrownBy(() -> raw(secret)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> secret.sameAs(other)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> other.sameAs(secret)).isInstanceOf(IllegalStateException.class);
        assertThat(secret.toString()).isEqualTo("Secret[wiped]");
        assertThat(secret.size()).isEqualTo(32);
    }

    @Test
    void encapsulation_closed_wipesItsSecret() {
        Secret secret = Secret.take(new byte[32]);
        new Encapsulation(Bytes.zeros(1120), secret).close();
        assertThat(secret.isWiped()).isTrue();
    }

    @Test
    void randomness_bytesAndSecrets_areWhatWasFilled() {
        Randomness sevens = target -> java.util.Arrays.fill(target, (byte) 7);
        assertThat(sevens.bytes(3).hex()).isEqualTo("070707");
        assertThat(raw(sevens.secret(2))).containsExactly(7, 7);
        assertThat(Randomness.secure().bytes(32))
                .isNotEqualTo(Randomness.secure().bytes(32));
    }

    /// enc of protocol §3: lengths as 4 bytes, integers as 8, big-endian.
    @Test
    void enc_everyKindOfItem_isItsLengthThenItsBytes() {
        Bytes encoded = Enc.of("é", 258, -1L, Bytes.fromHex("0a0b"));
        assertThat(encoded.hex())
                .isEqualTo("00000002c3a9" + "000000080000000000000102" + "00000008ffffffffffffffff" + "000000020a0b");
        assertThat(Enc.hash("é", 258, -1L, Bytes.fromHex("0a0b"))).isEqualTo(Enc.sha256(encoded));
        byte[] wider = {9, 9, 1, 2, 9};
        assertThat(Enc.sha256(wider, 2, 2)).isEqualTo(Enc.sha256(Bytes.fromHex("0102")));
    }

    @Test
    void enc_ofASecret_isHashedAndNeverEncoded() {
        Secret secret = Secret.take(new byte[] {5});
        assertThat(Enc.hash(secret)).isEqualTo(Enc.hash(Bytes.fromHex("05")));
        assertThatThrownBy(() -> Enc.of("label", secret)).hasMessageContaining("never encoded");
        assertThatThrownBy(() -> Enc.hash(1.5)).hasMessageContaining("enc takes no java.lang.Double");
    }

    @Test
    void hkdf_moreThanItGives_isRefused() {
        Secret key = Secret.take(new byte[32]);
        assertThat(Hkdf.expand(key, Bytes.EMPTY, 8160).size()).isEqualTo(8160);
        for (int size : new int[] {0, 8161}) {
            assertThatThrownBy(() -> Hkdf.expand(key, Bytes.EMPTY, size)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}

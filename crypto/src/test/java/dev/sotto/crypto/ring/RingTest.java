package dev.sotto.crypto.ring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.reflect.Field;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/// Chunk geometry (protocol §4), and where lanes end.
class RingTest {
    @Test
    void ring_ofItsBits_isItself() {
        for (Ring ring : Ring.values()) {
            assertThat(Ring.of(ring.bits())).isSameAs(ring);
        }
        for (int bits : new int[] {0, 8, 20, 64}) {
            assertThatThrownBy(() -> Ring.of(bits))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("ring bits are " + bits);
        }
    }

    @Test
    void chunks_anyVector_areFullButForTheLast() {
        Map<Ring, Integer> full = Map.of(Ring.K16, 393_216, Ring.K24, 262_144, Ring.K32, 196_608);
        full.forEach((ring, coordinates) -> {
            assertThat(ring.chunkCoordinates()).isEqualTo(coordinates);
            for (long size : new long[] {1, coordinates - 1, coordinates, coordinates + 1, 3L * coordinates + 7}) {
                int chunks = ring.chunks(size);
                long sum = 0;
                for (int index = 0; index < chunks; index++) {
                    int here = ring.chunkSize(size, index);
                    assertThat(here).isPositive();
                    if (index < chunks - 1) {
                        assertThat(here).isEqualTo(coordinates);
                    }
                    sum += here;
                }
                assertThat(sum).isEqualTo(size);
            }
        });
    }

    @Test
    void carrySave_lanesAsLongAsTheVectors_reachTheLastWord() {
        byte[] ones = new byte[CarrySave.GROUP];
        Arrays.fill(ones, (byte) 0xff);
        CarrySave lanes = new CarrySave(CarrySave.GROUP);
        lanes.add(ones, ones.length);
        lanes.subtract(ones, ones.length);
        lanes.subtract(ones, ones.length);
        byte[] target = new byte[CarrySave.GROUP];
        lanes.foldInto(target, target.length);
        for (int word = 0; word < 4; word++) {
            assertThat(Ring.K24.get(target, word)).isOne();
        }
    }

    @Test
    void carrySave_wrongLengthOrFull_isRefused() {
        for (int size : new int[] {-12, 0, 11, 13}) {
            assertThatThrownBy(() -> new CarrySave(size)).isInstanceOf(IllegalArgumentException.class);
        }
        CarrySave lanes = new CarrySave(24);
        byte[] vector = new byte[36];
        for (int length : new int[] {36, 23}) {
            assertThatThrownBy(() -> lanes.add(vector, length)).hasMessageContaining("multiple of 12 up to 24");
            assertThatThrownBy(() -> lanes.subtract(vector, length)).hasMessageContaining("multiple of 12 up to 24");
        }
        assertThatThrownBy(() -> lanes.add(new byte[12], 24)).hasMessageContaining("multiple of 12 up to 12");
        for (int i = 0; i < 255; i++) {
            lanes.subtract(vector, 24);
        }
        assertThatThrownBy(() -> lanes.subtract(vector, 24)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void carrySave_folded_isWiped() throws IllegalAccessException {
        byte[] secret = new byte[24];
        Arrays.fill(secret, (byte) 0x5a);
        CarrySave lanes = new CarrySave(24);
        lanes.add(secret, secret.length);
        lanes.foldInto(secret.clone(), secret.length);
        int looked = 0;
        for (Field field : CarrySave.class.getDeclaredFields()) {
            if (field.getType() == byte[].class) {
                field.setAccessible(true);
                assertThat((byte[]) field.get(lanes)).as(field.getName()).containsOnly(0);
                looked++;
            }
        }
        assertThat(looked).isEqualTo(3);
    }
}

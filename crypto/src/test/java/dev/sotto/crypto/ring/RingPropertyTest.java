package dev.sotto.crypto.ring;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.SplittableRandom;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/// Fast addition is word by word addition.
class RingPropertyTest {
    private static byte[] random(SplittableRandom random, int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    @Property(tries = 300)
    void addAndSubtract_anyRingAndLength_areWordByWord(
            @ForAll Ring ring, @ForAll @IntRange(max = 70) int words, @ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] target = random(random, words * ring.wordBytes() + 8);
        byte[] other = random(random, words * ring.wordBytes());
        byte[] sum = target.clone();
        byte[] difference = target.clone();
        ring.add(sum, other, other.length);
        ring.subtract(difference, other, other.length);
        byte[] expectedSum = target.clone();
        byte[] expectedDifference = target.clone();
        for (int i = 0; i < words; i++) {
            ring.put(expectedSum, i, ring.get(target, i) + ring.get(other, i));
            ring.put(expectedDifference, i, ring.get(target, i) - ring.get(other, i));
        }
        assertThat(sum).isEqualTo(expectedSum);
        assertThat(difference).isEqualTo(expectedDifference);
    }

    @Property(tries = 200)
    void putMany_anyPlaceAndCount_putsEach(
            @ForAll Ring ring,
            @ForAll @IntRange(max = 5) int index,
            @ForAll @IntRange(max = 40) int count,
            @ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        byte[] packed = random(random, (index + count + 3) * ring.wordBytes());
        byte[] expected = packed.clone();
        int[] values = random.ints(count + 2).toArray();
        for (int i = 0; i < count; i++) {
            ring.put(expected, index + i, values[i]);
        }
        ring.put(packed, index, values, count);
        assertThat(packed).isEqualTo(expected);
    }

    @Property(tries = 200)
    void carrySave_anyTerms_isTheirSum(
            @ForAll @IntRange(min = 1, max = 4) int groups,
            @ForAll @IntRange(max = 255) int addends,
            @ForAll @IntRange(min = -1, max = 1) int extreme,
            @ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        int size = groups * CarrySave.GROUP;
        CarrySave lanes = new CarrySave(96);
        byte[] target = random(random, size + 3);
        byte[] expected = target.clone();
        for (int i = 0; i < addends; i++) {
            byte[] term = random(random, size);
            if (extreme != 0) {
                // All bits, or none: the largest lanes.
                java.util.Arrays.fill(term, (byte) (extreme > 0 ? 0xff : 0));
            }
            boolean added = extreme == 0 ? random.nextBoolean() : extreme > 0;
            if (added) {
                lanes.add(term, size);
            } else {
                lanes.subtract(term, size);
            }
            for (int w = 0; w < size / 3; w++) {
                int t = Ring.K24.get(term, w);
                Ring.K24.put(expected, w, Ring.K24.get(expected, w) + (added ? t : -t));
            }
        }
        lanes.foldInto(target, size);
        assertThat(target).isEqualTo(expected);
        lanes.foldInto(target, size);
        assertThat(target).as("nothing is left in the lanes").isEqualTo(expected);
    }

    @Example
    void carrySave_full_takesNoMore() {
        CarrySave lanes = new CarrySave(24);
        for (int i = 0; i < 255; i++) {
            assertThat(lanes.isFull()).isFalse();
            lanes.add(new byte[24], 24);
        }
        assertThat(lanes.isFull()).isTrue();
        assertThatThrownBy(() -> lanes.add(new byte[24], 24)).hasMessageContaining("255");
        assertThatThrownBy(() -> new CarrySave(25)).hasMessageContaining("12");
    }
}

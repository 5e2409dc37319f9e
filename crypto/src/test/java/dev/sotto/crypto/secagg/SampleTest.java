package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/// Which chunks a member recomputes, and where they lie.
class SampleTest {
    private static final int CHUNK = 262_144;

    private static RoundOpened opened(int members, int chunks) {
        Federation federation = new Federation(members, 1);
        federation.vectors = List.of(
                new VectorLayout("adapter", true, List.of(new TensorLayout("a", List.of(chunks, CHUNK), 0))),
                new VectorLayout("control", false, List.of(new TensorLayout("a", List.of(3, CHUNK), 0))));
        return federation.next(0, Bytes.zeros(32));
    }

    private static Sample random(RoundOpened opened) {
        return Sample.random(opened, new SplittableRandom(2)::nextBytes);
    }

    @Test
    void some_anyVector_holdsItsPlacesAndAlwaysTheScalars() {
        Sample some = new Sample.Some(Set.of(1, 4));
        for (String vector : List.of("adapter", "control")) {
            assertThat(some.holds(vector, 1)).isTrue();
            assertThat(some.holds(vector, 4)).isTrue();
            assertThat(some.holds(vector, 0)).isFalse();
        }
        assertThat(some.holds("scalars", 0)).isTrue();
        assertThat(new Sample.All().holds("adapter", 12_345)).isTrue();
    }

    /// Ten chunks of the adapter, three of control, one of the scalars: the same places of all lie together.
    @Test
    void partitions_ofASample_areThoseOfItsChunks() {
        RoundOpened opened = opened(4, 10);
        assertThat(new Sample.Some(Set.of(2)).partitions(opened, 100)).containsExactlyInAnyOrder(0, 2);
        assertThat(new Sample.Some(Set.of(9)).partitions(opened, 4)).containsExactlyInAnyOrder(0, 1);
        assertThat(new Sample.All().partitions(opened, 100)).hasSize(10);
        assertThat(new Sample.All().partitions(opened, 5)).hasSize(5);
        for (int slot = 0; slot < 4; slot++) {
            assertThat(new Sample.Slot(slot, 4).partitions(opened, 4)).containsExactly(slot);
        }
    }

    /// Every chunk is in one slot, and the places of one slot are the same in every vector.
    @Test
    void slots_haveEveryChunkOnce() {
        for (String vector : List.of("adapter", "control", "scalars")) {
            for (int index = 0; index < 10; index++) {
                Set<Integer> holding = new HashSet<>();
                for (int slot = 0; slot < 3; slot++) {
                    if (new Sample.Slot(slot, 3).holds(vector, index)) {
                        holding.add(slot);
                    }
                }
                assertThat(holding).containsExactly(index % 3);
            }
        }
    }

    /// 1/n of the places, rounded up, at least eight; all of them if there are no more.
    @Test
    void random_anySize_isAnNthButAtLeastEight() {
        assertThat(random(opened(4, 8))).isInstanceOf(Sample.All.class);
        assertThat(random(opened(4, 9)))
                .isInstanceOfSatisfying(
                        Sample.Some.class,
                        some -> assertThat(some.indices()).hasSize(8).allMatch(index -> index >= 0 && index < 9));
        assertThat(random(opened(3, 31)))
                .isInstanceOfSatisfying(
                        Sample.Some.class,
                        some -> assertThat(some.indices()).hasSize(11).allMatch(index -> index >= 0 && index < 31));
    }

    @Test
    void random_manyTimes_reachesEveryPlace() {
        RoundOpened opened = opened(3, 31);
        SplittableRandom random = new SplittableRandom(5);
        Set<Integer> seen = new HashSet<>();
        for (int i = 0; i < 60; i++) {
            seen.addAll(((Sample.Some) Sample.random(opened, random::nextBytes)).indices());
        }
        assertThat(seen).hasSize(31);
    }
}

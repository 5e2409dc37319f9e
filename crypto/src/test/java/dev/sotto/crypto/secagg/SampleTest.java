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
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
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

    private static Sample random(RoundOpened opened, int partitions) {
        return Sample.random(opened, partitions, new SplittableRandom(2)::nextBytes);
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
        assertThat(new Sample.Some(Set.of(2)).partitions(opened, 100)).containsExactly(2);
        assertThat(new Sample.Some(Set.of(9)).partitions(opened, 4)).containsExactly(1);
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

    /// In the first of four partitions lie three of ten chunks of the adapter, one of three of control, and then the
    /// scalars.
    @Test
    void beforeScalars_isWhatLiesInTheFirstPartition() {
        assertThat(Sample.beforeScalars(opened(4, 10), 4)).isEqualTo(3 + 1);
        assertThat(Sample.beforeScalars(opened(4, 10), 1)).isEqualTo(10 + 3);
        assertThat(Sample.beforeScalars(opened(4, 10), 100)).isEqualTo(1 + 1);
    }

    /// Whole partitions, as few as surely hold 1/n of the places and at least eight; all chunks if those are all
    /// partitions.
    @Property
    void random_anySize_isAnNthButAtLeastEightInWholePartitions(
            @ForAll @IntRange(min = 3, max = 26) int members,
            @ForAll @IntRange(min = 1, max = 200) int chunks,
            @ForAll @IntRange(min = 1, max = 70) int partitions) {
        RoundOpened opened = opened(members, chunks);
        int wanted = Math.max(8, Math.ceilDiv(chunks, members));
        int used = Math.min(partitions, chunks);
        int leastInOne = chunks / used;
        switch (random(opened, partitions)) {
            case Sample.Some some -> {
                Set<Integer> drawn = some.partitions(opened, partitions);
                assertThat(drawn.size()).isLessThan(used);
                assertThat(some.indices()).hasSizeGreaterThanOrEqualTo(wanted);
                assertThat((drawn.size() - 1) * leastInOne).isLessThan(wanted);
                for (int index = 0; index < chunks; index++) {
                    assertThat(some.holds("adapter", index)).isEqualTo(drawn.contains(index % partitions));
                }
            }
            case Sample.All _ -> assertThat((used - 1) * leastInOne).isLessThan(wanted);
            case Sample.Slot slot -> throw new AssertionError(slot);
        }
    }

    /// No place is looked at less often than others: each of 31 chunks lies in one of four partitions, of which
    /// two are drawn; in 400 draws each 200 times, give or take five standard deviations of ten.
    @Test
    void random_manyTimes_reachesEveryPlaceAsOften() {
        RoundOpened opened = opened(3, 31);
        SplittableRandom random = new SplittableRandom(5);
        int[] seen = new int[31];
        for (int i = 0; i < 400; i++) {
            ((Sample.Some) Sample.random(opened, 4, random::nextBytes))
                    .indices()
                    .forEach(index -> seen[index]++);
        }
        assertThat(seen).satisfies(counts -> {
            for (int count : counts) {
                assertThat(count).isBetween(150, 250);
            }
        });
    }
}

package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.VectorLayout;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Which chunks of a round are looked at: by a member that recomputes, or by one slot of the coordinator.
public sealed interface Sample {
    /// Fewest places of a random sample, if there are as many.
    int FEWEST = 8;

    /// Whether it holds chunk `index` of `vector`.
    boolean holds(String vector, int index);

    /// Every chunk.
    record All() implements Sample {
        @Override
        public boolean holds(String vector, int index) {
            return true;
        }
    }

    /// The chunks at some places, in every vector.
    record Some(Set<Integer> indices) implements Sample {
        /// Copies the set.
        public Some {
            indices = Set.copyOf(indices);
        }

        @Override
        public boolean holds(String vector, int index) {
            return vector.equals(Scalars.NAME) || indices.contains(index);
        }
    }

    /// The chunks of one slot, of every vector: those that lie in one partition of each `updates.<org>`. The one of
    /// `scalars` is the first slot's.
    ///
    /// @param slot  from 0
    /// @param slots P
    record Slot(int slot, int slots) implements Sample {
        @Override
        public boolean holds(String vector, int index) {
            return partition(index, slots) == slot;
        }
    }

    /// The partition of `updates.<org>` in which chunk `index` of any vector lies: the same places of all vectors lie
    /// together.
    ///
    /// @param count P
    static int partition(int index, int count) {
        return index % count;
    }

    /// The partitions of `updates.<org>` in which its chunks of the trained vectors lie. That of `scalars` is in the
    /// first.
    ///
    /// @param count P
    default Set<Integer> partitions(RoundOpened opened, int count) {
        Set<Integer> partitions = new HashSet<>();
        for (VectorLayout vector : trained(opened)) {
            int chunks = Parameters.ring(opened, vector).chunks(vector.size());
            for (int index = 0; index < chunks; index++) {
                if (holds(vector.name(), index)) {
                    partitions.add(partition(index, count));
                }
            }
        }
        return partitions;
    }

    /// How many chunks an honest member sends to the first partition before that of `scalars`.
    ///
    /// @param count P
    static long beforeScalars(RoundOpened opened, int count) {
        return trained(opened).stream()
                .mapToLong(
                        vector -> Math.ceilDiv(Parameters.ring(opened, vector).chunks(vector.size()), count))
                .sum();
    }

    private static List<VectorLayout> trained(RoundOpened opened) {
        return opened.layout().stream()
                .filter(vector -> !vector.name().equals(Scalars.NAME))
                .toList();
    }

    /// All chunks of some partitions: as few as hold 1/n of the places, and at least [#FEWEST] (protocol §5),
    /// drawn by the member itself so that nobody knows which. With n members about every chunk is looked at.
    ///
    /// The protocol says random chunks. Of a partition a member reads everything anyway, so it checks what it
    /// reads, and reads few (ADR 20). A single chunk is in the sample as likely as in one of that many random
    /// chunks.
    ///
    /// @param count P
    static Sample random(RoundOpened opened, int count, Randomness randomness) {
        VectorLayout adapter = opened.layout().getFirst();
        int all = Parameters.ring(opened, adapter).chunks(adapter.size());
        int wanted = Math.max(FEWEST, Math.ceilDiv(all, opened.cohort().size()));
        int used = Math.min(count, all);
        int drawn = Math.ceilDiv(wanted, all / used);
        if (drawn >= used) {
            return new All();
        }
        Set<Integer> partitions = new HashSet<>();
        while (partitions.size() < drawn) {
            // 63 bits modulo a number below 2^31: the bias is below 2^-32.
            long draw = ByteBuffer.wrap(randomness.bytes(Long.BYTES).toArray()).getLong() >>> 1;
            partitions.add((int) (draw % used));
        }
        return new Some(IntStream.range(0, all)
                .filter(index -> partitions.contains(partition(index, count)))
                .boxed()
                .collect(Collectors.toUnmodifiableSet()));
    }
}

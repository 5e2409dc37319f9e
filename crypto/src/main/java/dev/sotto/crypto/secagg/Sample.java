package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.Scalars;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.VectorLayout;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;

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

    /// The partitions of `updates.<org>` in which its chunks lie.
    ///
    /// @param count P
    default Set<Integer> partitions(RoundOpened opened, int count) {
        Set<Integer> partitions = new HashSet<>();
        for (VectorLayout vector : opened.layout()) {
            int chunks = Parameters.ring(opened, vector).chunks(vector.size());
            for (int index = 0; index < chunks; index++) {
                if (holds(vector.name(), index)) {
                    partitions.add(partition(index, count));
                }
            }
        }
        return partitions;
    }

    /// 1/n of the places, at least [#FEWEST], drawn by the member itself so that nobody knows which
    /// (protocol §5): with n members about every chunk is looked at.
    static Sample random(RoundOpened opened, Randomness randomness) {
        VectorLayout adapter = opened.layout().getFirst();
        int all = Parameters.ring(opened, adapter).chunks(adapter.size());
        int wanted = Math.max(FEWEST, Math.ceilDiv(all, opened.cohort().size()));
        if (wanted >= all) {
            return new All();
        }
        Set<Integer> some = new HashSet<>();
        while (some.size() < wanted) {
            // 63 bits modulo a number below 2^31: the bias is below 2^-32.
            long draw = ByteBuffer.wrap(randomness.bytes(Long.BYTES).toArray()).getLong() >>> 1;
            some.add((int) (draw % all));
        }
        return new Some(some);
    }
}

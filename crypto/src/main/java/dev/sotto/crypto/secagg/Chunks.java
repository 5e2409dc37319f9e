package dev.sotto.crypto.secagg;

import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/// Work on the chunks of a vector, some at the same time.
final class Chunks {
    private Chunks() {}

    /// Makes something of each chunk, and hands it on in order, in the calling thread.
    ///
    /// At most `threads` results exist that were not handed on yet: so much memory does this take.
    ///
    /// @param count   of chunks
    /// @param threads how many are made at the same time: with 1 in the calling thread, else in the
    ///   JVM's common pool
    /// @param make    by index
    static <T> void inOrder(int count, int threads, IntFunction<T> make, Consumer<T> take) {
        for (int from = 0; from < count; from += threads) {
            IntStream some = IntStream.range(from, Math.min(count, from + threads));
            (threads == 1 ? some : some.parallel()).mapToObj(make).toList().forEach(take);
        }
    }

    /// Does something to each chunk.
    static <T> void each(List<T> chunks, int threads, Consumer<T> work) {
        IntFunction<T> make = index -> {
            work.accept(chunks.get(index));
            return chunks.get(index);
        };
        inOrder(chunks.size(), threads, make, done -> {});
    }
}

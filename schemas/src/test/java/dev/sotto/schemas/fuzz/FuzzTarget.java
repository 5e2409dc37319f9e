package dev.sotto.schemas.fuzz;

import com.sun.management.ThreadMXBean;
import dev.sotto.schemas.Bytes;
import java.lang.management.ManagementFactory;
import java.util.List;

/// A decoder or a state machine that reads bytes from outside, and what must hold whatever they are.
///
/// @param name     of the target and of its folder in the corpus
/// @param runs     mutations in an ordinary test run
/// @param seeds    honest inputs, each accepted; the corpus begins with them
/// @param property what must hold
public record FuzzTarget(String name, int runs, List<Bytes> seeds, Property property) {
    /// What an input of a few kilobytes may make the code under test allocate: a length that it claims is not
    /// to be believed.
    private static final long MOST_BYTES = 256L << 20;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /// What must hold of one input.
    @FunctionalInterface
    public interface Property {
        /// Whether the input was accepted, rather than refused in the way that its decoder documents.
        ///
        /// @throws Exception anything else that the code under test throws: a find
        boolean accepts(byte[] input) throws Exception;
    }

    /// Copies the list.
    public FuzzTarget {
        seeds = List.copyOf(seeds);
    }

    /// Checks the property, and that no claimed length was believed.
    ///
    /// @return whether the input was accepted
    public boolean check(byte[] input) throws Exception {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        boolean accepted = property.accepts(input);
        if (THREADS.getCurrentThreadAllocatedBytes() - before > MOST_BYTES) {
            // Once more, as the first time may have loaded classes, which Jazzer rewrites on this thread.
            before = THREADS.getCurrentThreadAllocatedBytes();
            boolean _ = property.accepts(input);
            long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
            if (allocated > MOST_BYTES) {
                throw new AssertionError(input.length + " bytes of input made it allocate " + allocated);
            }
        }
        return accepted;
    }
}

package dev.sotto.training.djl;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/// The C library's heap, which PyTorch's tensors on the processor are in.
final class NativeHeap {
    private static final Optional<MethodHandle> TRIM = Linker.nativeLinker()
            .defaultLookup()
            .find("malloc_trim")
            .map(address -> Linker.nativeLinker()
                    .downcallHandle(address, FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG)));

    private NativeHeap() {}

    /// Gives free pieces between those in use back to the system, where the library (glibc) can: it keeps them
    /// otherwise, and what quantising leaves behind is larger than what it makes.
    static void trim() {
        TRIM.ifPresent(trim -> {
            try {
                int released = (int) trim.invokeExact(0L);
                assert released == 0 || released == 1;
            } catch (Throwable e) {
                throw new IllegalStateException("malloc_trim takes a number and returns one", e);
            }
        });
    }
}

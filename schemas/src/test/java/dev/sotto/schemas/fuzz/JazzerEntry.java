package dev.sotto.schemas.fuzz;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What Jazzer calls; `./sotto fuzz` starts it.
public final class JazzerEntry {
    private static @Nullable FuzzTarget target;

    private JazzerEntry() {}

    /// Chooses the target.
    ///
    /// @param args the module's [FuzzTargets], and the target's name
    public static void fuzzerInitialize(String[] args) throws ReflectiveOperationException {
        target = Class.forName(args[0])
                .asSubclass(FuzzTargets.class)
                .getDeclaredConstructor()
                .newInstance()
                .target(args[1]);
    }

    /// One input.
    public static void fuzzerTestOneInput(byte[] input) throws Exception {
        boolean _ = Objects.requireNonNull(target).check(input);
    }
}

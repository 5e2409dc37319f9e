package dev.sotto.coordinator.director;

import org.jspecify.annotations.Nullable;

/// This replica does not direct, or has just ceased to: another one does, or will in a few seconds.
public final class NotDirecting extends RuntimeException {
    private static final long serialVersionUID = 1;

    /// A standby.
    public NotDirecting() {
        this(null);
    }

    /// It ceased to in the middle of a request.
    public NotDirecting(@Nullable Throwable cause) {
        super("this replica of the coordinator stands by; ask again, for the one that directs", cause);
    }
}

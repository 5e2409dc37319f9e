package dev.sotto.coordinator.director;

import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.OptionalInt;

/// Of the last rounds everything stays in the logs, so that anyone may recompute them; chunks of earlier ones may go.
/// The first of them starts from the version that the round before made, which therefore stays, too.
///
/// Used by one thread.
final class AuditWindow {
    private final OptionalInt rounds;
    private final Deque<Instant> opened = new ArrayDeque<>();

    /// @param rounds at least 1; empty if all stay
    @SuppressWarnings("MissingSummary")
    AuditWindow(OptionalInt rounds) {
        this.rounds = rounds;
    }

    /// After a round has closed: before which time nothing is needed any more, if anything is not.
    ///
    /// @param opened when the attempt that closed was opened
    Optional<Instant> closed(Instant opened) {
        if (rounds.isEmpty()) {
            return Optional.empty();
        }
        this.opened.addLast(opened);
        if (this.opened.size() <= rounds.getAsInt() + 1) {
            return Optional.empty();
        }
        this.opened.removeFirst();
        return Optional.of(this.opened.getFirst());
    }
}

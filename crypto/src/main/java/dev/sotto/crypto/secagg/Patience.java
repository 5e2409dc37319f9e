package dev.sotto.crypto.secagg;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/// How long the director waits in a phase for those who have not answered: until the phase's deadline; but once
/// enough have answered, the others get only as long again as these took, and at least a grace. So one that is
/// dead or slow costs a round about what the round takes anyway, and not a deadline that is made for the worst
/// day.
///
/// @param since    when they were asked
/// @param deadline after which nobody is waited for
/// @param grace    what the others get at least
/// @param enough   when enough had answered
public record Patience(Instant since, Instant deadline, Duration grace, Optional<Instant> enough) {
    /// Nobody has answered yet.
    static Patience from(Instant now, int seconds, Duration grace) {
        return new Patience(now, now.plusSeconds(seconds), grace, Optional.empty());
    }

    /// So many have answered; the first time that it is enough counts.
    Patience answered(int answers, int needed, Instant now) {
        return enough.isPresent() || answers < needed ? this : new Patience(since, deadline, grace, Optional.of(now));
    }

    /// When it ends.
    public Instant ends() {
        return enough.map(at -> {
                    Duration took = Duration.between(since, at);
                    return at.plus(took.compareTo(grace) > 0 ? took : grace);
                })
                .filter(deadline::isAfter)
                .orElse(deadline);
    }

    /// What stragglers get at least, by what they have to do.
    ///
    /// @param keys    to fetch a version and what they recompute, and to say a word
    /// @param updates to send an update
    /// @param words   in every other phase, to say a word
    public record Grace(Duration keys, Duration updates, Duration words) {
        /// The same in all.
        public static Grace of(Duration each) {
            return new Grace(each, each, each);
        }
    }
}

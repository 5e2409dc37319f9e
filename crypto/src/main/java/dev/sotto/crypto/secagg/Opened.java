package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;

/// An attempt that its holder accepted.
///
/// @param federation its id
/// @param message    the parameters
/// @param t0         T0
public record Opened(String federation, RoundOpened message, Bytes t0) {
    /// The formulas of this attempt.
    public RoundContext context() {
        return new RoundContext(federation, message.round(), message.attempt());
    }

    /// The fewest members of every set of this attempt: max(t, minSurvivors).
    int fewest() {
        return Math.max(message.threshold(), message.minSurvivors());
    }
}

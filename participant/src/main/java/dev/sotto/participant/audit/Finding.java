package dev.sotto.participant.audit;

import dev.sotto.schemas.Envelope;
import java.util.List;
import java.util.Optional;

/// What one check showed.
///
/// @param place    the attempt; of a check of the federation none
/// @param detail   a sentence for people
/// @param evidence of a check that failed
public record Finding(Optional<Place> place, Check check, Outcome outcome, String detail, Optional<Evidence> evidence) {
    /// How a check ends.
    public enum Outcome {
        /// It holds.
        PASSED,
        /// It does not.
        FAILED,
        /// What it needs is not there.
        UNCHECKED
    }

    /// An attempt of a round.
    ///
    /// @param round   from 0
    /// @param attempt from 1
    public record Place(long round, long attempt) {}

    /// What shows that a check failed.
    ///
    /// @param who      broke a rule: an organisation, or `coordinator`
    /// @param reason   which rule: the name of a refusal
    /// @param messages that show it, as signed
    public record Evidence(String who, String reason, List<Envelope> messages) {
        /// Copies the list.
        public Evidence {
            messages = List.copyOf(messages);
        }
    }
}

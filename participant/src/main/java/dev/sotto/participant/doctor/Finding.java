package dev.sotto.participant.doctor;

/// What one check came to.
///
/// @param check its name, the same in every version
/// @param said  what was found, one sentence
/// @param todo  what to do; empty if nothing
public record Finding(String check, Level level, String said, String todo) {
    /// How it stands.
    public enum Level {
        /// As it must be.
        OK,
        /// It may be wanted so.
        WARNING,
        /// It keeps the organisation from taking part.
        FAILED,
        /// Another check failed first.
        SKIPPED
    }

    static Finding ok(String check, String said) {
        return new Finding(check, Level.OK, said, "");
    }

    static Finding warning(String check, String said, String todo) {
        return new Finding(check, Level.WARNING, said, todo);
    }

    static Finding failed(String check, String said, String todo) {
        return new Finding(check, Level.FAILED, said, todo);
    }

    static Finding skipped(String check, String said) {
        return new Finding(check, Level.SKIPPED, said, "");
    }
}

package dev.sotto.participant.home;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.SurvivorsLifted;
import java.util.List;

/// What the operator lets the organisation confirm once more on one adapter: `lift.json`.
///
/// @param adapterDigest hexadecimal
/// @param confirmed     the survivors that it has confirmed
/// @param allowed       the one further set
public record Lift(String adapterDigest, List<String> confirmed, List<String> allowed) {
    /// Copies the lists, and checks that they make a message.
    ///
    /// @throws IllegalArgumentException if they do not
    public Lift {
        confirmed = List.copyOf(confirmed);
        allowed = List.copyOf(allowed);
        var _ = message(adapterDigest, confirmed, allowed);
    }

    /// What the others are told.
    public SurvivorsLifted message() {
        return message(adapterDigest, confirmed, allowed);
    }

    private static SurvivorsLifted message(String adapterDigest, List<String> confirmed, List<String> allowed) {
        return new SurvivorsLifted(Bytes.fromHex(adapterDigest), confirmed, allowed);
    }
}

package dev.sotto.schemas;

/// How long the director waits in each phase, in seconds from the phase's start, 1 to 604,800 (a week).
///
/// @param keys         for `KeysAdvertised`
/// @param shares       for `SharesDealt`
/// @param training     for `UpdateManifest` and all chunks
/// @param confirmation for `SurvivorsConfirmed`
/// @param reveal       for `SharesRevealed`
public record Deadlines(int keys, int shares, int training, int confirmation, int reveal) {
    /// A week.
    public static final int MOST = 604_800;

    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public Deadlines {
        Wire.range(keys, 1, MOST, "deadlines.keys (seconds)");
        Wire.range(shares, 1, MOST, "deadlines.shares (seconds)");
        Wire.range(training, 1, MOST, "deadlines.training (seconds)");
        Wire.range(confirmation, 1, MOST, "deadlines.confirmation (seconds)");
        Wire.range(reveal, 1, MOST, "deadlines.reveal (seconds)");
    }

    dev.sotto.schemas.proto.Deadlines wire() {
        return dev.sotto.schemas.proto.Deadlines.newBuilder()
                .setKeys(keys)
                .setShares(shares)
                .setTraining(training)
                .setConfirmation(confirmation)
                .setReveal(reveal)
                .build();
    }

    static Deadlines of(dev.sotto.schemas.proto.Deadlines wire) {
        return new Deadlines(
                wire.getKeys(), wire.getShares(), wire.getTraining(), wire.getConfirmation(), wire.getReveal());
    }
}

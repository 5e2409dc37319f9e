package dev.sotto.coordinator.slots;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.secagg.Director;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.Manifest;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import java.time.Instant;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;

/// What a replica knows, at one moment, of what its slots must do. Immutable.
///
/// @param question the director's last one; empty before the first
/// @param attempt  the open one, once shares are routed
/// @param scalars  the last unmasked sum of scalars
record View(Bytes question, Optional<Attempt> attempt, Optional<SlotRecord.Scalars> scalars) {
    /// Before anything is read.
    static final View NOTHING = new View(Bytes.EMPTY, Optional.empty(), Optional.empty());

    /// An attempt in which members deliver, or have delivered.
    ///
    /// @param machine   which rebuilds seeds
    /// @param directory of its registry
    /// @param members   in that registry
    /// @param since     no chunk of it is older
    /// @param manifests verified, the first of each member
    /// @param unmasking once t members have confirmed the survivors
    /// @param revealed  `SharesRevealed` so far, one of each member
    /// @param before    the version from which it starts
    record Attempt(
            Director machine,
            Directory directory,
            int members,
            Instant since,
            Routed routed,
            Map<String, Manifest> manifests,
            Optional<Unmasking> unmasking,
            Collection<Envelope> revealed,
            Version before) {}

    /// A version on `models`.
    ///
    /// @param context of the attempt that made it; attempt 0 for version 0
    /// @param t4      of that attempt; its digest for version 0
    /// @param since   none of its chunks is older
    record Version(long number, RoundContext context, Bytes t4, Instant since) {
        /// Whether it is the same one, whenever it was written.
        boolean isSame(Version other) {
            return number == other.number && t4.equals(other.t4);
        }
    }
}

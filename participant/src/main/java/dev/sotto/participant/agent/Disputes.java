package dev.sotto.participant.agent;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/// The versions that this organisation disputes: those whose round it published evidence against, and all that
/// were made from one of them. A fold over `control`, so that a restart disputes the same. Not thread-safe.
final class Disputes {
    private final Set<Bytes> digests = new HashSet<>();
    private Bytes startedFrom = Bytes.zeros(0);

    /// An attempt was opened.
    void opened(RoundOpened round) {
        startedFrom = round.adapterDigest();
    }

    /// It was closed.
    ///
    /// @param disputed whether this organisation published evidence in this attempt
    void closed(RoundClosed closed, boolean disputed) {
        if (disputed || digests.contains(startedFrom)) {
            digests.add(closed.modelDigest());
        }
    }

    /// Why this organisation does not train on the version that a round starts from, or nothing.
    Optional<String> refuses(RoundOpened round) {
        return digests.contains(round.adapterDigest())
                ? Optional.of("this organisation disputes version " + round.adapterVersion()
                        + ", or one that it was made from")
                : Optional.empty();
    }
}

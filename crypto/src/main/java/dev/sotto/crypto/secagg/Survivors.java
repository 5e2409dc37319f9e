package dev.sotto.crypto.secagg;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.SurvivorsSealed;
import java.util.ArrayList;
import java.util.List;

/// U3, verified.
///
/// @param routed    U2
/// @param t3        T3
/// @param survivors each with the hash of its manifest, in roster order
public record Survivors(Routed routed, Bytes t3, List<NamedHash> survivors) {
    /// Copies the list.
    public Survivors {
        survivors = List.copyOf(survivors);
    }

    /// The ids of U3.
    public List<String> ids() {
        return survivors.stream().map(NamedHash::organisation).toList();
    }

    /// The ids of U2 ∖ U3.
    public List<String> dropped() {
        List<String> dropped = new ArrayList<>(routed.ids());
        dropped.removeAll(ids());
        return dropped;
    }

    /// Checks U3 (step 7).
    static Survivors verify(Routed routed, SurvivorsSealed sealed, Bytes t3) throws PeerMisbehaved {
        for (NamedHash survivor : sealed.survivors()) {
            if (!routed.dealt().containsKey(survivor.organisation())) {
                throw Roster.coordinator(Refusal.NOT_A_SUBSET, survivor.organisation() + " is not in U2");
            }
        }
        int fewest = routed.roster().opened().fewest();
        if (sealed.survivors().size() < fewest) {
            throw Roster.coordinator(
                    Refusal.TOO_FEW, "U3 has " + sealed.survivors().size() + " members, need " + fewest);
        }
        return new Survivors(routed, t3, sealed.survivors());
    }
}

package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.UnmaskRequested;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;

/// At least t members of U3 have signed T3: only now may a share be revealed.
///
/// @param survivors U3
/// @param t4        T4
public record Unmasking(Survivors survivors, Bytes t4) {
    /// With what the dealers signed, as [Routed#recall] finds it.
    Unmasking recall(Collection<Envelope> inboxes) throws PeerMisbehaved {
        Routed routed = survivors.routed().recall(inboxes);
        return new Unmasking(new Survivors(routed, survivors.t3(), survivors.survivors()), t4);
    }

    /// Checks one confirmation (step 8).
    static void confirmed(Primitives primitives, Directory directory, Survivors survivors, Envelope envelope)
            throws PeerMisbehaved {
        String who = envelope.sender();
        if (!(directory.verify(primitives, envelope, survivors.t3()) instanceof SurvivorsConfirmed)) {
            throw new PeerMisbehaved(Refusal.UNEXPECTED_MESSAGE, who, "SurvivorsConfirmed was expected");
        }
        if (!survivors.ids().contains(who)) {
            throw new PeerMisbehaved(Refusal.NOT_A_SUBSET, who, "is not in U3");
        }
    }

    /// Checks the request (step 9).
    static Unmasking verify(
            Primitives primitives, Directory directory, Survivors survivors, UnmaskRequested request, Bytes t4)
            throws PeerMisbehaved {
        Set<String> confirmers = new HashSet<>();
        for (Bytes signed : request.confirmations()) {
            try {
                Envelope envelope = Envelope.decode(signed);
                confirmed(primitives, directory, survivors, envelope);
                confirmers.add(envelope.sender());
            } catch (MalformedMessage e) {
                throw Roster.coordinator(Refusal.MALFORMED, "a confirmation is no envelope: " + e.getMessage());
            } catch (PeerMisbehaved e) {
                throw Roster.coordinator(e.reason(), "a confirmation must be refused: " + e.getMessage());
            }
        }
        int threshold = survivors.routed().roster().opened().message().threshold();
        if (confirmers.size() < threshold) {
            throw Roster.coordinator(Refusal.TOO_FEW, confirmers.size() + " distinct confirmations, need " + threshold);
        }
        return new Unmasking(survivors, t4);
    }
}

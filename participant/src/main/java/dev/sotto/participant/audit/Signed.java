package dev.sotto.participant.audit;

import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;

/// What a signature says: two envelopes with the same are the same message.
record Signed(MessageType type, Bytes transcript, Bytes payload) {
    static Signed of(Envelope envelope) {
        return new Signed(envelope.type(), envelope.transcript(), envelope.payload());
    }

    /// Whether its sender signed it, over whatever transcript.
    static boolean is(Primitives primitives, Directory directory, Envelope envelope) {
        try {
            var _ = directory.verify(primitives, envelope, envelope.transcript());
            return true;
        } catch (PeerMisbehaved e) {
            return false;
        }
    }
}

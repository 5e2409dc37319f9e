package dev.sotto.coordinator.slots;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ModelChunk;

/// Encrypts what a slot tells of a sum, for the other replicas: who operates the broker learns no weight, no loss and
/// no range of a round. A key is made of K, T4, what is told and the slot; whoever tells it again tells the same.
public final class SlotCipher {
    private static final String SCALARS = "scalars";
    private static final String PART = "part";

    private SlotCipher() {}

    /// The packed sum of the scalars.
    static Bytes scalars(Secret roundSecret, Unmasking unmasking, Bytes packed) {
        return seal(roundSecret, unmasking, SCALARS, 0, packed);
    }

    /// A slot's part.
    static Bytes part(Secret roundSecret, Unmasking unmasking, int slot, Bytes part) {
        return seal(roundSecret, unmasking, PART, slot, part);
    }

    /// The packed sum of the scalars.
    ///
    /// @throws BoxRefused if no coordinator with this K wrote it
    public static Bytes openScalars(Secret roundSecret, Unmasking unmasking, Bytes sealed) throws BoxRefused {
        return open(roundSecret, unmasking, SCALARS, 0, sealed);
    }

    /// A slot's part.
    ///
    /// @throws BoxRefused if no coordinator with this K wrote it
    public static Bytes openPart(Secret roundSecret, Unmasking unmasking, int slot, Bytes sealed) throws BoxRefused {
        return open(roundSecret, unmasking, PART, slot, sealed);
    }

    private static Bytes seal(Secret roundSecret, Unmasking unmasking, String what, int slot, Bytes plain) {
        RoundContext context = context(unmasking);
        try (Secret key = context.slotKey(roundSecret, unmasking.t4(), what, slot)) {
            return ModelCipher.seal(key, context.federation(), 0, 0, 1, plain).sealed();
        }
    }

    private static Bytes open(Secret roundSecret, Unmasking unmasking, String what, int slot, Bytes sealed)
            throws BoxRefused {
        RoundContext context = context(unmasking);
        try (Secret key = context.slotKey(roundSecret, unmasking.t4(), what, slot)) {
            return ModelCipher.open(key, context.federation(), new ModelChunk(0, 0, 1, sealed));
        }
    }

    private static RoundContext context(Unmasking unmasking) {
        return unmasking.survivors().routed().roster().opened().context();
    }
}

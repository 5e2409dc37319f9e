package dev.sotto.coordinator.director;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import java.util.List;

/// Whose federation it is: that of the coordinator that signed its registry.
public final class Ownership {
    private Ownership() {}

    /// Leaves another coordinator's federation alone.
    ///
    /// @param registry records of the topic; what is no envelope is passed over here
    /// @param own      fingerprint of this coordinator's identity key
    /// @throws IllegalStateException if another coordinator signed one
    public static void require(List<Bytes> registry, Bytes own) {
        for (Bytes record : registry) {
            try {
                Bytes signer = Envelope.decode(record).keyFingerprint();
                if (!signer.equals(own)) {
                    throw new IllegalStateException(
                            "this federation's registry is signed by another coordinator, " + signer.hex()
                                    + "; this one is " + own.hex()
                                    + ". Two cannot serve one federation; nothing was written");
                }
            } catch (MalformedMessage e) {
                // Whoever folds the registry says so.
            }
        }
    }
}

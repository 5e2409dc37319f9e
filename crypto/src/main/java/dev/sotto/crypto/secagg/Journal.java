package dev.sotto.crypto.secagg;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.SurvivorsLifted;
import java.util.List;
import java.util.Optional;

/// What a member must never forget, on a disk that is passed in: what it signed, and which survivors it
/// confirmed (protocol §5, "Once" and "One survivor set per adapter"). No secret ever goes here.
///
/// Every `record…` returns when the entry is durable. Used by one thread.
public interface Journal {
    /// What was signed in an attempt, in order.
    List<Envelope> signed(long round, long attempt);

    /// Records a message before it leaves.
    void recordSigned(long round, long attempt, Envelope envelope);

    /// The survivors confirmed on an adapter, ids ascending.
    Optional<List<String>> confirmed(Bytes adapterDigest);

    /// The one further set that the member's operator allowed on an adapter.
    Optional<SurvivorsLifted> lifted(Bytes adapterDigest);

    /// Records what the operator allowed, before it is said. Once per adapter.
    void recordLifted(SurvivorsLifted lifted);

    /// Records the survivors before the confirmation leaves; the last one recorded counts.
    void recordConfirmed(Bytes adapterDigest, List<String> survivors);

    /// The message of one type that was signed in an attempt.
    default Optional<Envelope> signed(long round, long attempt, MessageType type) {
        return signed(round, attempt).stream()
                .filter(envelope -> envelope.type() == type)
                .findFirst();
    }
}

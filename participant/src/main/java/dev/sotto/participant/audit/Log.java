package dev.sotto.participant.audit;

import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.ModelChunk;
import java.util.Iterator;
import java.util.List;

/// Where an audit reads: a federation's topics, or a bundle of what was in them. Nothing of it is verified; a record
/// that is no message is left out.
///
/// Used by one thread, one reading at a time.
public interface Log {
    /// Every entry of the registry, in order.
    List<Envelope> registry();

    /// Every message of `control`, in order.
    List<Envelope> control();

    /// What an organisation said over a transcript of the attempt.
    List<Envelope> inbox(String organisation, Attempt attempt);

    /// What an organisation lifted of the one-set rule on the attempt's adapter, then or later.
    List<Envelope> lifts(String organisation, Attempt attempt);

    /// The masked chunks of an organisation in the attempt, read while they are looked at.
    Iterator<Envelope> updates(String organisation, Attempt attempt);

    /// The encrypted chunks of a version, read while they are looked at.
    ///
    /// @param attempt that made it
    Iterator<ModelChunk> version(long version, Attempt attempt);
}

package dev.sotto.participant.audit;

import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ModelKeys;
import java.util.Optional;

/// The secrets that only members are given, without which the logs show who said what but no sum and no model. Each
/// is worth one attempt or one version; whoever returned a [Secret] has given it away.
public interface Keys {
    /// The coordinator has sealed a version's key to its members; verified.
    void remember(ModelKeys sealed);

    /// The seed of the coordinator's round key in an attempt, if it can be had.
    Optional<Secret> roundSeed(Attempt attempt);

    /// The key of a model version, if it can be had.
    Optional<Secret> modelKey(long version, Bytes digest);
}

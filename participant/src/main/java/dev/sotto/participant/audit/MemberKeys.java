package dev.sotto.participant.audit;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.SealedBox;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// What the coordinator sealed to an organisation's delivery key.
///
/// Not thread-safe. The caller owns the seed.
public final class MemberKeys implements Keys {
    private final Primitives primitives;
    private final String federation;
    private final String organisation;
    private final Secret deliverySeed;
    private final Map<Bytes, Bytes> boxes = new HashMap<>();

    /// For one organisation.
    ///
    /// @param deliverySeed X-Wing
    public MemberKeys(Primitives primitives, String federation, String organisation, Secret deliverySeed) {
        this.primitives = primitives;
        this.federation = federation;
        this.organisation = organisation;
        this.deliverySeed = deliverySeed;
    }

    @Override
    public void remember(ModelKeys sealed) {
        sealed.boxes().stream()
                .filter(box -> box.organisation().equals(organisation))
                .map(SealedBox::box)
                .forEach(box -> boxes.put(sealed.modelDigest(), box));
    }

    @Override
    public Optional<Secret> roundSeed(Attempt attempt) {
        return attempt.roundSeed(primitives, organisation, deliverySeed);
    }

    @Override
    public Optional<Secret> modelKey(long version, Bytes digest) {
        Bytes box = boxes.get(digest);
        if (box == null) {
            return Optional.empty();
        }
        try {
            Bytes info = RoundContext.modelInfo(federation, digest, version, organisation);
            return Optional.of(primitives.open(deliverySeed, info, box));
        } catch (BoxRefused e) {
            return Optional.empty();
        }
    }
}

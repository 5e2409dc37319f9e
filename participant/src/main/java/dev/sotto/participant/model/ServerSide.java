package dev.sotto.participant.model;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.crypto.fixedpoint.Weighting;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.NextLayout;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.Optional;

/// What the coordinator does to the model, for those who do it again: a member before it trains and after a round,
/// and an audit.
public final class ServerSide {
    private ServerSide() {}

    /// Version 0, from the federation's public seed.
    ///
    /// @throws IllegalArgumentException if a tensor of the layout is none of an adapter
    public static ModelVersion first(Bytes publicSeed, VectorLayout adapter, ServerOptimizer optimizer) {
        float[] start = PublicSeed.adapter(publicSeed, adapter);
        List<float[]> optimiser = List.of(optimizer.initialState(start.length));
        long coordinates = (long) start.length * (1 + optimiser.size());
        return new ModelVersion(0, new ModelHeader(Optional.empty(), coordinates), start, optimiser);
    }

    /// Why a round cannot start from this version, or nothing: its vectors and ranges must follow from it, and the
    /// optimiser must be the one that made it.
    ///
    /// @param tensors of the adapter; their ranges do not matter
    /// @throws IllegalArgumentException if the round's weighting is not known
    public static Optional<String> differs(
            RoundOpened round, VectorLayout tensors, ServerOptimizer optimizer, ModelVersion before) {
        List<VectorLayout> expected = NextLayout.of(
                new VectorLayout(tensors.name(), optimizer.weighted(), tensors.tensors()),
                optimizer.hasControl(),
                before.header(),
                round.plan().steps(),
                round.plan().baseLearningRate(),
                Weighting.of(round.weighting()),
                Rows.of(round.plan()));
        if (!round.layout().equals(expected) || tensors.size() != before.adapter().length) {
            return Optional.of("layout or ranges do not follow from version " + before.version());
        }
        int vectors = before.optimiser().size();
        return vectors == optimizer.stateVectors()
                ? Optional.empty()
                : Optional.of("version " + before.version() + " has " + vectors + " vectors of an optimiser, "
                        + optimizer.wireName() + " needs " + optimizer.stateVectors());
    }

    /// The step on a sum.
    ///
    /// @param members N: how many members the registry had at the round's head
    public static UnmaskedSum.ServerStep step(ServerOptimizer optimizer, int members) {
        return (adapter, decoded, state, round) -> optimizer.step(adapter, decoded, state, round, members);
    }
}

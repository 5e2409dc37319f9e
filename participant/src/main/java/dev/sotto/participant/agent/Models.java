package dev.sotto.participant.agent;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.model.PublicSeed;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.SealedBox;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.VectorLayout;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The versions of the adapter, as this organisation can make or read them: the first from the public seed,
/// the others from the log with the keys that the coordinator sealed to it.
///
/// Used by one thread.
final class Models {
    private final Organisation my;
    private final Logs logs;
    private final Map<Bytes, ModelKeys> keys = new HashMap<>();

    Models(Organisation my, Logs logs) {
        this.my = my;
        this.logs = logs;
    }

    /// Keeps the keys of a version if one is for this organisation.
    ///
    /// @throws PeerMisbehaved blaming the coordinator if it did not sign them
    void remember(Envelope envelope, Directory directory) throws MalformedMessage, PeerMisbehaved {
        ModelKeys given = ModelKeys.parse(envelope.payload());
        Message verified = directory.verify(my.primitives(), envelope, given.modelDigest());
        boolean mine = given.boxes().stream()
                .anyMatch(box -> box.organisation().equals(my.membership().organisation()));
        if (mine && verified instanceof ModelKeys good && envelope.sender().equals(Topics.COORDINATOR)) {
            keys.put(good.modelDigest(), good);
        }
    }

    /// Version 0.
    ModelVersion first(VectorLayout layout, ServerOptimizer optimizer) {
        float[] start = PublicSeed.adapter(Bytes.fromHex(my.membership().publicSeed()), layout);
        List<float[]> optimiser = List.of(optimizer.initialState(start.length));
        long coordinates = (long) start.length * (1 + optimiser.size());
        return new ModelVersion(0, new ModelHeader(Optional.empty(), coordinates), start, optimiser);
    }

    /// A later version, by its digest.
    ///
    /// @param since no chunk of it is older
    /// @throws MalformedMessage if its key or a chunk is missing, or it is not what its digest says
    ModelVersion download(long number, Bytes digest, VectorLayout layout, Instant since) throws MalformedMessage {
        ModelKeys given = keys.get(digest);
        SealedBox box = given == null
                ? null
                : given.boxes().stream()
                        .filter(one -> one.organisation().equals(my.membership().organisation()))
                        .findFirst()
                        .orElse(null);
        if (box == null) {
            throw new MalformedMessage(
                    "the coordinator has sent no key of version " + number + " to this organisation");
        }
        Bytes info = RoundContext.modelInfo(
                my.membership().federation(), digest, number, my.membership().organisation());
        try (Secret key = my.primitives().open(my.deliverySeed(), info, box.box())) {
            ModelAssembly assembly = new ModelAssembly(
                    key, my.membership().federation(), number, digest, Math.toIntExact(layout.size()));
            return logs.version(assembly, number, since);
        } catch (BoxRefused e) {
            throw new MalformedMessage("the key of version " + number + " is not sealed to this organisation");
        }
    }
}

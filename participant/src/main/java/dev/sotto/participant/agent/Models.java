package dev.sotto.participant.agent;

import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.participant.audit.MemberKeys;
import dev.sotto.participant.kafka.Logs;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.VectorLayout;
import java.time.Instant;

/// The versions of the adapter, as this organisation can read them: from the log, with the keys that the
/// coordinator sealed to it.
///
/// Used by one thread.
final class Models {
    private final Organisation my;
    private final Logs logs;
    private final MemberKeys keys;

    Models(Organisation my, Logs logs) {
        this.my = my;
        this.logs = logs;
        this.keys = new MemberKeys(
                my.primitives(), my.membership().federation(), my.membership().organisation(), my.deliverySeed());
    }

    /// Keeps the keys of a version if one is for this organisation.
    ///
    /// @throws PeerMisbehaved blaming the coordinator if it did not sign them
    void remember(Envelope envelope, Directory directory) throws MalformedMessage, PeerMisbehaved {
        ModelKeys given = ModelKeys.parse(envelope.payload());
        Message verified = directory.verify(my.primitives(), envelope, given.modelDigest());
        if (verified instanceof ModelKeys good && envelope.sender().equals(Topics.COORDINATOR)) {
            keys.remember(good);
        }
    }

    /// A later version, by its digest.
    ///
    /// @param since no chunk of it is older
    /// @throws MalformedMessage if its key or a chunk is missing, or it is not what its digest says
    ModelVersion download(long number, Bytes digest, VectorLayout layout, Instant since) throws MalformedMessage {
        Secret found = keys.modelKey(number, digest)
                .orElseThrow(() -> new MalformedMessage("the coordinator has sent this organisation no key of version "
                        + number + " that it can open"));
        try (Secret key = found) {
            ModelAssembly assembly = new ModelAssembly(
                    key, my.membership().federation(), number, digest, Math.toIntExact(layout.size()));
            return logs.version(assembly, number, since);
        }
    }
}

package dev.sotto.coordinator.director;

import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.SealedBox;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/// The present version of the adapter, how it is encrypted, and whom its key was given to.
///
/// Used on the director's thread.
final class Versions {
    private final Settings settings;
    private final Secrets secrets;
    private final Primitives primitives;
    private final Randomness randomness;
    private final Map<Long, Set<String>> keyed = new HashMap<>();
    private final Map<Long, Sealed> closed = new HashMap<>();
    private ModelVersion present;
    private Sealed sealed;

    /// A version as the log tells of it.
    ///
    /// @param context of the attempt that made it; attempt 0 for version 0
    /// @param t4      of that attempt; its digest for version 0
    private record Sealed(long version, Bytes digest, RoundContext context, Bytes t4) {}

    /// @param first version 0
    Versions(Settings settings, Secrets secrets, Primitives primitives, Randomness randomness, ModelVersion first) {
        this.settings = settings;
        this.secrets = secrets;
        this.primitives = primitives;
        this.randomness = randomness;
        this.present = first;
        Bytes digest = first.digest(settings.federation());
        this.sealed = new Sealed(0, digest, new RoundContext(settings.federation(), 0, 0), digest);
    }

    /// From which the next round starts.
    ModelVersion present() {
        return present;
    }

    /// A round was closed; its version is what [#find] looks for.
    void closed(RoundClosed closing, long round, long attempt, Bytes t4) {
        sealed = new Sealed(
                closing.version(), closing.modelDigest(), new RoundContext(settings.federation(), round, attempt), t4);
        closed.put(closing.version(), sealed);
    }

    /// Reads the last closed round's version back.
    ///
    /// @param chunks every record of `models`
    /// @return whether it is there
    boolean find(List<ConsumerRecord<byte[], byte[]>> chunks) throws MalformedMessage {
        int size = Math.toIntExact(settings.adapter().layout().size());
        try (Secret key = key()) {
            ModelAssembly assembly =
                    new ModelAssembly(key, settings.federation(), sealed.version(), sealed.digest(), size);
            for (ConsumerRecord<byte[], byte[]> record : chunks) {
                Optional<ModelVersion> whole = assembly.add(ModelChunk.parse(Bytes.of(record.value())));
                if (whole.isPresent()) {
                    present = whole.get();
                    return true;
                }
            }
        }
        return false;
    }

    /// What the sums of the closed rounds say of themselves: the first chunk of a version is its header.
    ///
    /// @param chunks every record of `models`
    /// @return by version
    Map<Long, Totals> totals(List<ConsumerRecord<byte[], byte[]>> chunks) throws MalformedMessage {
        Map<Long, Totals> totals = new HashMap<>();
        for (ConsumerRecord<byte[], byte[]> record : chunks) {
            ModelChunk chunk = ModelChunk.parse(Bytes.of(record.value()));
            Sealed its = closed.get(chunk.version());
            if (chunk.index() == 0 && its != null) {
                try (Secret key = key(its)) {
                    ModelHeader.parse(ModelCipher.open(key, settings.federation(), chunk))
                            .made()
                            .ifPresent(made -> totals.put(chunk.version(), made.totals()));
                } catch (BoxRefused e) {
                    // Of an attempt that was aborted: another key.
                }
            }
        }
        return totals;
    }

    /// The number of the version that [#find] looks for.
    long expected() {
        return sealed.version();
    }

    /// An attempt has made the next version.
    void made(ModelVersion next, long round, long attempt, Bytes t4) {
        present = next;
        sealed = new Sealed(
                next.version(),
                next.digest(settings.federation()),
                new RoundContext(settings.federation(), round, attempt),
                t4);
    }

    /// The present version's chunks, encrypted, in their partitions.
    List<Writer.Entry> chunks() {
        List<Bytes> plain = present.chunks();
        List<Writer.Entry> entries = new ArrayList<>();
        try (Secret key = key()) {
            for (int i = 0; i < plain.size(); i++) {
                Bytes chunk = ModelCipher.seal(
                                key, settings.federation(), present.version(), i, plain.size(), plain.get(i))
                        .encode();
                entries.add(new Writer.Entry(
                        settings.topics().models(), i % settings.partitions(), present.version() + "/" + i, chunk));
            }
        }
        return entries;
    }

    /// The present version's key for these members.
    ModelKeys keys(Map<String, RegistryEntry.Enrolled> members, Collection<String> receivers) {
        List<SealedBox> boxes = new ArrayList<>();
        try (Secret key = key()) {
            for (String receiver : receivers.stream().sorted().toList()) {
                Bytes deliveryKey =
                        Objects.requireNonNull(members.get(receiver)).deliveryKey();
                Bytes info = RoundContext.modelInfo(settings.federation(), sealed.digest(), sealed.version(), receiver);
                boxes.add(new SealedBox(receiver, primitives.seal(deliveryKey, info, key, randomness)));
            }
        } catch (InvalidKey e) {
            throw new IllegalStateException("delivery keys were checked at enrolment", e);
        }
        return new ModelKeys(sealed.version(), sealed.digest(), sealed.t4(), boxes);
    }

    /// These keys were given out.
    void given(ModelKeys keys) {
        Set<String> receivers = keyed.computeIfAbsent(keys.version(), any -> new HashSet<>());
        keys.boxes().forEach(box -> receivers.add(box.organisation()));
    }

    /// Of these members, who has no key of the present version yet.
    List<String> without(Collection<String> members) {
        Set<String> have = keyed.getOrDefault(present.version(), Set.of());
        return members.stream().filter(id -> !have.contains(id)).toList();
    }

    private Secret key() {
        return key(sealed);
    }

    private Secret key(Sealed of) {
        return of.context().modelKey(secrets.roundSecret(), of.t4());
    }
}

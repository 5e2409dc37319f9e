package dev.sotto.coordinator.director;

import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.kafka.Writer;
import dev.sotto.coordinator.settings.Settings;
import dev.sotto.crypto.fixedpoint.Totals;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.model.ModelCipher;
import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelPart;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.RegistryEntry;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.SealedBox;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/// The present version of the adapter, as the director knows it: what stands in its header, how it is encrypted, and
/// whom its key was given to. Its coordinates are the slots' business.
///
/// Used on the director's thread.
final class Versions {
    private final Settings settings;
    private final Secrets secrets;
    private final Primitives primitives;
    private final Randomness randomness;
    private final Recipe recipe;
    private final Map<Long, Set<String>> keyed = new HashMap<>();
    private final Map<Long, Sealed> closed = new HashMap<>();
    private @Nullable ModelHeader header;
    private @Nullable Sealed sealed;

    /// A version as the log tells of it.
    ///
    /// @param context of the attempt that made it; attempt 0 for version 0
    /// @param t4      of that attempt; its digest for version 0
    /// @param since   none of its chunks is older
    private record Sealed(long version, Bytes digest, RoundContext context, Bytes t4, Instant since) {}

    /// From which the next round starts.
    ///
    /// @param header its chunk 0
    record Present(long version, Bytes digest, ModelHeader header) {}

    Versions(Settings settings, Secrets secrets, Primitives primitives, Randomness randomness, Recipe recipe) {
        this.settings = settings;
        this.secrets = secrets;
        this.primitives = primitives;
        this.randomness = randomness;
        this.recipe = recipe;
    }

    /// Once it has been found, or made.
    Present present() {
        return new Present(sealed().version(), sealed().digest(), Objects.requireNonNull(header));
    }

    private Sealed sealed() {
        return Objects.requireNonNull(sealed, "no version has been looked for");
    }

    /// A round was closed; its version is what [#find] looks for.
    ///
    /// @param opened when
    void closed(RoundClosed closing, long round, long attempt, Bytes t4, Instant opened) {
        Sealed version = new Sealed(
                closing.version(),
                closing.modelDigest(),
                new RoundContext(settings.federation(), round, attempt),
                t4,
                opened);
        sealed = version;
        closed.put(closing.version(), version);
    }

    /// Reads what the sums of the rounds that are closed by now said of themselves: each version's chunk 0 tells.
    ///
    /// @param receiver gets it, by version
    /// @param over     asked before each chunk: whether nobody wants to know any more
    /// @return to be run once, by any thread
    Runnable recall(KafkaClients kafka, BiConsumer<Long, Totals> receiver, BooleanSupplier over) {
        Map<Long, Sealed> all = Map.copyOf(closed);
        return () -> {
            Instant since = all.values().stream()
                    .map(Sealed::since)
                    .min(Instant::compareTo)
                    .orElse(Instant.MAX);
            if (all.isEmpty()) {
                return;
            }
            kafka.readToEnd(List.of(new TopicPartition(settings.topics().models(), 0)), since, record -> {
                if (over.getAsBoolean()) {
                    throw new CancellationException("nobody wants to know");
                }
                header(record.value(), all)
                        .flatMap(ModelHeader::made)
                        .ifPresent(made -> receiver.accept(made.round() + 1, made.totals()));
            });
        };
    }

    private Optional<ModelHeader> header(byte[] value, Map<Long, Sealed> all) {
        try {
            ModelChunk chunk = ModelChunk.parse(Bytes.of(value));
            Sealed its = all.get(chunk.version());
            if (chunk.index() != 0 || its == null) {
                return Optional.empty();
            }
            try (Secret key = key(its)) {
                return Optional.of(ModelHeader.parse(ModelCipher.open(key, settings.federation(), chunk)));
            }
        } catch (MalformedMessage | BoxRefused e) {
            // Another attempt's, under another key.
            return Optional.empty();
        }
    }

    /// Reads the header of the last closed round's version back, or of version 0 if no round was closed.
    ///
    /// @return whether it is there
    boolean find(KafkaClients kafka) throws MalformedMessage {
        if (sealed == null) {
            ModelVersion first = recipe.firstVersion();
            Bytes digest = first.digest(settings.federation());
            header = first.header();
            sealed = new Sealed(0, digest, new RoundContext(settings.federation(), 0, 0), digest, Instant.EPOCH);
        }
        List<Bytes> found = new ArrayList<>();
        try (Secret key = key()) {
            kafka.readToEnd(List.of(new TopicPartition(settings.topics().models(), 0)), sealed().since(), record -> {
                try {
                    ModelChunk chunk = ModelChunk.parse(Bytes.given(record.value()));
                    if (chunk.version() == sealed().version() && chunk.index() == 0) {
                        found.add(ModelCipher.open(key, settings.federation(), chunk));
                    }
                } catch (MalformedMessage | BoxRefused e) {
                    // Another attempt's, under another key.
                }
            });
        }
        if (found.isEmpty()) {
            return false;
        }
        header = ModelHeader.parse(found.getFirst());
        return true;
    }

    /// An attempt has made the next version, but for its header.
    ///
    /// @param opened when
    /// @return the header, encrypted
    Writer.Entry made(ModelHeader next, Bytes digest, long round, long attempt, Bytes t4, Instant opened) {
        header = next;
        sealed = new Sealed(
                sealed().version() + 1, digest, new RoundContext(settings.federation(), round, attempt), t4, opened);
        try (Secret key = key()) {
            return entry(key, 0, 0, next.encode());
        }
    }

    /// Gives version 0, encrypted, chunk by chunk, each where its slot looks for it.
    void first(Consumer<Writer.Entry> receiver) {
        ModelVersion first = recipe.firstVersion();
        int size = first.adapter().length;
        int step = Ring.of(settings.aggregation().ringBits()).chunkCoordinates();
        try (Secret key = key()) {
            receiver.accept(entry(key, 0, 0, first.header().encode()));
            for (int from = 0; from < size; from += step) {
                int to = Math.min(size, from + step);
                int slot = Sample.partition(from / step, settings.partitions());
                int start = from;
                new ModelPart(
                                from,
                                Arrays.copyOfRange(first.adapter(), from, to),
                                first.optimiser().stream()
                                        .map(vector -> Arrays.copyOfRange(vector, start, to))
                                        .toList())
                        .chunks(size)
                        .forEach((index, plain) -> receiver.accept(entry(key, slot, index, plain)));
            }
        }
    }

    private Writer.Entry entry(Secret key, int partition, int index, Bytes plain) {
        int size = Math.toIntExact(settings.adapter().layout().size());
        int count = ModelPart.count(size, vectors());
        return new Writer.Entry(
                settings.topics().models(),
                partition,
                sealed().version() + "/" + index,
                ModelCipher.seal(key, settings.federation(), sealed().version(), index, count, plain)
                        .encode());
    }

    /// Vectors of a version: the adapter, and the optimiser's.
    int vectors() {
        return 1 + settings.optimizer().stateVectors();
    }

    /// The present version's key for these members.
    ModelKeys keys(Map<String, RegistryEntry.Enrolled> members, Collection<String> receivers) {
        List<SealedBox> boxes = new ArrayList<>();
        try (Secret key = key()) {
            for (String receiver : receivers.stream().sorted().toList()) {
                Bytes deliveryKey =
                        Objects.requireNonNull(members.get(receiver)).deliveryKey();
                Bytes info =
                        RoundContext.modelInfo(settings.federation(), sealed().digest(), sealed().version(), receiver);
                boxes.add(new SealedBox(receiver, primitives.seal(deliveryKey, info, key, randomness)));
            }
        } catch (InvalidKey e) {
            throw new IllegalStateException("delivery keys were checked at enrolment", e);
        }
        return new ModelKeys(sealed().version(), sealed().digest(), sealed().t4(), boxes);
    }

    /// These keys were given out.
    void given(ModelKeys keys) {
        Set<String> receivers = keyed.computeIfAbsent(keys.version(), any -> new HashSet<>());
        keys.boxes().forEach(box -> receivers.add(box.organisation()));
    }

    /// Of these members, who has no key of the present version yet.
    List<String> without(Collection<String> members) {
        Set<String> have = keyed.getOrDefault(sealed().version(), Set.of());
        return members.stream().filter(id -> !have.contains(id)).toList();
    }

    private Secret key() {
        return key(sealed());
    }

    private Secret key(Sealed version) {
        return version.context().modelKey(secrets.roundSecret(), version.t4());
    }
}

package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UpdateChunk;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;

/// A closed round recomputed from the log: every signature, the sum bit for bit, the server's step, the new digest
/// (protocol §5, "Anyone in the federation may recompute"), on all chunks or on a sample of them.
///
/// [#check] is the whole of it. Its steps stand alone for an audit, which says of each what it shows: the manifests
/// ([#of]), the masked sum ([#sum]), the seeds ([#rebuild]), the digest of the sum ([#checkSum]), the server's step
/// ([#step]).
///
/// Immutable, thread-safe.
public final class Recomputation {
    private final Primitives primitives;
    private final Directory directory;
    private final Unmasking unmasking;
    private final RoundClosed closed;
    private final SortedMap<String, Manifest> manifests;
    private final SortedMap<String, Envelope> revealed;

    private Recomputation(
            Primitives primitives,
            Directory directory,
            Unmasking unmasking,
            RoundClosed closed,
            SortedMap<String, Manifest> manifests,
            SortedMap<String, Envelope> revealed) {
        this.primitives = primitives;
        this.directory = directory;
        this.unmasking = unmasking;
        this.closed = closed;
        this.manifests = manifests;
        this.revealed = revealed;
    }

    /// Recomputes the round.
    ///
    /// @param verified  the round, as [MemberOutput.Closed] gave it
    /// @param roundSeed as it gave that too
    /// @param inboxes   every `SharesDealt`, `UpdateManifest` and `SharesRevealed` of the attempt
    /// @param chunks    every `UpdateChunk` of the survivors that the sample holds; others are ignored
    /// @param sample    which chunks are looked at; of a part the digest of the sum is not checked
    /// @param before    the version that the round started from, verified
    /// @param next      the version that the round is said to have made
    /// @param step      the plan's server optimiser
    /// @throws PeerMisbehaved blaming the coordinator if anything differs
    public static void check(
            Primitives primitives,
            Directory directory,
            Unmasking verified,
            Secret roundSeed,
            Collection<Envelope> inboxes,
            Iterable<Envelope> chunks,
            Sample sample,
            ModelVersion before,
            ModelVersion next,
            UnmaskedSum.ServerStep step,
            RoundClosed closed)
            throws PeerMisbehaved {
        Recomputation round = of(primitives, directory, verified.recall(inboxes), inboxes, closed);
        MaskedSum masked = round.sumUntilComplete(chunks, sample);
        List<String> incomplete = round.incomplete(masked);
        if (!incomplete.isEmpty()) {
            throw differs("sealed " + incomplete + " whose chunks are not in the log");
        }
        try (Unmasker unmasker = round.rebuild(roundSeed)) {
            UnmaskedSum sum = masked.unmask(round.unmasking.survivors(), unmasker, 1);
            if (sample instanceof Sample.All) {
                round.checkSum(sum);
                ModelVersion _ = round.step(sum, before, step);
            } else {
                round.checkSample(sum, before, next, step);
            }
        }
        if (!next.digest(directory.federation()).equals(closed.modelDigest())) {
            throw otherStep();
        }
    }

    /// Finds the manifests of the survivors: signed, of the round's layout, published.
    ///
    /// @param unmasking with what the dealers signed
    /// @param inboxes   every `UpdateManifest` and `SharesRevealed` of the attempt
    /// @throws PeerMisbehaved blaming the coordinator, who sealed what is not in the log or must be refused
    public static Recomputation of(
            Primitives primitives,
            Directory directory,
            Unmasking unmasking,
            Collection<Envelope> inboxes,
            RoundClosed closed)
            throws PeerMisbehaved {
        Survivors survivors = unmasking.survivors();
        SortedMap<String, Manifest> manifests = new TreeMap<>();
        for (Envelope envelope : named(inboxes, MessageType.UPDATE_MANIFEST, survivors.survivors())) {
            try {
                manifests.put(envelope.sender(), Manifest.verify(primitives, directory, survivors.routed(), envelope));
            } catch (PeerMisbehaved e) {
                // If the coordinator sealed it all the same, it is missing below.
            }
        }
        for (String survivor : survivors.ids()) {
            if (!manifests.containsKey(survivor)) {
                throw differs("sealed a manifest that " + survivor + " has not published");
            }
        }
        SortedMap<String, Envelope> revealed = new TreeMap<>();
        named(inboxes, MessageType.SHARES_REVEALED, closed.revealed())
                .forEach(envelope -> revealed.put(envelope.sender(), envelope));
        return new Recomputation(primitives, directory, unmasking, closed, manifests, revealed);
    }

    /// Late is void: what the coordinator did not name plays no part, and can frame nobody.
    private static List<Envelope> named(Collection<Envelope> inboxes, MessageType type, List<NamedHash> names) {
        Set<NamedHash> wanted = Set.copyOf(names);
        return inboxes.stream()
                .filter(envelope -> envelope.type() == type
                        && wanted.contains(new NamedHash(envelope.sender(), Enc.sha256(envelope.encode()))))
                .toList();
    }

    private MaskedSum sumUntilComplete(Iterable<Envelope> chunks, Sample sample) {
        MaskedSum sum = new MaskedSum(opened(), sample);
        Set<String> missing = new HashSet<>(unmasking.survivors().ids());
        for (Envelope envelope : chunks) {
            add(sum, envelope, sample, (chunk, fault) -> {
                // Not of its manifest; if one of those is missing, the sum is not complete.
            });
            if (sum.isComplete(envelope.sender()) && missing.remove(envelope.sender()) && missing.isEmpty()) {
                break;
            }
        }
        return sum;
    }

    /// Adds the survivors' chunks up, each if its member signed it and it is in its manifest.
    ///
    /// @param chunks  read once; those of others, and those outside the sample, are ignored
    /// @param refused told of a survivor's chunk that was not added, and why
    public MaskedSum sum(Iterable<Envelope> chunks, Sample sample, BiConsumer<Envelope, PeerMisbehaved> refused) {
        MaskedSum sum = new MaskedSum(opened(), sample);
        for (Envelope envelope : chunks) {
            add(sum, envelope, sample, refused);
        }
        return sum;
    }

    private void add(MaskedSum sum, Envelope envelope, Sample sample, BiConsumer<Envelope, PeerMisbehaved> refused) {
        Manifest manifest = manifests.get(envelope.sender());
        if (manifest != null && sampled(sample, envelope)) {
            try {
                sum.add(envelope.sender(), manifest.chunk(primitives, directory, envelope));
            } catch (PeerMisbehaved e) {
                refused.accept(envelope, e);
            }
        }
    }

    /// The survivors of whom a chunk is missing in a sum: the log does not hold it, or not any more.
    public List<String> incomplete(MaskedSum sum) {
        return unmasking.survivors().ids().stream()
                .filter(member -> !sum.isComplete(member))
                .toList();
    }

    /// Opens the shares that were counted, checks each against its dealer's commitment, and rebuilds every seed from
    /// them; those of members that dropped out against their mask keys and ciphertexts too.
    ///
    /// @param roundSeed of the coordinator's round key
    /// @return the caller's to close
    /// @throws PeerMisbehaved blaming the coordinator
    public Unmasker rebuild(Secret roundSeed) throws PeerMisbehaved {
        if (!primitives.kemKey(roundSeed).equals(opened().message().roundKey())) {
            throw differs("the sealed seed is not the round key's");
        }
        SortedMap<String, RevealedShares> shares = new TreeMap<>();
        try {
            for (NamedHash counted : closed.revealed()) {
                shares.put(counted.organisation(), open(roundSeed, counted.organisation()));
            }
            if (shares.size() < opened().message().threshold()) {
                throw Roster.coordinator(Refusal.TOO_FEW, "closed with the shares of " + shares.size() + " members");
            }
            return Unmasker.rebuild(primitives, unmasking, shares);
        } catch (PeerMisbehaved fault) {
            throw fault.who().equals(Topics.COORDINATOR)
                    ? fault
                    : differs("closed with shares that do not rebuild: " + fault.getMessage());
        } finally {
            shares.values().forEach(RevealedShares::close);
        }
    }

    private RevealedShares open(Secret roundSeed, String member) throws PeerMisbehaved {
        Envelope envelope = revealed.get(member);
        if (envelope != null) {
            try {
                return Unmasker.open(primitives, directory, unmasking, roundSeed, envelope);
            } catch (PeerMisbehaved e) {
                // The coordinator counted it all the same.
            }
        }
        throw differs("counted shares that " + member + " has not published, or that are not valid");
    }

    /// Whether the sum is the one that the coordinator signed; of all chunks only.
    ///
    /// @throws PeerMisbehaved blaming the coordinator
    public void checkSum(UnmaskedSum sum) throws PeerMisbehaved {
        if (!sum.digest().equals(closed.aggregateDigest())) {
            throw differs("its sum is not the sum of the masked updates");
        }
    }

    /// The version that the server's step makes of the sum; of all chunks only.
    ///
    /// @param before the version that the round started from, verified
    /// @throws PeerMisbehaved blaming the coordinator if that is not the version that it signed
    public ModelVersion step(UnmaskedSum sum, ModelVersion before, UnmaskedSum.ServerStep step) throws PeerMisbehaved {
        try {
            ModelVersion made = sum.next(before, step);
            if (closed.version() != made.version()
                    || !made.digest(opened().federation()).equals(closed.modelDigest())) {
                throw otherStep();
            }
            return made;
        } catch (AggregateOutOfRange e) {
            throw outOfRange(e);
        }
    }

    private void checkSample(UnmaskedSum sum, ModelVersion before, ModelVersion next, UnmaskedSum.ServerStep step)
            throws PeerMisbehaved {
        try {
            if (closed.version() != before.version() + 1 || !sum.agrees(before, next, step)) {
                throw otherStep();
            }
        } catch (AggregateOutOfRange e) {
            throw outOfRange(e);
        }
    }

    private Opened opened() {
        return unmasking.survivors().routed().roster().opened();
    }

    private static PeerMisbehaved differs(String detail) {
        return Roster.coordinator(Refusal.OTHER_RESULT, detail);
    }

    private static PeerMisbehaved otherStep() {
        return differs("its new version is not the server's step on the sum");
    }

    private static PeerMisbehaved outOfRange(AggregateOutOfRange e) {
        return differs("closed on a sum out of range: " + e.getMessage());
    }

    /// Without verifying anything: what it says of its place is checked with the chunk.
    private static boolean sampled(Sample sample, Envelope envelope) {
        try {
            UpdateChunk chunk = UpdateChunk.parse(envelope.payload());
            return sample.holds(chunk.vector(), chunk.index());
        } catch (MalformedMessage e) {
            return false;
        }
    }
}

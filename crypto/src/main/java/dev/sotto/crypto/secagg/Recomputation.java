package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.AggregateOutOfRange;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.UpdateChunk;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// A member recomputes a closed round from the log: every signature, the sum bit for bit, the server's
/// step, the new digest (protocol §5, "Anyone in the federation may recompute"), on all chunks or on a
/// sample of them.
public final class Recomputation {
    private Recomputation() {}

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
        Unmasking unmasking = verified.recall(inboxes);
        Survivors survivors = unmasking.survivors();
        Opened opened = survivors.routed().roster().opened();
        if (!primitives.kemKey(roundSeed).equals(opened.message().roundKey())) {
            throw Roster.coordinator(Refusal.OTHER_RESULT, "the sealed seed is not the round key's");
        }
        SortedMap<String, Manifest> manifests = new TreeMap<>();
        SortedMap<String, Envelope> revealed = new TreeMap<>();
        // Late is void: what the coordinator did not name plays no part, and can frame nobody.
        Set<NamedHash> sealed = Set.copyOf(survivors.survivors());
        Set<NamedHash> counted = Set.copyOf(closed.revealed());
        for (Envelope envelope : inboxes) {
            try {
                switch (envelope.type()) {
                    case UPDATE_MANIFEST -> {
                        if (sealed.contains(new NamedHash(envelope.sender(), Enc.sha256(envelope.encode())))) {
                            manifests.put(
                                    envelope.sender(),
                                    Manifest.verify(primitives, directory, survivors.routed(), envelope));
                        }
                    }
                    case SHARES_REVEALED -> {
                        if (counted.contains(new NamedHash(envelope.sender(), Enc.sha256(envelope.encode())))) {
                            Unmasker.open(primitives, directory, unmasking, roundSeed, envelope)
                                    .close();
                            revealed.put(envelope.sender(), envelope);
                        }
                    }
                    default -> {}
                }
            } catch (PeerMisbehaved e) {
                // If the coordinator counted it all the same, it is missing below.
            }
        }
        for (NamedHash survivor : survivors.survivors()) {
            Manifest manifest = manifests.get(survivor.organisation());
            if (manifest == null) {
                throw Roster.coordinator(
                        Refusal.OTHER_RESULT,
                        "sealed a manifest that " + survivor.organisation() + " has not published");
            }
        }
        for (NamedHash named : closed.revealed()) {
            if (!revealed.containsKey(named.organisation())) {
                throw Roster.coordinator(
                        Refusal.OTHER_RESULT,
                        "counted shares that " + named.organisation() + " has not published, or that are not valid");
            }
        }
        if (revealed.size() < opened.message().threshold()) {
            throw Roster.coordinator(Refusal.TOO_FEW, "closed with the shares of " + revealed.size() + " members");
        }
        MaskedSum sum = new MaskedSum(opened, sample);
        for (Envelope envelope : chunks) {
            Manifest manifest = manifests.get(envelope.sender());
            if (manifest != null && sampled(sample, envelope)) {
                try {
                    sum.add(envelope.sender(), manifest.chunk(primitives, directory, envelope));
                } catch (PeerMisbehaved e) {
                    // Not of its manifest; if one of those is missing, the sum is not complete.
                }
            }
        }
        List<String> incomplete = survivors.ids().stream()
                .filter(member -> !sum.isComplete(member))
                .toList();
        if (!incomplete.isEmpty()) {
            throw Roster.coordinator(Refusal.OTHER_RESULT, "sealed " + incomplete + " whose chunks are not in the log");
        }
        try (Unmasker unmasker = rebuild(primitives, directory, unmasking, roundSeed, revealed.values())) {
            UnmaskedSum unmasked = sum.unmask(survivors, unmasker, 1);
            if (sample instanceof Sample.All && !unmasked.digest().equals(closed.aggregateDigest())) {
                throw Roster.coordinator(Refusal.OTHER_RESULT, "its sum is not the sum of the masked updates");
            }
            boolean agrees = sample instanceof Sample.All
                    ? unmasked.next(before, step).digest(opened.federation()).equals(closed.modelDigest())
                    : unmasked.agrees(before, next, step);
            if (!agrees
                    || closed.version() != before.version() + 1
                    || !next.digest(opened.federation()).equals(closed.modelDigest())) {
                throw Roster.coordinator(Refusal.OTHER_RESULT, "its new version is not the server's step on the sum");
            }
        } catch (AggregateOutOfRange e) {
            throw Roster.coordinator(Refusal.OTHER_RESULT, "closed on a sum out of range: " + e.getMessage());
        }
    }

    private static Unmasker rebuild(
            Primitives primitives,
            Directory directory,
            Unmasking unmasking,
            Secret roundSeed,
            Collection<Envelope> revealed)
            throws PeerMisbehaved {
        try {
            return Unmasker.rebuild(primitives, directory, unmasking, roundSeed, revealed);
        } catch (PeerMisbehaved dealer) {
            throw Roster.coordinator(
                    Refusal.OTHER_RESULT, "closed with shares that do not rebuild: " + dealer.getMessage());
        }
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

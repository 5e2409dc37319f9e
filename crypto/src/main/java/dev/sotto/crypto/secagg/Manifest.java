package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.UpdateManifest;
import dev.sotto.schemas.VectorLayout;
import java.util.List;
import java.util.Optional;

/// A member's manifest, verified against the layout: the measure of each of its chunks.
///
/// @param routed U2
/// @param member who signed it
/// @param hash   of its envelope
/// @param hashes in layout order
public record Manifest(Routed routed, String member, Bytes hash, List<UpdateManifest.VectorHashes> hashes) {
    /// Checks a manifest (step 6).
    ///
    /// @throws PeerMisbehaved blaming the member
    public static Manifest verify(Primitives primitives, Directory directory, Routed routed, Envelope envelope)
            throws PeerMisbehaved {
        String who = envelope.sender();
        if (!(directory.verify(primitives, envelope, routed.t2()) instanceof UpdateManifest manifest)) {
            throw new PeerMisbehaved(Refusal.UNEXPECTED_MESSAGE, who, "UpdateManifest was expected");
        }
        if (!routed.dealt().containsKey(who)) {
            throw new PeerMisbehaved(Refusal.NOT_A_SUBSET, who, "is not in U2");
        }
        var opened = routed.roster().opened().message();
        List<String> names = opened.layout().stream().map(VectorLayout::name).toList();
        if (!manifest.vectors().stream()
                .map(UpdateManifest.VectorHashes::vector)
                .toList()
                .equals(names)) {
            throw new PeerMisbehaved(Refusal.WRONG_COUNTS, who, "its manifest names other vectors than " + names);
        }
        for (int i = 0; i < names.size(); i++) {
            VectorLayout vector = opened.layout().get(i);
            int expected = Parameters.ring(opened, vector).chunks(vector.size());
            int got = manifest.vectors().get(i).chunks().size();
            if (got != expected) {
                throw new PeerMisbehaved(
                        Refusal.WRONG_COUNTS, who, vector.name() + " has " + got + " chunks, must have " + expected);
            }
        }
        return new Manifest(routed, who, Enc.sha256(envelope.encode()), manifest.vectors());
    }

    /// Checks one chunk of this member: place, length, hash and signature.
    ///
    /// @throws PeerMisbehaved blaming the member
    public UpdateChunk chunk(Primitives primitives, Directory directory, Envelope envelope) throws PeerMisbehaved {
        if (!envelope.sender().equals(member)) {
            throw unexpected(envelope);
        }
        Directory.Read read = directory.read(primitives, envelope, routed.t2());
        if (!(read.message() instanceof UpdateChunk chunk)) {
            throw unexpected(envelope);
        }
        var opened = routed.roster().opened().message();
        for (int i = 0; i < hashes.size(); i++) {
            VectorLayout vector = opened.layout().get(i);
            List<Bytes> expected = hashes.get(i).chunks();
            if (vector.name().equals(chunk.vector()) && chunk.index() < expected.size()) {
                Ring ring = Parameters.ring(opened, vector);
                int length = ring.chunkSize(vector.size(), chunk.index()) * ring.wordBytes();
                if (chunk.masked().size() == length && read.hash().equals(Optional.of(expected.get(chunk.index())))) {
                    return chunk;
                }
            }
        }
        throw new PeerMisbehaved(
                Refusal.OTHER_CHUNK,
                member,
                "chunk " + chunk.index() + " of " + chunk.vector() + " is not in its manifest");
    }

    private PeerMisbehaved unexpected(Envelope envelope) {
        return new PeerMisbehaved(
                Refusal.UNEXPECTED_MESSAGE, envelope.sender(), "a chunk of " + member + " was expected");
    }
}

package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.UpdateManifest;
import dev.sotto.schemas.UpdateManifest.VectorHashes;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// A manifest against the layout, and each chunk against its manifest (protocol §5, step 6).
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ManifestTest {
    private final ClosedRound round = new ClosedRound();
    private static final String MEMBER = "org-b";

    private Manifest verify(Envelope envelope) throws PeerMisbehaved {
        return Manifest.verify(Federation.PRIMITIVES, round.federation.directory, round.routed, envelope);
    }

    private Manifest manifest() throws PeerMisbehaved {
        return verify(round.sent(MEMBER, MessageType.UPDATE_MANIFEST));
    }

    private void chunk(Envelope envelope) throws PeerMisbehaved {
        UpdateChunk taken = manifest().chunk(Federation.PRIMITIVES, round.federation.directory, envelope);
        assertThat(taken).isEqualTo(ClosedRound.parse(envelope));
    }

    private Envelope manifest(VectorHashes... vectors) {
        return round.sign(MEMBER, new UpdateManifest(List.of(vectors)), round.routed.t2());
    }

    private static VectorHashes hashes(String vector, int chunks) {
        return new VectorHashes(vector, java.util.Collections.nCopies(chunks, Bytes.zeros(32)));
    }

    private List<UpdateChunk> chunks() {
        return round.chunks(MEMBER);
    }

    @Test
    void verify_signed_isItsHashAndItsChunks() throws PeerMisbehaved {
        Envelope envelope = round.sent(MEMBER, MessageType.UPDATE_MANIFEST);
        Manifest manifest = verify(envelope);
        assertThat(manifest.member()).isEqualTo(MEMBER);
        assertThat(manifest.hash()).isEqualTo(Enc.sha256(envelope.encode()));
        assertThat(manifest.hashes()).isEqualTo(((UpdateManifest) ClosedRound.parse(envelope)).vectors());
        for (Envelope chunk : round.federation.chunks(MEMBER)) {
            chunk(chunk);
        }
    }

    @Test
    void verify_otherMessageOrOutsideU2_blamesItsSender() {
        assertRefused(
                () -> verify(round.sign(MEMBER, new SurvivorsConfirmed(), round.routed.t2())),
                Refusal.UNEXPECTED_MESSAGE,
                MEMBER,
                "UpdateManifest was expected");
        var dealt = new java.util.TreeMap<>(round.routed.dealt());
        dealt.remove(MEMBER);
        assertRefused(
                () -> Manifest.verify(
                        Federation.PRIMITIVES,
                        round.federation.directory,
                        new Routed(round.roster, round.routed.t2(), dealt, round.routed.messages()),
                        round.sent(MEMBER, MessageType.UPDATE_MANIFEST)),
                Refusal.NOT_A_SUBSET,
                MEMBER,
                "is not in U2");
    }

    @Test
    void verify_otherVectorsOrCounts_blamesItsSender() {
        for (Envelope other : List.of(
                manifest(hashes("adapter", 1)),
                manifest(hashes("scalars", 1), hashes("adapter", 1)),
                manifest(hashes("adapter", 1), hashes("scalars", 1), hashes("control", 1)))) {
            assertRefused(() -> verify(other), Refusal.WRONG_COUNTS, MEMBER, "other vectors than [adapter, scalars]");
        }
        assertRefused(
                () -> verify(manifest(hashes("adapter", 2), hashes("scalars", 1))),
                Refusal.WRONG_COUNTS,
                MEMBER,
                "adapter has 2 chunks, must have 1");
        assertRefused(
                () -> verify(manifest(hashes("adapter", 1), hashes("scalars", 2))),
                Refusal.WRONG_COUNTS,
                MEMBER,
                "scalars has 2 chunks, must have 1");
    }

    @Test
    void chunk_ofAnotherSenderOrType_blamesItsSender() {
        Envelope others = round.federation.chunks("org-a").getFirst();
        assertRefused(() -> chunk(others), Refusal.UNEXPECTED_MESSAGE, "org-a", "a chunk of org-b was expected");
        assertRefused(
                () -> chunk(round.sent(MEMBER, MessageType.UPDATE_MANIFEST)),
                Refusal.UNEXPECTED_MESSAGE,
                MEMBER,
                "a chunk of org-b was expected");
    }

    @Test
    void chunk_ofAnotherPlaceOrBytes_blamesItsSender() {
        UpdateChunk adapter = chunks().getFirst();
        UpdateChunk scalars = chunks().getLast();
        byte[] altered = adapter.masked().toArray();
        altered[0] ^= 1;
        for (UpdateChunk other : List.of(
                new UpdateChunk("adapter", 0, Bytes.of(altered)),
                new UpdateChunk("adapter", 0, adapter.masked().slice(0, 3)),
                new UpdateChunk("adapter", 1, adapter.masked()),
                new UpdateChunk("scalars", 0, adapter.masked()),
                new UpdateChunk("adapter", 0, scalars.masked()),
                new UpdateChunk("control", 0, adapter.masked()))) {
            assertRefused(
                    () -> chunk(round.sign(MEMBER, other, round.routed.t2())),
                    Refusal.OTHER_CHUNK,
                    MEMBER,
                    "is not in its manifest");
        }
    }

    /// A member may name the hash of a chunk of another length; the chunk is refused all the same.
    @Test
    void chunk_namedInTheManifestWithAnotherLength_isRefused() throws PeerMisbehaved {
        Bytes shorter = Bytes.zeros(3);
        Manifest lying =
                verify(manifest(new VectorHashes("adapter", List.of(Enc.sha256(shorter))), hashes("scalars", 1)));
        Envelope chunk = round.sign(MEMBER, new UpdateChunk("adapter", 0, shorter), round.routed.t2());
        assertRefused(
                () -> lying.chunk(Federation.PRIMITIVES, round.federation.directory, chunk),
                Refusal.OTHER_CHUNK,
                MEMBER,
                "chunk 0 of adapter is not in its manifest");
    }
}

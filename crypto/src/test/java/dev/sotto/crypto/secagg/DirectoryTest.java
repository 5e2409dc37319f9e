package dev.sotto.crypto.secagg;

import static dev.sotto.crypto.secagg.ClosedRound.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.UpdateChunk;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/// Every message is checked on the received bytes, in this order: sender, federation and key, form, signature,
/// transcript (protocol §3).
class DirectoryTest {
    private final Federation federation = new Federation(3, 5);
    private final Bytes t = Enc.hash("T");
    private final Message message = new Complaint("org-b", "SEALED_SHARE");
    private final Envelope real = federation.node(0).identity.sign(message, t);

    private Message verify(Envelope envelope) throws PeerMisbehaved {
        return federation.directory.verify(Federation.PRIMITIVES, envelope, t);
    }

    private static Envelope with(Envelope e, String federation, String sender, Bytes fingerprint, Bytes payload) {
        return new Envelope(e.type(), federation, sender, fingerprint, e.transcript(), payload, e.signature());
    }

    @Test
    void verify_membersAndTheCoordinators_areParsed() throws PeerMisbehaved {
        assertThat(verify(real)).isEqualTo(message);
        Message abort = new RoundAborted("Operator", "test", List.of(), List.of(), Optional.empty());
        assertThat(verify(federation.coordinator.sign(abort, t))).isEqualTo(abort);
    }

    @Test
    void verify_unknownSender_isNamed() {
        assertRefused(
                () -> verify(with(real, Federation.NAME, "org-z", real.keyFingerprint(), real.payload())),
                Refusal.UNKNOWN_SENDER,
                "org-z",
                "has no pinned key");
    }

    @Test
    void verify_otherFederationKeyOrSender_isNoSignature() {
        assertRefused(
                () -> verify(with(real, "south", "org-a", real.keyFingerprint(), real.payload())),
                Refusal.BAD_SIGNATURE,
                "org-a",
                "another federation or key");
        assertRefused(
                () -> verify(with(real, Federation.NAME, "org-a", Bytes.zeros(32), real.payload())),
                Refusal.BAD_SIGNATURE,
                "org-a",
                "another federation or key");
        assertRefused(
                () -> verify(with(real, Federation.NAME, "org-b", real.keyFingerprint(), real.payload())),
                Refusal.BAD_SIGNATURE,
                "org-b",
                "another federation or key");
        Identity foreign = new Identity(Federation.PRIMITIVES, "south", "org-a", Secret.take(new byte[32]));
        assertRefused(() -> verify(foreign.sign(message, t)), Refusal.BAD_SIGNATURE, "org-a", "another federation");
    }

    @Test
    void verify_otherPayload_isMalformedOrNotSigned() {
        assertRefused(
                () -> verify(with(real, Federation.NAME, "org-a", real.keyFingerprint(), Bytes.utf8("no complaint"))),
                Refusal.MALFORMED,
                "org-a",
                "Complaint");
        assertRefused(
                () -> verify(with(
                        real,
                        Federation.NAME,
                        "org-a",
                        real.keyFingerprint(),
                        new Complaint("org-c", "SEALED_SHARE").encode())),
                Refusal.BAD_SIGNATURE,
                "org-a",
                "Complaint is not signed by its key");
    }

    @Test
    void verify_signedOverAnotherTranscript_isTold() {
        assertRefused(
                () -> verify(federation.node(0).identity.sign(message, Enc.hash("another T"))),
                Refusal.OTHER_TRANSCRIPT,
                "org-a",
                "Complaint continues another transcript");
    }

    /// A chunk signs enc(vector, index, H(bytes)), everything else its payload.
    @Test
    void signedPart_ofAChunk_isItsPlaceAndHash() {
        UpdateChunk chunk = new UpdateChunk("adapter", 3, Bytes.utf8("masked"));
        assertThat(Directory.signedPart(chunk, chunk.encode()))
                .isEqualTo(Enc.of("adapter", 3, Enc.sha256(Bytes.utf8("masked"))));
        assertThat(Directory.signedPart(new SurvivorsConfirmed(), Bytes.utf8("payload")))
                .isEqualTo(Bytes.utf8("payload"));
    }

    @Test
    void identity_closed_signsNoMore() {
        Secret seed = Secret.take(new byte[32]);
        Identity identity = new Identity(Federation.PRIMITIVES, Federation.NAME, "org-a", seed);
        assertThat(identity.name()).isEqualTo("org-a");
        assertThat(identity.key()).isEqualTo(Federation.PRIMITIVES.identityKey(seed));
        identity.close();
        assertThat(seed.isWiped()).isTrue();
    }
}

package dev.sotto.crypto.secagg;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UpdateChunk;
import java.util.Map;
import java.util.Optional;

/// Whose keys a party trusts: for a member those that it pinned, for the coordinator those that it
/// enrolled.
///
/// Immutable, thread-safe.
///
/// @param federation     its id
/// @param coordinatorKey Ed25519
/// @param members        Ed25519 identity keys by organisation
/// @param deliveryKeys   X-Wing keys by organisation
public record Directory(
        String federation, Bytes coordinatorKey, Map<String, Bytes> members, Map<String, Bytes> deliveryKeys) {
    /// Copies the maps.
    public Directory {
        members = Map.copyOf(members);
        deliveryKeys = Map.copyOf(deliveryKeys);
    }

    /// Checks federation, sender, key, transcript and signature, on the received bytes, then parses.
    ///
    /// @throws PeerMisbehaved blaming the sender
    public Message verify(Primitives primitives, Envelope envelope, Bytes transcript) throws PeerMisbehaved {
        return read(primitives, envelope, transcript).message();
    }

    /// A message that is signed.
    ///
    /// @param hash of the masked bytes, if it is a chunk: nobody needs to compute it twice
    record Read(Message message, Optional<Bytes> hash) {}

    /// The same, with what was computed for it.
    Read read(Primitives primitives, Envelope envelope, Bytes transcript) throws PeerMisbehaved {
        String who = envelope.sender();
        Bytes key = key(who).orElseThrow(() -> new PeerMisbehaved(Refusal.UNKNOWN_SENDER, who, "has no pinned key"));
        if (!envelope.federation().equals(federation)
                || !envelope.keyFingerprint().equals(Enc.sha256(key))) {
            throw new PeerMisbehaved(Refusal.BAD_SIGNATURE, who, "names another federation or key");
        }
        Message message;
        try {
            message = Message.parse(envelope.type(), envelope.payload());
        } catch (MalformedMessage e) {
            throw new PeerMisbehaved(Refusal.MALFORMED, who, String.valueOf(e.getMessage()));
        }
        Optional<Bytes> hash =
                message instanceof UpdateChunk chunk ? Optional.of(Enc.sha256(chunk.masked())) : Optional.empty();
        Bytes signed = signedBytes(
                envelope.type(),
                federation,
                who,
                envelope.keyFingerprint(),
                envelope.transcript(),
                hash.map(masked -> signedPart((UpdateChunk) message, masked)).orElse(envelope.payload()));
        if (!primitives.verify(key, signed, envelope.signature())) {
            throw new PeerMisbehaved(
                    Refusal.BAD_SIGNATURE, who, envelope.type().wireName() + " is not signed by its key");
        }
        if (!envelope.transcript().equals(transcript)) {
            throw new PeerMisbehaved(
                    Refusal.OTHER_TRANSCRIPT, who, envelope.type().wireName() + " continues another transcript");
        }
        return new Read(message, hash);
    }

    private Optional<Bytes> key(String who) {
        return Optional.ofNullable(who.equals(Topics.COORDINATOR) ? coordinatorKey : members.get(who));
    }

    /// enc("sotto/1", type, federation, signer, key fingerprint, T, payload) (protocol §3).
    static Bytes signedBytes(
            MessageType type, String federation, String signer, Bytes fingerprint, Bytes transcript, Bytes part) {
        return Enc.of("sotto/1", type.wireName(), federation, signer, fingerprint, transcript, part);
    }

    /// A chunk signs enc(vector, index, H(bytes)); everything else its payload.
    static Bytes signedPart(Message message, Bytes payload) {
        return message instanceof UpdateChunk chunk ? signedPart(chunk, Enc.sha256(chunk.masked())) : payload;
    }

    private static Bytes signedPart(UpdateChunk chunk, Bytes hash) {
        return Enc.of(chunk.vector(), chunk.index(), hash);
    }
}

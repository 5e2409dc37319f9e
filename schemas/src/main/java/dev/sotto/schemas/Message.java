package dev.sotto.schemas;

import java.util.Optional;

/// What a signed message says: the payload of an [Envelope].
///
/// Every record here checks its limits when it is made; [#parse] turns a peer's bytes into one. Encoding
/// is canonical: `parse(x).encode()` equals `x`, and any other bytes are refused.
public sealed interface Message
        permits RoundOpened,
                RoundOfOtherVersion,
                KeysAdvertised,
                RosterSealed,
                SharesDealt,
                SharesRouted,
                UpdateManifest,
                UpdateChunk,
                SurvivorsSealed,
                SurvivorsConfirmed,
                UnmaskRequested,
                SharesRevealed,
                RoundClosed,
                RoundAborted,
                RoundDeclined,
                Complaint,
                ChannelOpened,
                Disputed,
                SurvivorsLifted,
                PeersApproved,
                RegistryEntry,
                ModelKeys {
    /// The name under which it is signed.
    MessageType type();

    /// The payload's bytes.
    Bytes encode();

    /// The message of that type in `payload`.
    ///
    /// @throws MalformedMessage if the bytes are not such a message within its limits; the sender is at
    ///   fault
    static Message parse(MessageType type, Bytes payload) throws MalformedMessage {
        return switch (type) {
            case ROUND_OPENED -> {
                Optional<RoundOfOtherVersion> other = RoundOfOtherVersion.in(payload);
                yield other.isPresent() ? other.get() : RoundOpened.parse(payload);
            }
            case KEYS_ADVERTISED -> KeysAdvertised.parse(payload);
            case ROSTER_SEALED -> RosterSealed.parse(payload);
            case SHARES_DEALT -> SharesDealt.parse(payload);
            case SHARES_ROUTED -> SharesRouted.parse(payload);
            case UPDATE_MANIFEST -> UpdateManifest.parse(payload);
            case UPDATE_CHUNK -> UpdateChunk.parse(payload);
            case SURVIVORS_SEALED -> SurvivorsSealed.parse(payload);
            case SURVIVORS_CONFIRMED -> SurvivorsConfirmed.parse(payload);
            case UNMASK_REQUESTED -> UnmaskRequested.parse(payload);
            case SHARES_REVEALED -> SharesRevealed.parse(payload);
            case ROUND_CLOSED -> RoundClosed.parse(payload);
            case ROUND_ABORTED -> RoundAborted.parse(payload);
            case ROUND_DECLINED -> RoundDeclined.parse(payload);
            case COMPLAINT -> Complaint.parse(payload);
            case CHANNEL_OPENED -> ChannelOpened.parse(payload);
            case DISPUTED -> Disputed.parse(payload);
            case SURVIVORS_LIFTED -> SurvivorsLifted.parse(payload);
            case PEERS_APPROVED -> PeersApproved.parse(payload);
            case REGISTRY_ENTRY -> RegistryEntry.parse(payload);
            case MODEL_KEYS -> ModelKeys.parse(payload);
        };
    }
}

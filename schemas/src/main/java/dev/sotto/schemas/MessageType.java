package dev.sotto.schemas;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/// The messages of the protocol, by the names that are signed.
public enum MessageType {
    ROUND_OPENED("RoundOpened", true),
    KEYS_ADVERTISED("KeysAdvertised", false),
    ROSTER_SEALED("RosterSealed", true),
    SHARES_DEALT("SharesDealt", false),
    SHARES_ROUTED("SharesRouted", true),
    UPDATE_MANIFEST("UpdateManifest", false),
    UPDATE_CHUNK("UpdateChunk", false),
    SURVIVORS_SEALED("SurvivorsSealed", true),
    SURVIVORS_CONFIRMED("SurvivorsConfirmed", false),
    UNMASK_REQUESTED("UnmaskRequested", true),
    SHARES_REVEALED("SharesRevealed", false),
    ROUND_CLOSED("RoundClosed", true),
    ROUND_ABORTED("RoundAborted", true),
    ROUND_DECLINED("RoundDeclined", false),
    COMPLAINT("Complaint", false),
    CHANNEL_OPENED("ChannelOpened", false),
    DISPUTED("Disputed", false),
    SURVIVORS_LIFTED("SurvivorsLifted", false),
    PEERS_APPROVED("PeersApproved", false),
    REGISTRY_ENTRY("RegistryEntry", true),
    MODEL_KEYS("ModelKeys", true);

    private static final Map<String, MessageType> BY_NAME = new HashMap<>();

    static {
        for (MessageType type : values()) {
            BY_NAME.put(type.wireName, type);
        }
    }

    private final String wireName;
    private final boolean fromCoordinator;

    MessageType(String wireName, boolean fromCoordinator) {
        this.wireName = wireName;
        this.fromCoordinator = fromCoordinator;
    }

    /// The name in envelopes and signatures.
    public String wireName() {
        return wireName;
    }

    /// Whether only the coordinator signs it; all others only members sign.
    public boolean fromCoordinator() {
        return fromCoordinator;
    }

    /// The type of that wire name.
    public static Optional<MessageType> of(String wireName) {
        return Optional.ofNullable(BY_NAME.get(wireName));
    }
}

package dev.sotto.schemas;

import java.util.List;

/// Whom a member approves; the newest one counts.
///
/// @param peers ascending
public record PeersApproved(List<Peer> peers) implements Message {
    /// An approved peer.
    ///
    /// @param organisation its id
    /// @param fingerprint  SHA-256 of its identity key
    public record Peer(String organisation, Bytes fingerprint) {
        /// Checks the limits.
        ///
        /// @throws IllegalArgumentException if a field is outside its limits
        public Peer {
            Wire.organisation(organisation, "organisation");
            Wire.size(fingerprint, Limits.HASH, "fingerprint");
        }
    }

    /// Checks the limits.
    ///
    /// @throws IllegalArgumentException if a field is outside its limits
    public PeersApproved {
        Wire.ascending(peers.stream().map(Peer::organisation).toList(), 0, Limits.MAX_FEDERATION_MEMBERS, "peers");
        peers = List.copyOf(peers);
    }

    @Override
    public MessageType type() {
        return MessageType.PEERS_APPROVED;
    }

    @Override
    public Bytes encode() {
        return Bytes.of(dev.sotto.schemas.proto.PeersApproved.newBuilder()
                .addAllPeers(peers.stream()
                        .map(peer -> dev.sotto.schemas.proto.PeersApproved.Peer.newBuilder()
                                .setOrganisation(peer.organisation())
                                .setFingerprint(Wire.wire(peer.fingerprint()))
                                .build())
                        .toList())
                .build()
                .toByteArray());
    }

    /// The message in these bytes.
    ///
    /// @throws MalformedMessage if `payload` is not such a message; the sender is at fault
    public static PeersApproved parse(Bytes payload) throws MalformedMessage {
        var wire = Wire.decode(dev.sotto.schemas.proto.PeersApproved.parser(), payload, "PeersApproved");
        return Wire.make(() -> new PeersApproved(Wire.map(
                wire.getPeersList(), peer -> new Peer(peer.getOrganisation(), Wire.bytes(peer.getFingerprint())))));
    }
}

package dev.sotto.participant.home;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.PeersApproved;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Base64;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// The organisations whose keys this one has pinned, itself included: `peers.json`.
///
/// @param pinned       by organisation
/// @param registryHead of the registry at the last approval, hexadecimal
public record Peers(SortedMap<String, Pin> pinned, String registryHead) {
    /// Checks what other code reads from it.
    ///
    /// @throws IllegalArgumentException if a field is not as it must be
    public Peers {
        var _ = message(pinned);
        var _ = Home.sized(Bytes.fromHex(registryHead), Enc.HASH, "registryHead");
    }

    /// Keys in base64.
    public record Pin(String identityKey, String deliveryKey) {
        /// Checks the sizes.
        ///
        /// @throws IllegalArgumentException if a key is not as long as it must be
        public Pin {
            var _ = Home.sized(key(identityKey), Limits.ED25519_PUBLIC_KEY, "identityKey");
            var _ = Home.sized(key(deliveryKey), Limits.XWING_PUBLIC_KEY, "deliveryKey");
        }

        /// Of raw keys.
        public static Pin of(Bytes identityKey, Bytes deliveryKey) {
            Base64.Encoder base64 = Base64.getEncoder();
            return new Pin(base64.encodeToString(identityKey.toArray()), base64.encodeToString(deliveryKey.toArray()));
        }

        /// The Ed25519 key.
        public Bytes identity() {
            return key(identityKey);
        }

        /// The X-Wing key.
        public Bytes delivery() {
            return key(deliveryKey);
        }

        private static Bytes key(String base64) {
            return Bytes.of(Base64.getDecoder().decode(base64));
        }
    }

    /// Of an organisation's home.
    public static Peers read(Home home) throws IOException, InvalidFile {
        return Files.exists(home.peers())
                ? Home.readJson(home.peers(), Peers.class)
                : new Peers(new TreeMap<>(), Bytes.zeros(Enc.HASH).hex());
    }

    /// The keys to verify with.
    public Directory directory(Membership membership) {
        Map<String, Bytes> keys = new TreeMap<>();
        Map<String, Bytes> deliveryKeys = new TreeMap<>();
        pinned.forEach((id, pin) -> {
            keys.put(id, pin.identity());
            deliveryKeys.put(id, pin.delivery());
        });
        return new Directory(membership.federation(), membership.coordinatorKey(), keys, deliveryKeys);
    }

    /// What the others are told.
    public PeersApproved message() {
        return message(pinned);
    }

    private static PeersApproved message(SortedMap<String, Pin> pinned) {
        return new PeersApproved(pinned.entrySet().stream()
                .map(entry -> new PeersApproved.Peer(
                        entry.getKey(), Enc.sha256(entry.getValue().identity())))
                .toList());
    }
}

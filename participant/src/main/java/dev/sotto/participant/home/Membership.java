package dev.sotto.participant.home;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Topics;
import java.util.Base64;

/// What enrolment gave: `federation.json`.
///
/// @param coordinatorIdentityKey Ed25519, base64; its fingerprint was in the invite
/// @param principal              this organisation's name for Kafka
/// @param publicSeed             hexadecimal: version 0 is made of it
public record Membership(
        String federation,
        String organisation,
        String principal,
        String bootstrapServers,
        String coordinatorUrl,
        String coordinatorIdentityKey,
        String publicSeed) {
    /// The coordinator's identity key.
    public Bytes coordinatorKey() {
        return Bytes.of(Base64.getDecoder().decode(coordinatorIdentityKey));
    }

    /// The federation's topics.
    public Topics topics() {
        return new Topics(federation);
    }
}

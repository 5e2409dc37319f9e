package dev.sotto.participant.home;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.Topics;
import java.net.URI;
import java.util.Base64;
import java.util.regex.Pattern;

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
    private static final Pattern SERVER = Pattern.compile("[^\\s,]+:\\d{1,5}");
    private static final int MOST_PORT = 65_535;

    /// Checks what other code reads from it.
    ///
    /// @throws IllegalArgumentException if a field is not as it must be
    public Membership {
        var _ = new Topics(federation);
        if (!Topics.isOrganisation(organisation)) {
            throw new IllegalArgumentException("organisation '" + organisation + "' is not an organisation's id");
        }
        for (String server : bootstrapServers.split(",", -1)) {
            if (!SERVER.matcher(server).matches() || port(server) < 1 || port(server) > MOST_PORT) {
                throw new IllegalArgumentException(
                        "bootstrapServers is '" + bootstrapServers + "', must be HOST:PORT[,HOST:PORT…]");
            }
        }
        URI url = URI.create(coordinatorUrl);
        if (!"https".equals(url.getScheme()) || url.getHost() == null) {
            throw new IllegalArgumentException("coordinatorUrl is '" + coordinatorUrl + "', must be https://HOST:PORT");
        }
        var _ = Home.sized(key(coordinatorIdentityKey), Limits.ED25519_PUBLIC_KEY, "coordinatorIdentityKey");
        var _ = Home.sized(Bytes.fromHex(publicSeed), Limits.SEED, "publicSeed");
    }

    private static int port(String server) {
        return Integer.parseInt(server.substring(server.lastIndexOf(':') + 1));
    }

    /// The coordinator's identity key.
    public Bytes coordinatorKey() {
        return key(coordinatorIdentityKey);
    }

    private static Bytes key(String base64) {
        return Bytes.of(Base64.getDecoder().decode(base64));
    }

    /// The federation's topics.
    public Topics topics() {
        return new Topics(federation);
    }
}

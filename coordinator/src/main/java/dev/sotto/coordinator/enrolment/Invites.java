package dev.sotto.coordinator.enrolment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Topics;
import java.io.IOException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// Invites: each for one organisation, once, for a time, for at most [#ATTEMPTS] tries. Only a token's
/// hash is kept, in a log: of an organisation's records the last one counts.
///
/// Thread-safe.
public final class Invites {
    /// Wrong tries after which an invite is void.
    public static final int ATTEMPTS = 5;

    private static final ObjectMapper JSON = new ObjectMapper();

    /// Where they are kept.
    @FunctionalInterface
    public interface Log {
        /// Returns when it is kept.
        void append(String organisation, Bytes invite);
    }

    private final Log log;
    private final Clock clock;
    private final Randomness randomness;
    private final SortedMap<String, Kept> kept = new TreeMap<>();

    /// An invite as an operator sees it.
    ///
    /// @param state `open`, `expired` or `blocked`
    public record Invite(String organisation, Instant expires, String state) {}

    /// An invite as it is kept.
    ///
    /// @param attempts wrong ones
    /// @param gone     used, or voided
    private record Kept(Bytes tokenHash, Instant expires, int attempts, boolean gone) {
        static Kept parse(Bytes value) throws MalformedMessage {
            try {
                if (!(JSON.readTree(value.toArray()) instanceof ObjectNode invite)) {
                    throw new MalformedMessage("an invite is no JSON object");
                }
                return new Kept(
                        Bytes.fromHex(invite.path("tokenHash").asText()),
                        Instant.parse(invite.path("expires").asText()),
                        invite.path("attempts").asInt(),
                        invite.path("gone").asBoolean());
            } catch (IOException | DateTimeException | IllegalArgumentException e) {
                throw new MalformedMessage("an invite is damaged: " + e.getMessage());
            }
        }

        Bytes encode() {
            return Bytes.utf8(JSON.createObjectNode()
                    .put("tokenHash", tokenHash.hex())
                    .put("expires", expires.toString())
                    .put("attempts", attempts)
                    .put("gone", gone)
                    .toString());
        }
    }

    /// None yet.
    public Invites(Log log, Clock clock, Randomness randomness) {
        this.log = log;
        this.clock = clock;
        this.randomness = randomness;
    }

    /// Takes up what the log holds, record by record in its order.
    ///
    /// @throws MalformedMessage if it is not what [Log#append] got
    public synchronized void take(String organisation, Bytes invite) throws MalformedMessage {
        kept.put(organisation, Kept.parse(invite));
    }

    /// A new token for an organisation; an earlier one becomes void.
    ///
    /// @return 32 secret bytes, which nobody keeps here
    public synchronized Bytes create(String organisation, Duration valid) {
        if (!Topics.isOrganisation(organisation)) {
            throw new IllegalArgumentException("organisation '" + organisation
                    + "' must match [a-z0-9-]{1,63} and not be coordinator, broker, admin or viewer");
        }
        Bytes token = randomness.bytes(32);
        keep(organisation, new Kept(Enc.sha256(token), clock.instant().plus(valid), 0, false));
        return token;
    }

    /// Checks a token without using it up; a wrong one counts.
    ///
    /// @return why it does not let in, or nothing
    public synchronized Optional<String> check(String organisation, Bytes token) {
        Kept invite = kept.get(organisation);
        if (invite == null || invite.gone()) {
            return Optional.of("there is no invite for organisation '" + organisation + "'");
        }
        String state = state(invite);
        if (!state.equals("open")) {
            return Optional.of("the invite for " + organisation + " is " + state + "; ask for a new one");
        }
        if (!invite.tokenHash().equals(Enc.sha256(token))) {
            keep(organisation, new Kept(invite.tokenHash(), invite.expires(), invite.attempts() + 1, false));
            return Optional.of("this is not the invite for " + organisation);
        }
        return Optional.empty();
    }

    /// Voids an organisation's invite.
    ///
    /// @return whether there was one
    public synchronized boolean remove(String organisation) {
        Kept invite = kept.get(organisation);
        if (invite == null || invite.gone()) {
            return false;
        }
        keep(organisation, new Kept(invite.tokenHash(), invite.expires(), invite.attempts(), true));
        return true;
    }

    /// All of them, by organisation.
    public synchronized List<Invite> list() {
        return kept.entrySet().stream()
                .filter(invite -> !invite.getValue().gone())
                .map(invite -> new Invite(invite.getKey(), invite.getValue().expires(), state(invite.getValue())))
                .toList();
    }

    private String state(Kept invite) {
        if (invite.attempts() >= ATTEMPTS) {
            return "blocked";
        }
        return clock.instant().isBefore(invite.expires()) ? "open" : "expired";
    }

    private void keep(String organisation, Kept invite) {
        log.append(organisation, invite.encode());
        kept.put(organisation, invite);
    }
}

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
/// hash is kept, in a log: of an organisation's records the last one counts. Whoever can write the log besides the
/// coordinator can make none: each carries a tag of the coordinator's secret. Nor can one that was used be written
/// again to be used again: it holds for one generation of the organisation.
///
/// Thread-safe.
public final class Invites {
    /// Wrong tries after which an invite is void.
    public static final int ATTEMPTS = 5;

    private static final ObjectMapper JSON = new ObjectMapper();

    /// Where they are kept.
    @FunctionalInterface
    public interface Log {
        /// Returns when it is kept, with the act by which it came to be.
        void append(String organisation, Bytes invite, Bytes act);
    }

    private final Log log;
    private final Acts acts;
    private final Binding binding;
    private final Clock clock;
    private final Randomness randomness;
    private final SortedMap<String, Kept> kept = new TreeMap<>();

    /// Ties invites to what others lack, and to the registry.
    public interface Binding {
        /// Of these bytes, as nobody can make it who does not have the coordinator's secret. 32 bytes.
        Bytes tag(Bytes invite);

        /// The last generation that the organisation had, 0 if it never enrolled.
        int generation(String organisation);
    }

    /// An invite as an operator sees it.
    ///
    /// @param state `open`, `expired` or `blocked`
    public record Invite(String organisation, Instant expires, String state) {}

    /// An invite as it is kept.
    ///
    /// @param attempts   refused ones
    /// @param generation of the organisation when it was invited: another one since says that it was used
    /// @param gone       voided
    private record Kept(Bytes tokenHash, Instant expires, int attempts, int generation, boolean gone) {
        /// What a tag is of.
        Bytes content(String organisation) {
            return Enc.of(
                    organisation, tokenHash, expires.toString(), (long) attempts, (long) generation, gone ? 1L : 0L);
        }

        Kept wrong() {
            return new Kept(tokenHash, expires, attempts + 1, generation, gone);
        }

        Kept over() {
            return new Kept(tokenHash, expires, attempts, generation, true);
        }
    }

    /// None yet.
    public Invites(Log log, Acts acts, Binding binding, Clock clock, Randomness randomness) {
        this.log = log;
        this.acts = acts;
        this.binding = binding;
        this.clock = clock;
        this.randomness = randomness;
    }

    /// Takes up what the log holds, record by record in its order.
    ///
    /// @throws MalformedMessage if it is not what [Log#append] got of a coordinator with this secret
    public synchronized void take(String organisation, Bytes invite) throws MalformedMessage {
        try {
            if (!(JSON.readTree(invite.toArray()) instanceof ObjectNode json)) {
                throw new MalformedMessage("an invite is no JSON object");
            }
            Kept read = new Kept(
                    Bytes.fromHex(json.path("tokenHash").asText()),
                    Instant.parse(json.path("expires").asText()),
                    json.path("attempts").asInt(),
                    json.path("generation").asInt(),
                    json.path("gone").asBoolean());
            if (!binding.tag(read.content(organisation))
                    .equals(Bytes.fromHex(json.path("tag").asText()))) {
                throw new MalformedMessage("an invite is not this coordinator's");
            }
            kept.put(organisation, read);
        } catch (IOException | DateTimeException | IllegalArgumentException e) {
            throw new MalformedMessage("an invite is damaged: " + e.getMessage());
        }
    }

    /// A new token for an organisation; an earlier one becomes void.
    ///
    /// @return 32 secret bytes, which nobody keeps here
    public synchronized Bytes create(String organisation, Duration valid, Acts.Actor by) {
        if (!Topics.isOrganisation(organisation)) {
            throw new IllegalArgumentException("organisation '" + organisation
                    + "' must match [a-z0-9-]{1,63} and not be coordinator, broker, admin or viewer");
        }
        Bytes token = randomness.bytes(32);
        Instant expires = clock.instant().plus(valid);
        keep(
                organisation,
                new Kept(Enc.sha256(token), expires, 0, binding.generation(organisation), false),
                by,
                "invited",
                "until " + expires);
        return token;
    }

    /// Checks a token without using it up; a wrong one counts, and so does the right one when it was used.
    ///
    /// @return why it does not let in, or nothing
    public synchronized Optional<String> check(String organisation, Bytes token) {
        Kept invite = kept.get(organisation);
        if (invite != null && wasUsed(organisation, token)) {
            if (invite.attempts() < ATTEMPTS) {
                refuse(organisation, invite, "it was used already");
            }
            return Optional.of("this invite for " + organisation + " was used already, which one can once. If that was"
                    + " not you, somebody else had it: tell the federation's operator at once");
        }
        if (invite == null || isGone(organisation, invite)) {
            return Optional.of("there is no invite for organisation '" + organisation + "'");
        }
        String state = state(invite);
        if (!state.equals("open")) {
            return Optional.of("the invite for " + organisation + " is " + state + "; ask for a new one");
        }
        if (!invite.tokenHash().equals(Enc.sha256(token))) {
            refuse(organisation, invite, "wrong token");
            return Optional.of("this is not the invite for " + organisation);
        }
        return Optional.empty();
    }

    /// Whether this token is of an invite by which the organisation has enrolled.
    synchronized boolean wasUsed(String organisation, Bytes token) {
        Kept invite = kept.get(organisation);
        return invite != null
                && isUsed(organisation, invite)
                && invite.tokenHash().equals(Enc.sha256(token));
    }

    /// The same, and it would still be open.
    synchronized boolean wasUsedInTime(String organisation, Bytes token) {
        Kept invite = kept.get(organisation);
        return invite != null && wasUsed(organisation, token) && clock.instant().isBefore(invite.expires());
    }

    private void refuse(String organisation, Kept invite, String why) {
        keep(organisation, invite.wrong(), Acts.Actor.INVITED, "invite-refused", why);
    }

    /// Voids an organisation's invite.
    ///
    /// @return whether there was one
    public synchronized boolean revoke(String organisation, Acts.Actor by, String why) {
        Kept invite = kept.get(organisation);
        if (invite == null || isGone(organisation, invite)) {
            return false;
        }
        keep(organisation, invite.over(), by, "invite-revoked", why);
        return true;
    }

    /// All of them, by organisation.
    public synchronized List<Invite> list() {
        return kept.entrySet().stream()
                .filter(invite -> !isGone(invite.getKey(), invite.getValue()))
                .map(invite -> new Invite(invite.getKey(), invite.getValue().expires(), state(invite.getValue())))
                .toList();
    }

    /// The organisation has enrolled since.
    private boolean isUsed(String organisation, Kept invite) {
        return invite.generation() != binding.generation(organisation);
    }

    private boolean isGone(String organisation, Kept invite) {
        return invite.gone() || isUsed(organisation, invite);
    }

    private String state(Kept invite) {
        if (invite.attempts() >= ATTEMPTS) {
            return "blocked";
        }
        return clock.instant().isBefore(invite.expires()) ? "open" : "expired";
    }

    private void keep(String organisation, Kept invite, Acts.Actor by, String act, String detail) {
        Bytes encoded = Bytes.utf8(JSON.createObjectNode()
                .put("tokenHash", invite.tokenHash().hex())
                .put("expires", invite.expires().toString())
                .put("attempts", invite.attempts())
                .put("generation", invite.generation())
                .put("gone", invite.gone())
                .put("tag", binding.tag(invite.content(organisation)).hex())
                .toString());
        acts.record(by, act, organisation, detail, record -> log.append(organisation, encoded, record));
        kept.put(organisation, invite);
    }
}

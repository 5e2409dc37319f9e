package dev.sotto.coordinator.enrolment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Topics;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// Invites: each for one organisation, once, for a time, for at most [#ATTEMPTS] tries. Only a token's
/// hash is kept, in a file per organisation.
///
/// Thread-safe.
public final class Invites {
    /// Wrong tries after which an invite is void.
    public static final int ATTEMPTS = 5;

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path folder;
    private final Clock clock;
    private final Randomness randomness;

    /// An invite as an operator sees it.
    ///
    /// @param state `open`, `expired` or `blocked`
    public record Invite(String organisation, Instant expires, String state) {}

    /// Keeps them in `folder`.
    public Invites(Path folder, Clock clock, Randomness randomness) {
        this.folder = folder;
        this.clock = clock;
        this.randomness = randomness;
    }

    /// A new token for an organisation; an earlier one becomes void.
    ///
    /// @return 32 secret bytes, which nobody keeps here
    public synchronized Bytes create(String organisation, Duration valid) throws IOException {
        if (!Topics.isOrganisation(organisation)) {
            throw new IllegalArgumentException("organisation '" + organisation
                    + "' must match [a-z0-9-]{1,63} and not be coordinator, broker, admin or viewer");
        }
        Bytes token = randomness.bytes(32);
        ObjectNode invite = JSON.createObjectNode()
                .put("tokenHash", Enc.sha256(token).hex())
                .put("expires", clock.instant().plus(valid).toString())
                .put("attempts", 0);
        write(organisation, invite);
        return token;
    }

    /// Checks a token without using it up; a wrong one counts.
    ///
    /// @return why it does not let in, or nothing
    public synchronized Optional<String> check(String organisation, Bytes token) throws IOException {
        if (!Topics.isOrganisation(organisation) || !Files.exists(file(organisation))) {
            return Optional.of("there is no invite for organisation '" + organisation + "'");
        }
        ObjectNode invite = read(organisation);
        String state = state(invite);
        if (!state.equals("open")) {
            return Optional.of("the invite for " + organisation + " is " + state + "; ask for a new one");
        }
        if (!Bytes.fromHex(invite.path("tokenHash").asText()).equals(Enc.sha256(token))) {
            invite.put("attempts", invite.path("attempts").asInt() + 1);
            write(organisation, invite);
            return Optional.of("this is not the invite for " + organisation);
        }
        return Optional.empty();
    }

    /// Voids an organisation's invite.
    ///
    /// @return whether there was one
    public synchronized boolean remove(String organisation) throws IOException {
        return Topics.isOrganisation(organisation) && Files.deleteIfExists(file(organisation));
    }

    /// All of them, by organisation.
    public synchronized List<Invite> list() throws IOException {
        List<Invite> invites = new ArrayList<>();
        if (!Files.isDirectory(folder)) {
            return invites;
        }
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = found.filter(file -> file.toString().endsWith(".json"))
                    .sorted()
                    .toList();
        }
        for (Path file : files) {
            String organisation = file.getFileName().toString().replace(".json", "");
            ObjectNode invite = read(organisation);
            invites.add(new Invite(
                    organisation, Instant.parse(invite.path("expires").asText()), state(invite)));
        }
        return invites;
    }

    private String state(ObjectNode invite) {
        if (invite.path("attempts").asInt() >= ATTEMPTS) {
            return "blocked";
        }
        return clock.instant().isBefore(Instant.parse(invite.path("expires").asText())) ? "open" : "expired";
    }

    private Path file(String organisation) {
        return folder.resolve(organisation + ".json");
    }

    private ObjectNode read(String organisation) throws IOException {
        Path file = file(organisation);
        try {
            if (!(JSON.readTree(Files.readString(file)) instanceof ObjectNode invite)) {
                throw new IllegalArgumentException("it is no JSON object");
            }
            var _ = Bytes.fromHex(invite.path("tokenHash").asText());
            var _ = Instant.parse(invite.path("expires").asText());
            return invite;
        } catch (JsonProcessingException | CharacterCodingException | DateTimeException | IllegalArgumentException e) {
            throw new IOException(file + " is damaged: " + e.getMessage(), e);
        }
    }

    private void write(String organisation, ObjectNode invite) throws IOException {
        Files.createDirectories(folder);
        Path fresh = folder.resolve(organisation + ".json.new");
        Files.write(fresh, JSON.writeValueAsBytes(invite));
        Files.move(fresh, file(organisation), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}

package dev.sotto.participant.enrolment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.participant.home.Failed;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Topics;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/// What an organisation gets to enrol with, over a channel that it trusts.
///
/// @param url                    of the coordinator
/// @param token                  32 bytes, good once
/// @param caFingerprint          SHA-256 of the CA's certificate
/// @param coordinatorFingerprint SHA-256 of the coordinator's identity key
public record Invite(
        URI url,
        String federation,
        String organisation,
        Bytes token,
        Bytes caFingerprint,
        Bytes coordinatorFingerprint) {
    private static final String PREFIX = "sotto1.";

    /// Reads the text form.
    ///
    /// @throws Failed if it is none, or was cut off
    public static Invite parse(String text) throws Failed {
        if (!text.startsWith(PREFIX)) {
            throw new Failed("an invite begins with " + PREFIX + "; this is none");
        }
        try {
            String json = new String(
                    Base64.getUrlDecoder()
                            .decode(text.substring(PREFIX.length()).strip()),
                    StandardCharsets.UTF_8);
            JsonNode tree = new ObjectMapper().readTree(json);
            Invite invite = new Invite(
                    URI.create(tree.path("u").asText()),
                    tree.path("f").asText(),
                    tree.path("o").asText(),
                    Bytes.of(Base64.getUrlDecoder().decode(tree.path("t").asText())),
                    Bytes.fromHex(tree.path("c").asText()),
                    Bytes.fromHex(tree.path("i").asText()));
            if (!Topics.isId(invite.federation)
                    || !Topics.isOrganisation(invite.organisation)
                    || !"https".equals(invite.url.getScheme())
                    || invite.token.size() != 32
                    || invite.caFingerprint.size() != 32
                    || invite.coordinatorFingerprint.size() != 32) {
                throw new Failed("the invite is damaged; ask for a new one");
            }
            return invite;
        } catch (IllegalArgumentException | JsonProcessingException e) {
            throw new Failed("the invite is damaged, perhaps cut off; copy all of it", e);
        }
    }

    /// Without the token.
    @Override
    public String toString() {
        return "Invite[" + organisation + " to " + federation + " at " + url + "]";
    }
}

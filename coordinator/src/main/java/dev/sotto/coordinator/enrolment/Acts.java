package dev.sotto.coordinator.enrolment;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import java.io.IOException;
import java.net.URI;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// Who did what about whom, when, and with which certificate or as whom an issuer knows: the consortium's audit
/// log, which coordinators alone read. Each record names the hash of the one before and carries a tag of the
/// coordinator's secret: whoever can write the log besides the coordinator can make none, and one that is taken
/// out is missed.
///
/// Thread-safe.
public final class Acts {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> ISSUING = Set.of("enrolled", "renewed");

    /// Who acts.
    ///
    /// @param name        common name of a certificate; `oidc:` and a name to read, of somebody who signed on; or
    ///   `invite` of whoever shows one
    /// @param certificate its serial number, hexadecimal; empty of whoever shows none
    /// @param issuer      of OpenID Connect, with whom somebody signed on; empty of everybody else
    /// @param subject     who that is there: issuer and subject are the identity, the name may change
    public record Actor(String name, String certificate, String issuer, String subject) {
        private static final int LONGEST_NAME = 128;
        /// Who has nothing but an invite.
        static final Actor INVITED = certified("invite", "");

        /// Who shows a certificate.
        public static Actor certified(String name, String certificate) {
            return new Actor(name, certificate, "", "");
        }

        /// Who signed on.
        ///
        /// @param name as the issuer tells it: people may choose it there, so what does not print is left out
        public static Actor signedOn(URI issuer, String subject, String name) {
            String shown = name.replaceAll("[^\\p{L}\\p{M}\\p{N}\\p{P}\\p{S} ]", "");
            return new Actor(
                    "oidc:"
                            + shown.codePoints()
                                    .limit(LONGEST_NAME)
                                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append),
                    "",
                    issuer.toString(),
                    subject);
        }
    }

    /// What was done.
    ///
    /// @param by      [Actor#name], and so on
    /// @param act     `invited`, `invite-revoked`, `invite-refused`, `enrolled`, `renewed`, `suspended`, `resumed`,
    ///   `revoked` or `left`
    /// @param ends    of the certificate that was issued by it; null of other acts, and of old ones
    public record Act(
            Instant at,
            String by,
            String certificate,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) String issuer,
            @JsonInclude(JsonInclude.Include.NON_EMPTY) String subject,
            String act,
            String organisation,
            String detail,

            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
            Instant ends) {
        /// What a record has beyond the first version's comes after it: older ones are read as they are.
        private Bytes content(Bytes previous) {
            List<Object> items =
                    new ArrayList<>(List.of(at.toString(), by, certificate, act, organisation, detail, previous));
            if (!issuer.isEmpty() || !subject.isEmpty()) {
                items.addAll(List.of("signed-on", issuer, subject));
            }
            if (ends != null) {
                items.addAll(List.of("ends", ends.toString()));
            }
            return Enc.of(items.toArray());
        }
    }

    /// All of them.
    ///
    /// @param whole whether none is missing among them
    public record Told(List<Act> acts, boolean whole) {
        /// Copies the list.
        public Told {
            acts = List.copyOf(acts);
        }
    }

    private final UnaryOperator<Bytes> tag;
    private final Clock clock;
    private final List<Act> acts = new ArrayList<>();
    private final Map<String, Instant> ends = new HashMap<>();
    private Bytes head = Bytes.zeros(Enc.HASH);
    private boolean whole = true;

    /// None yet.
    ///
    /// @param tag of bytes, as nobody can make it who does not have the coordinator's secret
    public Acts(UnaryOperator<Bytes> tag, Clock clock) {
        this.tag = tag;
        this.clock = clock;
    }

    /// Takes up what the log holds, record by record in its order.
    ///
    /// @throws MalformedMessage if it is not what a coordinator with this secret wrote
    public synchronized void take(Bytes encoded) throws MalformedMessage {
        try {
            if (!(JSON.readTree(encoded.toArray()) instanceof ObjectNode json)) {
                throw new MalformedMessage("an act is no JSON object");
            }
            Act read = new Act(
                    Instant.parse(json.path("at").asText()),
                    json.path("by").asText(),
                    json.path("certificate").asText(),
                    json.path("issuer").asText(),
                    json.path("subject").asText(),
                    json.path("act").asText(),
                    json.path("organisation").asText(),
                    json.path("detail").asText(),
                    json.has("ends") ? Instant.parse(json.path("ends").asText()) : null);
            Bytes previous = Bytes.fromHex(json.path("previous").asText());
            if (!tag.apply(read.content(previous))
                    .equals(Bytes.fromHex(json.path("tag").asText()))) {
                throw new MalformedMessage("an act is not this coordinator's");
            }
            whole &= previous.equals(head);
            add(read, encoded);
        } catch (IOException | DateTimeException | IllegalArgumentException e) {
            throw new MalformedMessage("an act is damaged: " + e.getMessage());
        }
    }

    /// Records an act by the write that does it.
    ///
    /// @param write writes the record with what is done, both or neither; what it throws leaves all as it was
    void record(Actor by, String act, String organisation, String detail, Consumer<Bytes> write) {
        record(by, act, organisation, detail, null, write);
    }

    /// Likewise, of an act that may issue a certificate.
    ///
    /// @param ends when that ends
    void record(
            Actor by, String act, String organisation, String detail, @Nullable Instant ends, Consumer<Bytes> write) {
        synchronized (this) {
            Act done = new Act(
                    clock.instant(),
                    by.name(),
                    by.certificate(),
                    by.issuer(),
                    by.subject(),
                    act,
                    organisation,
                    detail,
                    ends);
            ObjectNode json = JSON.createObjectNode()
                    .put("at", done.at().toString())
                    .put("by", done.by())
                    .put("certificate", done.certificate());
            if (!done.issuer().isEmpty()) {
                json.put("issuer", done.issuer()).put("subject", done.subject());
            }
            if (ends != null) {
                json.put("ends", ends.toString());
            }
            Bytes encoded = Bytes.utf8(json.put("act", done.act())
                    .put("organisation", done.organisation())
                    .put("detail", done.detail())
                    .put("previous", head.hex())
                    .put("tag", tag.apply(done.content(head)).hex())
                    .toString());
            write.accept(encoded);
            add(done, encoded);
        }
    }

    private void add(Act act, Bytes encoded) {
        acts.add(act);
        if (ISSUING.contains(act.act())) {
            if (act.ends() == null) {
                ends.remove(act.organisation());
            } else {
                ends.put(act.organisation(), act.ends());
            }
        }
        head = Enc.sha256(encoded);
    }

    /// When the certificate ends that an organisation was given last; empty if that was before ends were recorded.
    public synchronized Optional<Instant> certificateEnds(String organisation) {
        return Optional.ofNullable(ends.get(organisation));
    }

    /// What was done, the first first.
    public synchronized Told told() {
        return new Told(acts, whole);
    }
}

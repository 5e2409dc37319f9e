package dev.sotto.coordinator.enrolment;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import java.io.IOException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/// Who did what about whom, when, and with which certificate: the consortium's audit log, which coordinators alone
/// read.
/// Each record names the hash of the one before and carries a tag of the coordinator's secret: whoever can write the
/// log besides the coordinator can make none, and one that is taken out is missed.
///
/// Thread-safe.
public final class Acts {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// Who acts.
    ///
    /// @param name        common name of a certificate, or `invite` of whoever shows one
    /// @param certificate its serial number, hexadecimal; empty of whoever has none yet
    public record Actor(String name, String certificate) {
        /// Who has nothing but an invite.
        static final Actor INVITED = new Actor("invite", "");
    }

    /// What was done.
    ///
    /// @param act `invited`, `invite-revoked`, `invite-refused`, `enrolled`, `renewed`, `suspended`, `resumed`,
    ///   `revoked` or `left`
    public record Act(Instant at, String by, String certificate, String act, String organisation, String detail) {
        private Bytes content(Bytes previous) {
            return Enc.of(at.toString(), by, certificate, act, organisation, detail, previous);
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
                    json.path("act").asText(),
                    json.path("organisation").asText(),
                    json.path("detail").asText());
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
        synchronized (this) {
            Act done = new Act(clock.instant(), by.name(), by.certificate(), act, organisation, detail);
            Bytes encoded = Bytes.utf8(JSON.createObjectNode()
                    .put("at", done.at().toString())
                    .put("by", done.by())
                    .put("certificate", done.certificate())
                    .put("act", done.act())
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
        head = Enc.sha256(encoded);
    }

    /// What was done, the first first.
    public synchronized Told told() {
        return new Told(acts, whole);
    }
}

package dev.sotto.participant.audit;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.participant.audit.Finding.Outcome;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Envelope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/// All findings of an audit.
///
/// Not thread-safe.
public final class Report {
    private final Audit.Anchor anchor;
    private final List<Finding> findings = new ArrayList<>();

    /// Empty.
    public Report(Audit.Anchor anchor) {
        this.anchor = anchor;
    }

    /// Adds one.
    public void add(Finding finding) {
        findings.add(finding);
    }

    /// How many ended so.
    public long count(Outcome outcome) {
        return findings.stream().filter(finding -> finding.outcome() == outcome).count();
    }

    /// FAILED if one did, else UNCHECKED if one was, else PASSED.
    public Outcome outcome() {
        return count(Outcome.FAILED) > 0
                ? Outcome.FAILED
                : count(Outcome.UNCHECKED) > 0 ? Outcome.UNCHECKED : Outcome.PASSED;
    }

    /// As one object, without the signed messages.
    public ObjectNode json() {
        ObjectNode json = head();
        ArrayNode checks = json.putArray("checks");
        findings.forEach(finding -> put(checks.addObject(), finding));
        return json.put("outcome", name(outcome()));
    }

    /// Writes every failed check with the messages that show it. Each message is signed: whoever has the signer's key
    /// can verify it without believing this organisation.
    public void writeEvidence(Path file) throws IOException {
        ObjectNode json = head();
        ArrayNode checks = json.putArray("failed");
        for (Finding finding : findings) {
            if (finding.evidence().isPresent()) {
                Finding.Evidence evidence = finding.evidence().get();
                ObjectNode failed = checks.addObject();
                put(failed, finding);
                failed.put("blamed", evidence.who()).put("reason", evidence.reason());
                ArrayNode messages = failed.putArray("messages");
                for (Envelope envelope : evidence.messages()) {
                    messages.addObject()
                            .put("type", envelope.type().wireName())
                            .put("sender", envelope.sender())
                            .put("transcript", envelope.transcript().hex())
                            .put(
                                    "envelope",
                                    Base64.getEncoder()
                                            .encodeToString(envelope.encode().toArray()));
                }
            }
        }
        Home.writeJson(file, json);
    }

    private ObjectNode head() {
        return JsonNodeFactory.instance
                .objectNode()
                .put("federation", anchor.federation())
                .put("coordinator", Enc.sha256(anchor.coordinatorKey()).hex());
    }

    private static void put(ObjectNode json, Finding finding) {
        finding.place().ifPresent(place -> json.put("round", place.round()).put("attempt", place.attempt()));
        json.put("check", finding.check().wireName())
                .put("outcome", name(finding.outcome()))
                .put("detail", finding.detail());
    }

    private static String name(Outcome outcome) {
        return outcome.name().toLowerCase(Locale.ROOT);
    }
}

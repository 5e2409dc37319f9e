package dev.sotto.participant.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.StringJoiner;
import java.util.function.Consumer;

/// What the agent tells its operator: a line each.
///
/// Thread-safe.
public final class Events {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String LOGGER = "dev.sotto.participant.agent";

    private final PrintWriter out;
    private final Form form;
    private final Clock clock;
    private final Consumer<JsonNode> also;

    /// How a line looks, in full.
    @FunctionalInterface
    public interface Form {
        /// For people: `2026-03-01T10:00:00Z phase training round=2 attempt=1`.
        Form TEXT = (event, time) -> time.truncatedTo(ChronoUnit.SECONDS) + " " + words(event);

        /// The event itself as JSON, for programs that drive the agent.
        Form EVENT = (event, time) -> event.toString();

        /// The line.
        ///
        /// @param time of the event
        String line(ObjectNode event, Instant time);

        /// JSON with the keys of the coordinator's log, `organisation`, and those of the event.
        ///
        /// @param federation   that the agent takes part in
        /// @param organisation whose agent it is
        static Form log(String federation, String organisation) {
            return (event, time) -> JSON.createObjectNode()
                    .put("time", time.truncatedTo(ChronoUnit.MILLIS).toString())
                    .put("level", event.path("event").asText().equals("error") ? "WARN" : "INFO")
                    .put("logger", LOGGER)
                    .put("message", words(event))
                    .put("thread", Thread.currentThread().getName())
                    .put("federation", federation)
                    .put("organisation", organisation)
                    .setAll(event)
                    .toString();
        }
    }

    /// To `out`.
    ///
    /// @param also hears each event too
    public Events(PrintWriter out, Form form, Clock clock, Consumer<JsonNode> also) {
        this.out = out;
        this.form = form;
        this.clock = clock;
        this.also = also;
    }

    /// An empty event of a kind, to be filled and [#tell]ed.
    ObjectNode event(String kind) {
        return JSON.createObjectNode().put("event", kind);
    }

    /// A phase of a round.
    void phase(String phase, long round, long attempt) {
        tell(event("phase").put("phase", phase).put("round", round).put("attempt", attempt));
    }

    /// Something that is not as it should be.
    void error(String reason, String detail) {
        tell(event("error").put("reason", reason).put("detail", detail));
    }

    /// Prints it.
    synchronized void tell(ObjectNode event) {
        out.println(form.line(event, clock.instant()));
        out.flush();
        also.accept(event);
    }

    /// In one line, whatever others wrote into a detail.
    private static String words(ObjectNode event) {
        StringJoiner words = new StringJoiner(" ");
        event.properties().forEach(field -> {
            String value = field.getValue().asText().replaceAll("\\p{Cntrl}", " ");
            words.add(
                    field.getKey().equals("event") || field.getKey().equals("phase")
                            ? value
                            : field.getKey() + "=" + value);
        });
        return words.toString();
    }
}

package dev.sotto.participant.agent;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.time.Clock;
import java.time.temporal.ChronoUnit;
import java.util.StringJoiner;
import java.util.function.Consumer;

/// What the agent tells its operator: a line each, plain or JSON.
///
/// Thread-safe.
public final class Events {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintWriter out;
    private final boolean json;
    private final Clock clock;
    private final Consumer<JsonNode> also;

    /// To `out`.
    ///
    /// @param json one object a line, for programs
    /// @param also hears each event too
    public Events(PrintWriter out, boolean json, Clock clock, Consumer<JsonNode> also) {
        this.out = out;
        this.json = json;
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
        if (json) {
            out.println(event);
        } else {
            StringJoiner line = new StringJoiner(" ");
            line.add(clock.instant().truncatedTo(ChronoUnit.SECONDS).toString());
            event.properties().forEach(field -> {
                String value = field.getValue().asText();
                line.add(
                        field.getKey().equals("event") || field.getKey().equals("phase")
                                ? value
                                : field.getKey() + "=" + value);
            });
            out.println(line);
        }
        out.flush();
        also.accept(event);
    }
}

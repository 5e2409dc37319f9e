package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/// The three forms of a line.
class EventsTest {
    private final StringWriter out = new StringWriter();
    private final List<JsonNode> heard = new ArrayList<>();

    private String told(Events.Form form) {
        Events events = new Events(
                new PrintWriter(out, true),
                form,
                Clock.fixed(Instant.parse("2026-03-01T10:00:00.123456Z"), ZoneOffset.UTC),
                heard::add);
        events.phase("training", 2, 1);
        events.error("broker", "it is \"away\"\nfor long");
        return out.toString();
    }

    @Test
    void text_isALineOfWords() {
        assertThat(told(Events.Form.TEXT).lines())
                .containsExactly(
                        "2026-03-01T10:00:00Z phase training round=2 attempt=1",
                        "2026-03-01T10:00:00Z error reason=broker detail=it is \"away\" for long");
        assertThat(heard).hasSize(2);
    }

    @Test
    void event_isItself() throws Exception {
        assertThat(told(Events.Form.EVENT).lines())
                .containsExactly(heard.getFirst().toString(), heard.getLast().toString());
    }

    /// The first six are the coordinator's (LogTest there).
    @Test
    void log_hasTheCoordinatorsKeysAndThoseOfTheEvent() throws Exception {
        List<String> lines = told(Events.Form.log("north", "acme")).lines().toList();
        assertThat(lines).hasSize(2);
        JsonNode phase = new ObjectMapper().readTree(lines.getFirst());
        assertThat(phase.fieldNames())
                .toIterable()
                .containsExactly(
                        "time",
                        "level",
                        "logger",
                        "message",
                        "thread",
                        "federation",
                        "organisation",
                        "event",
                        "phase",
                        "round",
                        "attempt");
        assertThat(phase.path("time").asText()).isEqualTo("2026-03-01T10:00:00.123Z");
        assertThat(phase.path("level").asText()).isEqualTo("INFO");
        assertThat(phase.path("message").asText()).isEqualTo("phase training round=2 attempt=1");
        assertThat(phase.path("federation").asText()).isEqualTo("north");
        assertThat(phase.path("organisation").asText()).isEqualTo("acme");
        JsonNode error = new ObjectMapper().readTree(lines.getLast());
        assertThat(error.path("level").asText()).isEqualTo("WARN");
        assertThat(error.path("detail").asText()).isEqualTo("it is \"away\"\nfor long");
    }
}

package dev.sotto.sandbox.demo;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// What the organisations' agents say: the events that came since, and where each stands.
///
/// Thread-safe.
public final class Watch {
    private static final ObjectMapper JSON = new ObjectMapper();

    /// Where an organisation stands.
    ///
    /// @param round from 0
    /// @param phase its last event's
    /// @param step  of `steps` while it trains
    /// @param loss  of its last step
    /// @param up    bytes sent
    /// @param down  bytes read
    public record Place(long round, long attempt, String phase, int step, int steps, double loss, long up, long down) {
        private static final Place FIRST = new Place(-1, 0, "starting", 0, 0, Double.NaN, 0, 0);

        Place in(String next) {
            return new Place(round, attempt, next, step, steps, loss, up, down);
        }
    }

    /// One event.
    ///
    /// @param json as the agent printed it
    public record Event(String organisation, JsonNode json) {
        /// Whether it is that phase of that round.
        public boolean is(String phase, long round) {
            return json.path("event").asText().equals("phase")
                    && json.path("phase").asText().equals(phase)
                    && json.path("round").asLong() == round;
        }

        /// Its kind.
        public String kind() {
            return json.path("event").asText();
        }
    }

    private final Map<String, Place> places = new TreeMap<>();
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();

    /// A line of an agent's output.
    public synchronized void line(String organisation, String line) {
        JsonNode json;
        try {
            json = JSON.readTree(line);
        } catch (JsonProcessingException e) {
            return;
        }
        Place before = places.getOrDefault(organisation, Place.FIRST);
        Place after = switch (json.path("event").asText()) {
            case "ready" -> before.in("ready");
            case "phase" ->
                new Place(
                        json.path("round").asLong(),
                        json.path("attempt").asLong(),
                        json.path("phase").asText(),
                        0,
                        before.steps(),
                        before.loss(),
                        before.up(),
                        before.down());
            case "progress" ->
                new Place(
                        before.round(),
                        before.attempt(),
                        before.phase(),
                        json.path("step").asInt(),
                        json.path("steps").asInt(),
                        json.path("loss").asDouble(),
                        before.up(),
                        before.down());
            case "bytes" ->
                new Place(
                        before.round(),
                        before.attempt(),
                        before.phase(),
                        before.step(),
                        before.steps(),
                        before.loss(),
                        json.path("up").asLong(),
                        json.path("down").asLong());
            default -> before;
        };
        places.put(organisation, after);
        events.add(new Event(organisation, json));
    }

    /// The organisation's process is gone.
    public synchronized void gone(String organisation) {
        places.put(organisation, places.getOrDefault(organisation, Place.FIRST).in("killed"));
    }

    /// The events that nobody has taken yet; waits for one, at most that long.
    public List<Event> take(long milliseconds) throws InterruptedException {
        List<Event> taken = new ArrayList<>();
        Event first = events.poll(milliseconds, TimeUnit.MILLISECONDS);
        if (first != null) {
            taken.add(first);
            events.drainTo(taken);
        }
        return taken;
    }

    /// Everybody's place.
    public synchronized Map<String, Place> places() {
        return new TreeMap<>(places);
    }
}

package dev.sotto.bench.federation;

import dev.sotto.sandbox.failure.Failure;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/// Follows what members say, until all of them have a version.
final class Rounds {
    private final Rig rig;
    private final Duration patience;
    private final Map<String, Long> up = new TreeMap<>();
    private final List<String> errors = new ArrayList<>();
    private long before;

    /// @param patience how long may pass in which no member says anything
    @SuppressWarnings("MissingSummary")
    Rounds(Rig rig, Duration patience) {
        this.rig = rig;
        this.patience = patience;
    }

    /// What a round was.
    ///
    /// @param seconds from the moment when everybody had the version before; in the first from the first opening
    /// @param sent    bytes, by all members
    record Round(long round, double seconds, long sent) {}

    /// Waits for the end of a round: every member has verified what it made.
    Round await(long round) throws InterruptedException, Failure {
        Set<String> missing = new HashSet<>(rig.organisations());
        Set<String> told = new HashSet<>(rig.organisations());
        long sentBefore = sent();
        long last = before;
        while (!missing.isEmpty() || !told.isEmpty()) {
            Rig.Heard heard = rig.next(patience);
            if (before == 0 && heard.is("opened")) {
                before = heard.nanos();
            }
            switch (heard.event().path("event").asText()) {
                case "error" -> errors.add(heard.organisation() + ": " + heard.event());
                case "bytes" -> {
                    up.put(heard.organisation(), heard.event().path("up").asLong());
                    told.remove(heard.organisation());
                }
                default -> {}
            }
            if (heard.is("received")) {
                // Not among the survivors: what it sent is not told.
                told.remove(heard.organisation());
            }
            if ((heard.is("verified") || heard.is("received")) && heard.round() == round) {
                missing.remove(heard.organisation());
                last = heard.nanos();
            }
        }
        double seconds = (last - before) / 1e9;
        before = last;
        return new Round(round, seconds, sent() - sentBefore);
    }

    private long sent() {
        return up.values().stream().mapToLong(bytes -> bytes).sum();
    }

    /// What members said that was not as it should be.
    List<String> errors() {
        return List.copyOf(errors);
    }
}

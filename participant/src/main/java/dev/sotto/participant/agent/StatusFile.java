package dev.sotto.participant.agent;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.participant.home.Home;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Consumer;

/// Keeps `status.json` as the agent's events have it, each time as a whole. Training's steps are many: of them the
/// file is written once a second at most.
///
/// Used by one thread at a time.
public final class StatusFile implements Consumer<JsonNode> {
    private static final Duration SELDOM = Duration.ofSeconds(1);

    private final Home home;
    private final Clock clock;
    private Status status;
    private Instant written = Instant.EPOCH;

    /// Goes on from what an earlier agent left.
    public StatusFile(Home home, Clock clock) throws IOException {
        this.home = home;
        this.clock = clock;
        Status before;
        try {
            before = Status.read(home).orElse(Status.START);
        } catch (InvalidFile e) {
            // Of another version: it only tells, and begins anew.
            before = Status.START;
        }
        this.status =
                new Status(before.updated(), Status.START.doing(), before.rounds(), before.refused(), before.failed());
        write(clock.instant());
    }

    @Override
    public void accept(JsonNode event) {
        Instant now = clock.instant();
        status = status.next(event, now);
        if (event.path("event").asText().equals("progress") && now.isBefore(written.plus(SELDOM))) {
            return;
        }
        write(now);
    }

    private void write(Instant now) {
        try {
            Home.writeJson(home.status(), status);
            written = now;
        } catch (IOException e) {
            // It only tells: a round does not end for it.
        }
    }
}

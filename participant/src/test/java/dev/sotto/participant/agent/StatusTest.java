package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.participant.home.Home;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The agent's events, folded into what its operator asks for.
class StatusTest {
    private final Home home;
    private Instant now = Instant.parse("2026-03-01T10:00:00Z");
    private final Clock clock = ((InstantSource) () -> now).withZone(ZoneOffset.UTC);
    private final StringWriter out = new StringWriter();
    private Events events;

    StatusTest(@TempDir Path folder) throws Exception {
        home = new Home(folder);
        events = agent();
    }

    private Events agent() throws Exception {
        return new Events(new PrintWriter(out, true), Events.Form.EVENT, clock, new StatusFile(home, clock));
    }

    private Status read() throws Exception {
        return Status.read(home).orElseThrow();
    }

    private void ends(String phase, long round, ObjectNode event) {
        events.tell(event.put("phase", phase).put("round", round).put("attempt", 1));
    }

    @Test
    void suspension_staysUntilItIsOver_throughRoundsWithoutThisOrganisation() throws Exception {
        events.tell(events.event("ready"));
        events.error("suspended", "under review");
        ends("left-out", 4, events.event("phase").put("detail", "not in the cohort"));
        assertThat(read().doing().phase()).isEqualTo("suspended");
        assertThat(read().failed()).extracting(Status.Trouble::detail).containsExactly("under review");
        events.tell(events.event("resumed"));
        assertThat(read().doing().phase()).isEqualTo("waiting");
    }

    @Test
    void status_followsARoundFromItsOpeningToItsVersion() throws Exception {
        assertThat(read().doing().phase()).isEqualTo("starting");
        events.tell(events.event("ready"));
        assertThat(read().doing().phase()).isEqualTo("waiting");
        events.phase("opened", 3, 2);
        events.phase("training", 3, 2);
        now = now.plus(Duration.ofSeconds(7));
        events.tell(events.event("progress")
                .put("round", 3)
                .put("step", 5)
                .put("steps", 40)
                .put("loss", 1.5));
        assertThat(read().doing()).isEqualTo(new Status.Doing("training", 3, 2, "2026-03-01T10:00:00Z", 5, 40, 1.5));
        events.phase("closed", 3, 2);
        events.tell(events.event("phase")
                .put("phase", "verified")
                .put("round", 3)
                .put("attempt", 2)
                .put("version", 4)
                .put("recomputed", "sample")
                .put("meanLoss", 1.25));
        Status status = read();
        assertThat(status.doing().phase()).isEqualTo("waiting");
        assertThat(status.rounds())
                .containsExactly(new Status.Round(
                        3, 2, "verified", "2026-03-01T10:00:07Z", "version 4, mean loss 1.2500, recomputed: sample"));
        assertThat(status.refused()).isEmpty();
    }

    @Test
    void status_saysWhatWasRefusedAndWhatFailed() throws Exception {
        events.error("POLICY", "steps 4 is more than mostSteps 3");
        events.phase("declined", 1, 1);
        events.error("broker", "does not answer");
        events.error("broker", "does not answer");
        Status status = read();
        assertThat(status.doing().phase()).isEqualTo("broker");
        assertThat(status.refused())
                .containsExactly(
                        new Status.Trouble("POLICY", "steps 4 is more than mostSteps 3", "2026-03-01T10:00:00Z", 1));
        assertThat(status.failed())
                .containsExactly(new Status.Trouble("broker", "does not answer", "2026-03-01T10:00:00Z", 2));
        assertThat(status.rounds().getFirst().outcome()).isEqualTo("declined");
        assertThat(status.rounds().getFirst().detail()).isEqualTo("steps 4 is more than mostSteps 3");
        events.phase("closed", 2, 1);
        events.error("not-verified", "another result");
        assertThat(read().rounds().getFirst())
                .isEqualTo(new Status.Round(2, 1, "not-verified", "2026-03-01T10:00:00Z", "another result"));
    }

    @Test
    void roundThatWasDeclined_staysSoWhenItsVersionIsReceived() throws Exception {
        events.error("POLICY", "steps 4");
        events.phase("declined", 1, 1);
        ends("left-out", 1, events.event("phase").put("detail", "POLICY"));
        ends("received", 1, events.event("phase").put("version", 2).put("recomputed", "never"));
        assertThat(read().rounds())
                .containsExactly(new Status.Round(
                        1, 1, "declined", "2026-03-01T10:00:00Z", "steps 4; received version 2, recomputed: never"));
    }

    /// The next agent goes on from it, and what the log tells it again is there once.
    @Test
    void status_outlivesTheAgentAndIsBounded() throws Exception {
        for (int round = 0; round < 50; round++) {
            ends(
                    "aborted",
                    round,
                    events.event("phase").put("reason", "TOO_FEW").put("detail", "2 members"));
            events.error("MALFORMED", "record " + round);
        }
        events = agent();
        assertThat(read().doing().phase()).isEqualTo("starting");
        for (int round = 40; round < 50; round++) {
            ends(
                    "aborted",
                    round,
                    events.event("phase").put("reason", "TOO_FEW").put("detail", "2 members"));
        }
        Status status = read();
        assertThat(status.rounds()).hasSize(20);
        assertThat(status.rounds()).extracting(Status.Round::round).isSortedAccordingTo((one, other) ->
                (int) (other - one));
        assertThat(status.rounds().getFirst().detail()).isEqualTo("TOO_FEW: 2 members");
        assertThat(status.refused())
                .extracting(Status.Trouble::detail)
                .containsExactly("record 49", "record 48", "record 47", "record 46", "record 45");
    }

    @Test
    void file_ofAnotherVersion_isBegunAnew() throws Exception {
        Files.writeString(home.status(), "{\"something\": 1}");
        events = agent();
        assertThat(read().rounds()).isEmpty();
    }

    /// Thousands of steps are not thousands of files.
    @Test
    void progress_isWrittenOnceASecond() throws Exception {
        events.phase("training", 0, 1);
        for (int step = 1; step <= 5; step++) {
            events.tell(
                    events.event("progress").put("step", step).put("steps", 9).put("loss", 1));
        }
        assertThat(read().doing().step()).isZero();
        now = now.plus(Duration.ofSeconds(1));
        events.tell(events.event("progress").put("step", 6).put("steps", 9).put("loss", 1));
        assertThat(read().doing().step()).isEqualTo(6);
    }
}

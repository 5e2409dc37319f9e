package dev.sotto.bench.federation;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.agent.Agent;
import dev.sotto.participant.agent.Events;
import dev.sotto.participant.agent.Training;
import dev.sotto.participant.home.Home;
import dev.sotto.telemetry.RoundSpans;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Path;
import java.time.Clock;
import java.util.function.BiConsumer;

/// An organisation's real agent on a thread of this process, with [LightTraining].
final class LightMember implements AutoCloseable {
    private final String organisation;
    private final Agent agent;
    private final Thread thread;

    /// Starts it.
    ///
    /// @param heard each event of it, with its name; an event `ended` with a reason if it ends by itself
    LightMember(
            String organisation,
            Path home,
            Path base,
            Training training,
            Clock clock,
            BiConsumer<String, JsonNode> heard)
            throws IOException, InvalidFile {
        this.organisation = organisation;
        this.agent = new Agent(
                new Home(home),
                base,
                training,
                false,
                new BouncyCastlePrimitives(),
                Randomness.secure(),
                new Events(
                        new PrintWriter(Writer.nullWriter()),
                        Events.Form.EVENT,
                        clock,
                        event -> heard.accept(organisation, event)),
                RoundSpans.none(),
                clock);
        this.thread = Thread.ofPlatform().name(organisation).daemon().start(() -> {
            try {
                agent.run();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } catch (Exception e) {
                heard.accept(
                        organisation,
                        Rig.JSON.createObjectNode().put("event", "ended").put("reason", "" + e));
            }
        });
    }

    String organisation() {
        return organisation;
    }

    @Override
    public void close() {
        thread.interrupt();
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        agent.close();
    }
}

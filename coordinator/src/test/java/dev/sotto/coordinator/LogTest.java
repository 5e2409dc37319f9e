package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.bootstrap.logging.InitialConfigurator;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Level;
import org.jboss.logmanager.handlers.ConsoleHandler;
import org.junit.jupiter.api.Test;

/// A line of the log as `run --log-format json` writes it.
@QuarkusTest
@QuarkusTestResource(Https.class)
class LogTest {
    @Test
    void everyLine_isAnObjectWithTheKeysOfTheReadme() throws Exception {
        ExtLogRecord plain = new ExtLogRecord(Level.WARN, "acme: refused: \"x\"\nsecond line", LogTest.class.getName());
        plain.setLoggerName("dev.sotto.coordinator.director.RoundDirector");
        String line = console().format(plain);
        assertThat(line.strip()).doesNotContain("\n");
        JsonNode object = new ObjectMapper().readTree(line);
        assertThat(object.fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder("time", "level", "logger", "message", "thread", "federation");
        assertThat(object.path("federation").asText()).isEqualTo("north");
        assertThat(object.path("level").asText()).isEqualTo("WARN");
        assertThat(object.path("message").asText()).isEqualTo("acme: refused: \"x\"\nsecond line");

        ExtLogRecord failed = new ExtLogRecord(Level.ERROR, "it ends", LogTest.class.getName());
        failed.setThrown(new IOException("disk"));
        JsonNode exception =
                new ObjectMapper().readTree(console().format(failed)).path("exception");
        assertThat(exception.path("exceptionType").asText()).isEqualTo("java.io.IOException");
        assertThat(exception.path("message").asText()).isEqualTo("disk");
    }

    private static Formatter console() {
        return Arrays.stream(InitialConfigurator.DELAYED_HANDLER.getHandlers())
                .filter(ConsoleHandler.class::isInstance)
                .map(Handler::getFormatter)
                .findFirst()
                .orElseThrow(() -> new IllegalStateException(
                        "no console among " + List.of(InitialConfigurator.DELAYED_HANDLER.getHandlers())));
    }
}

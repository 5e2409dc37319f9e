package dev.sotto.training.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.data.Message;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The judge behind an endpoint, on a server of this machine, and its records.
class JudgeTest {
    private static final List<Message> ASKED = List.of(Message.user("Grade this."));

    /// What the server answers, in order.
    private record Answer(int status, String body, Optional<String> retryAfter) {}

    private final Deque<Answer> answers = new ArrayDeque<>();
    private final List<JsonNode> requests = new ArrayList<>();
    private final List<String> keys = new ArrayList<>();
    private final List<Duration> pauses = new ArrayList<>();
    private HttpServer server;
    private HttpJudge judge;

    @BeforeEach
    void start() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v1/chat/completions", exchange -> {
            requests.add(new ObjectMapper().readTree(exchange.getRequestBody()));
            keys.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
            Answer answer = answers.remove();
            answer.retryAfter.ifPresent(time -> exchange.getResponseHeaders().add("Retry-After", time));
            byte[] body = answer.body.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(answer.status, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        judge = new HttpJudge(
                URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/v1/"),
                "grader",
                Optional.of("secret"),
                0.2,
                2048,
                Duration.ofSeconds(20),
                3,
                pauses::add);
    }

    @AfterEach
    void stop() {
        judge.close();
        server.stop(0);
    }

    private void answer(int status, String body) {
        answers.add(new Answer(status, body, Optional.empty()));
    }

    private static String reply(String text) {
        return "{\"choices\": [{\"message\": {\"role\": \"assistant\", \"content\": \"" + text + "\"}}]}";
    }

    @Test
    void http_request_isAnOpenAiChatCompletion() throws Exception {
        answer(200, reply("Rating: [[7]]"));
        assertThat(judge.reply(ASKED)).isEqualTo("Rating: [[7]]");
        assertThat(requests.getFirst()).isEqualTo(new ObjectMapper().readTree("""
                {"model": "grader", "messages": [{"role": "user", "content": "Grade this."}], "temperature": 0.2, "max_tokens": 2048}"""));
        assertThat(keys).containsExactly("Bearer secret");
        assertThat(judge.toString()).startsWith("grader at http://127.0.0.1:").doesNotContain("secret");
    }

    @Test
    void http_busyServer_isAskedAgainAfterThePauseItSays() throws Exception {
        answers.add(new Answer(429, "slow down", Optional.of("7")));
        answer(503, "");
        answer(200, reply("ok"));
        assertThat(judge.reply(ASKED)).isEqualTo("ok");
        assertThat(pauses).containsExactly(Duration.ofSeconds(7), Duration.ofSeconds(2));
    }

    @Test
    void http_failures_sayWhatAndWhere() {
        answer(401, "no such key");
        assertThatThrownBy(() -> judge.reply(ASKED))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("/v1/chat/completions answered 401: no such key");
        answers.add(new Answer(500, "a", Optional.of("999999")));
        answer(500, "b");
        answer(500, "c");
        assertThatThrownBy(() -> judge.reply(ASKED)).hasMessageContaining("answered 500: c");
        assertThat(pauses).containsExactly(Duration.ofSeconds(60), Duration.ofSeconds(2));
        answer(200, "{\"choices\": []}");
        assertThatThrownBy(() -> judge.reply(ASKED)).hasMessageContaining("without a text at choices[0]");
        answer(200, "<html>");
        assertThatThrownBy(() -> judge.reply(ASKED)).hasMessageContaining("answered no JSON");
    }

    @Test
    void recorded_replies_areKeptAndNotAskedForAgain(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("judgments.jsonl");
        answer(200, reply("first"));
        assertThat(new RecordedJudge(file, Optional.of(judge)).reply(ASKED)).isEqualTo("first");
        RecordedJudge alone = new RecordedJudge(file, Optional.empty());
        assertThat(alone.reply(ASKED)).isEqualTo("first");
        assertThat(requests).hasSize(1);
        assertThatThrownBy(() -> alone.reply(List.of(Message.user("Another."))))
                .hasMessageContaining("judgments.jsonl has no reply to this")
                .hasMessageContaining("Another.");
        Files.writeString(file, "{\"reply\": \"x\"}\n");
        assertThatThrownBy(() -> new RecordedJudge(file, Optional.empty()))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("line 1 must have messages and a reply");
    }
}

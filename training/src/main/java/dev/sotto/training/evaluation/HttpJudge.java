package dev.sotto.training.evaluation;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.training.data.Message;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/// A model behind an OpenAI-compatible `/chat/completions`. Thread-safe; does not print its key.
///
/// 429 and 5xx answers and time-outs are tried again, a fixed number of times, after a pause that the server
/// says in `Retry-After` or that doubles from one second, never longer than the longest.
public final class HttpJudge implements Judge, AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);
    private static final int SHOWN = 300;

    private final HttpClient client;
    private final URI endpoint;
    private final String model;
    private final Optional<String> key;
    private final double temperature;
    private final int maxTokens;
    private final Duration timeout;
    private final int tries;
    private final Pause pause;

    /// How to wait: injected, so that no test does.
    @FunctionalInterface
    public interface Pause {
        /// Waits.
        void of(Duration time) throws InterruptedException;
    }

    /// A judge.
    ///
    /// @param base        of the API, with its version: `https://host/v1`
    /// @param model       as the endpoint names it
    /// @param key         sent as a bearer token
    /// @param temperature of the judge; OpenFedLLM takes 0.2
    /// @param maxTokens   of a reply; OpenFedLLM takes 2048
    /// @param timeout     of one try
    /// @param tries       at least 1
    public HttpJudge(
            URI base,
            String model,
            Optional<String> key,
            double temperature,
            int maxTokens,
            Duration timeout,
            int tries,
            Pause pause) {
        this.endpoint = URI.create(base.toString().replaceAll("/+$", "") + "/chat/completions");
        this.model = model;
        this.key = key;
        this.temperature = temperature;
        this.maxTokens = maxTokens;
        this.timeout = timeout;
        this.tries = tries;
        this.pause = pause;
        this.client = HttpClient.newBuilder().connectTimeout(timeout).build();
    }

    @Override
    public String reply(List<Message> messages) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(endpoint)
                .timeout(timeout)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body(messages)));
        key.ifPresent(token -> request.header("Authorization", "Bearer " + token));
        IOException failure = new IOException(endpoint + ": no try was made");
        for (int attempt = 1; attempt <= tries; attempt++) {
            Duration wait = Duration.ofSeconds(1L << Math.min(attempt - 1, 6));
            try {
                HttpResponse<String> response = client.send(request.build(), HttpResponse.BodyHandlers.ofString());
                if (response.statusCode() == 200) {
                    return content(response.body());
                }
                failure = new IOException(endpoint + " answered " + response.statusCode() + ": "
                        + response.body()
                                .substring(0, Math.min(SHOWN, response.body().length())));
                if (response.statusCode() != 429 && response.statusCode() < 500) {
                    throw failure;
                }
                wait = response.headers()
                        .firstValue("Retry-After")
                        .filter(seconds -> seconds.matches("\\d{1,6}"))
                        .map(seconds -> Duration.ofSeconds(Long.parseLong(seconds)))
                        .orElse(wait);
            } catch (HttpTimeoutException e) {
                failure = new IOException(endpoint + " did not answer within " + timeout, e);
            }
            if (attempt < tries) {
                pause.of(wait.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : wait);
            }
        }
        throw failure;
    }

    private String body(List<Message> messages) throws IOException {
        ObjectNode body = JSON.createObjectNode().put("model", model);
        ArrayNode list = body.putArray("messages");
        for (Message message : messages) {
            list.addObject().put("role", message.role().key()).put("content", message.content());
        }
        return JSON.writeValueAsString(body.put("temperature", temperature).put("max_tokens", maxTokens));
    }

    private String content(String body) throws IOException {
        try {
            JsonNode content = JSON.readTree(body).at("/choices/0/message/content");
            if (content.isTextual()) {
                return content.asText();
            }
        } catch (JsonProcessingException e) {
            throw new IOException(endpoint + " answered no JSON: " + e.getOriginalMessage(), e);
        }
        throw new IOException(endpoint + " answered without a text at choices[0].message.content");
    }

    /// Model and endpoint, never the key.
    @Override
    public String toString() {
        return model + " at " + endpoint;
    }

    @Override
    public void close() {
        client.close();
    }
}

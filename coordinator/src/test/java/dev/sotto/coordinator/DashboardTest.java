package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.coordinator.director.BoardScript;
import dev.sotto.coordinator.settings.Folder;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The coordinator's HTTPS as it is, TLS and all; only Kafka is not there, and the board is told what to show.
@QuarkusTest
@QuarkusTestResource(Https.class)
@Timeout(60)
class DashboardTest {
    private static final String HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

    @Inject
    Service service;

    private String url = "";
    private Folder folder = new Folder(Path.of(""));

    @BeforeEach
    void find() {
        url = service.settings().url().toString();
        folder = new Folder(service.folder());
    }

    @Test
    void page_showsWhatTheBoardHas_escaped() throws Exception {
        BoardScript script = new BoardScript(service.overview().orElseThrow().board(), Instant.now())
                .round(0, 2.5, "acme", "bank", "city")
                .opened(1, 1, "acme", "bank", "city")
                .declined("city", 1, 1, "POLICY", HOSTILE)
                .disputed("bank", HOSTILE);
        assertThat(script.now()).isNotNull();

        HttpResponse<String> answer = get(Https.client(folder, folder.viewer()), "/dashboard");
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Content-Type")).hasValue("text/html;charset=UTF-8");
        assertThat(answer.body())
                .contains("<title>north · Sotto</title>")
                .contains("Round 1, attempt 1: keys, 0 of 2 done.")
                .contains("Mean loss, round 0: 2.500.")
                .contains("<td class=\"out\"><span class=\"spoken\">declined</span></td>")
                .contains("&lt;script&gt;alert(1)&lt;/script&gt;")
                .doesNotContain("<script>alert", "<img");
        // Nothing that the policy would refuse, and nothing from elsewhere.
        assertThat(answer.body()).doesNotContain("style=", "onclick=", "http://", "https://");

        HttpResponse<Stream<String>> events = Https.client(folder, folder.viewer())
                .send(request("/dashboard/events").build(), HttpResponse.BodyHandlers.ofLines());
        assertThat(events.headers().firstValue("Content-Type").orElse("")).startsWith("text/event-stream");
        try (Stream<String> lines = events.body()) {
            assertThat(lines.takeWhile(line -> !line.isEmpty()))
                    .allMatch(line -> line.startsWith("data:"))
                    .anyMatch(line -> line.contains("Round 1, attempt 1: keys, 0 of 2 done."))
                    .anyMatch(line -> line.contains("&lt;script&gt;"))
                    .noneMatch(line -> line.contains("<script"));
        }
    }

    @Test
    void replicaThatStandsBy_saysSo_andEndsWhatItBegan() throws Exception {
        HttpResponse<Stream<String>> events = Https.client(folder, folder.viewer())
                .send(request("/dashboard/events").build(), HttpResponse.BodyHandlers.ofLines());
        ((ShownService) service).standBy(true);
        try (Stream<String> lines = events.body()) {
            assertThat(lines.filter(line -> line.contains("id=\"sentence\"")).count())
                    .as("some, and then no more")
                    .isLessThan(10);
            HttpResponse<String> page = get(Https.client(folder, folder.viewer()), "/dashboard");
            assertThat(page.statusCode()).isEqualTo(503);
            assertThat(page.body()).contains("<title>north · Sotto</title>", "stands by", "http-equiv=\"refresh\"");
            assertThat(get(Https.client(folder, folder.viewer()), "/q/metrics").body())
                    .contains("sotto_director_ready 0.0", "sotto_mean_loss NaN");
        } finally {
            ((ShownService) service).standBy(false);
        }
    }

    @Test
    void everyAnswer_forbidsWhatAPageDoesNotNeed() throws Exception {
        HttpClient viewer = Https.client(folder, folder.viewer());
        for (String path :
                List.of("/dashboard", "/dashboard/dashboard.js", "/q/metrics", "/q/health/live", "/nothing")) {
            HttpResponse<String> answer = get(viewer, path);
            assertThat(answer.headers().map())
                    .as(path)
                    .containsEntry(
                            "content-security-policy",
                            List.of(
                                    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                            + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"))
                    .containsEntry("x-content-type-options", List.of("nosniff"))
                    .containsEntry("referrer-policy", List.of("no-referrer"))
                    .containsEntry("cache-control", List.of("no-store"))
                    .containsKey("date");
        }
    }

    @Test
    void certificates_decideWhoMayAskForWhat() throws Exception {
        HttpClient anybody = Https.client(folder, null);
        HttpClient broker = Https.client(folder, folder.broker());
        HttpClient viewer = Https.client(folder, folder.viewer());
        HttpClient admin = Https.client(folder, folder.admin());
        for (String path : List.of("/", "/dashboard", "/dashboard/events", "/dashboard/dashboard.css", "/q/metrics")) {
            assertThat(status(anybody, path)).as(path).isEqualTo(403);
            assertThat(status(broker, path)).as("another member's " + path).isEqualTo(403);
        }
        for (String path : List.of("/dashboard", "/dashboard/dashboard.css", "/admin/status", "/q/metrics")) {
            assertThat(status(viewer, path)).as(path).isEqualTo(200);
            assertThat(status(admin, path)).as(path).isEqualTo(200);
        }
        for (String path : List.of(
                "/admin/acts",
                "//admin/acts",
                "/dashboard/../admin/acts",
                "/dashboard/%2e%2e/admin/acts",
                "/q/health/../../admin/acts",
                "/enrolment;/../admin/acts",
                "/q/info",
                "/nothing")) {
            assertThat(status(anybody, path)).as(path).isEqualTo(403);
            assertThat(status(viewer, path)).as(path).isEqualTo(403);
        }
        assertThat(status(admin, "/admin/status")).isEqualTo(200);
        assertThat(status(anybody, "/q/health/live")).isEqualTo(200);
        assertThat(get(viewer, "/").headers().firstValue("Location")).hasValue(url + "/dashboard");
    }

    /// An old and a new participant at one coordinator: the one that shares a version is heard, the other told why not.
    @Test
    void participant_ofAnotherProtocolVersion_isToldSo_andOneThatSharesAVersionIsHeard() throws Exception {
        for (String shared : List.of("1", "1, 2", "2,1")) {
            assertThat(enrols(shared)).as(shared).contains("\"status\":400").contains("must be a string");
        }
        for (String other : List.of("2", "0", "11", "", "one")) {
            assertThat(enrols(other))
                    .as(other)
                    .contains("PROTOCOL: you speak version " + other + " of the protocol, this coordinator version 1");
        }
        assertThat(get(Https.client(folder, null), "/q/health/live").headers().firstValue("Sotto-Protocol"))
                .hasValue("1");
    }

    private String enrols(String protocol) throws Exception {
        HttpResponse<String> answer = Https.client(folder, null)
                .send(
                        request("/enrolment")
                                .header("Content-Type", "application/json")
                                .header("Sotto-Protocol", protocol)
                                .POST(HttpRequest.BodyPublishers.ofString("{}"))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).isEqualTo(400);
        return answer.body();
    }

    /// A stolen administrator's certificate ends with the issuing CA of which it is.
    @Test
    void certificatesOfAnotherIssuingCa_areNobodys(@TempDir Path home) throws Exception {
        Folder other = new Folder(home.resolve("north"));
        Files.createDirectories(other.path().resolve("root"));
        for (Path file : List.of(folder.ca(), folder.rootKey(), folder.issuing(), folder.admin(), folder.viewer())) {
            Files.copy(
                    file,
                    other.path().resolve(folder.path().relativize(file).toString()),
                    StandardCopyOption.COPY_ATTRIBUTES);
        }
        assertThat(status(Https.client(other, other.admin()), "/admin/status")).isEqualTo(200);
        assertThat(Coordinator.commandLine()
                        .execute("rotate", "--dir", other.path().toString()))
                .isZero();
        // The coordinator runs with the first one still: to it, these are the others.
        assertThat(status(Https.client(other, other.admin()), "/admin/status")).isEqualTo(403);
        assertThat(status(Https.client(other, other.viewer()), "/dashboard")).isEqualTo(403);
        assertThat(status(Https.client(other, other.viewer()), "/q/health/live"))
                .isEqualTo(200);
    }

    @Test
    void viewer_mayOnlyRead() throws Exception {
        HttpClient viewer = Https.client(folder, folder.viewer());
        for (String method : List.of("POST", "PUT", "DELETE")) {
            HttpResponse<String> answer = viewer.send(
                    request("/dashboard")
                            .method(method, HttpRequest.BodyPublishers.ofString("{}"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(method).isEqualTo(403);
        }
        HttpResponse<String> invite = viewer.send(
                request("/admin/invites")
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString("{\"organisation\":\"mallory\"}"))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(invite.statusCode()).isEqualTo(403);
        assertThat(new ObjectMapper().readTree(invite.body()).path("detail").asText())
                .isEqualTo("needs the certificate CN=admin of this federation (admin.pem of its folder)");
    }

    /// A page elsewhere can make a browser that has the administrator's certificate send a form or plain text, no more.
    @Test
    void whatAnyPageMaySend_changesNothing() throws Exception {
        for (String type : List.of("text/plain", "application/x-www-form-urlencoded", "multipart/form-data")) {
            for (String path : List.of("/admin/invites", "/admin/members/acme/revoke")) {
                HttpResponse<String> answer = Https.client(folder, folder.admin())
                        .send(
                                request(path)
                                        .header("Content-Type", type)
                                        .POST(HttpRequest.BodyPublishers.ofString("{\"organisation\":\"mallory\"}"))
                                        .build(),
                                HttpResponse.BodyHandlers.ofString());
                assertThat(answer.statusCode()).as(type + " to " + path).isEqualTo(415);
            }
        }
        HttpResponse<String> preflight = Https.client(folder, null)
                .send(
                        request("/admin/invites")
                                .header("Origin", "https://elsewhere.example")
                                .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(preflight.statusCode()).isEqualTo(403);
    }

    private int status(HttpClient client, String path) throws Exception {
        HttpResponse<InputStream> answer =
                client.send(request(path).build(), HttpResponse.BodyHandlers.ofInputStream());
        answer.body().close();
        return answer.statusCode();
    }

    private HttpResponse<String> get(HttpClient client, String path) throws Exception {
        return client.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(url + path));
    }
}

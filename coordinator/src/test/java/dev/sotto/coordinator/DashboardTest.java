package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.coordinator.director.BoardScript;
import dev.sotto.coordinator.kafka.KafkaClients;
import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.Settings;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// The coordinator's HTTPS as it is, TLS and all; only Kafka is not there, and the board is told what to show.
@QuarkusTest
@QuarkusTestResource(DashboardTest.Federation.class)
@Timeout(60)
class DashboardTest {
    private static final String HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";

    @Inject
    Service service;

    private String url = "";
    private Folder folder = new Folder(Path.of(""));

    /// A federation's folder, made as an operator makes it.
    public static final class Federation implements QuarkusTestResourceLifecycleManager {
        private Path home = Path.of("");

        @Override
        public Map<String, String> start() {
            try {
                home = Files.createTempDirectory("dashboard");
                Path layout = Files.writeString(home.resolve("layout.json"), """
                        {"baseModelDigest":"%s","r":8,"alpha":16,"targetModules":["q_proj"],
                         "tensors":[{"name":"q_proj.lora_A.weight","shape":[8,16]}]}""".formatted("1".repeat(64)));
                int port;
                try (ServerSocket free = new ServerSocket(0)) {
                    port = free.getLocalPort();
                }
                Folder folder = new Folder(home.resolve("federation"));
                int code = Coordinator.commandLine()
                        .execute(
                                "init",
                                "--dir",
                                folder.path().toString(),
                                "--federation",
                                "north",
                                "--bootstrap",
                                "127.0.0.1:1",
                                "--url",
                                "https://127.0.0.1:" + port,
                                "--layout",
                                layout.toString());
                if (code != 0) {
                    throw new IllegalStateException("init ended with " + code);
                }
                Settings settings = Settings.read(folder.settings());
                KafkaClients kafka = new KafkaClients(settings.bootstrapServers(), folder.tls(), folder.ca());
                Map<String, String> all = new HashMap<>(RunCommand.configuration(folder, settings, kafka));
                all.put("quarkus.http.test-ssl-port", String.valueOf(port));
                return all;
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void stop() {
            try (Stream<Path> all = Files.walk(home)) {
                for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    @BeforeEach
    void find() {
        url = service.settings().url().toString();
        folder = new Folder(service.folder());
    }

    @Test
    void page_showsWhatTheBoardHas_escaped() throws Exception {
        BoardScript script = new BoardScript(service.director().board(), Instant.now())
                .round(0, 2.5, "acme", "bank", "city")
                .opened(1, 1, "acme", "bank", "city")
                .declined("city", 1, 1, "POLICY", HOSTILE)
                .disputed("bank", HOSTILE);
        assertThat(script.now()).isNotNull();

        HttpResponse<String> answer = get(client(folder.viewer()), "/dashboard");
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

        HttpResponse<Stream<String>> events =
                client(folder.viewer()).send(request("/dashboard/events").build(), HttpResponse.BodyHandlers.ofLines());
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
    void everyAnswer_forbidsWhatAPageDoesNotNeed() throws Exception {
        HttpClient viewer = client(folder.viewer());
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
                    .containsEntry("cache-control", List.of("no-store"));
        }
    }

    @Test
    void certificates_decideWhoMayAskForWhat() throws Exception {
        HttpClient anybody = client(null);
        HttpClient broker = client(folder.broker());
        HttpClient viewer = client(folder.viewer());
        HttpClient admin = client(folder.admin());
        for (String path : List.of("/", "/dashboard", "/dashboard/events", "/dashboard/dashboard.css", "/q/metrics")) {
            assertThat(status(anybody, path)).as(path).isEqualTo(403);
            assertThat(status(broker, path)).as("another member's " + path).isEqualTo(403);
        }
        for (String path : List.of("/dashboard", "/dashboard/dashboard.css", "/q/metrics")) {
            assertThat(status(viewer, path)).as(path).isEqualTo(200);
            assertThat(status(admin, path)).as(path).isEqualTo(200);
        }
        for (String path : List.of(
                "/admin/status",
                "//admin/status",
                "/dashboard/../admin/status",
                "/dashboard/%2e%2e/admin/status",
                "/q/health/../../admin/status",
                "/enrolment;/../admin/status",
                "/q/info",
                "/nothing")) {
            assertThat(status(anybody, path)).as(path).isEqualTo(403);
            assertThat(status(viewer, path)).as(path).isEqualTo(403);
        }
        assertThat(status(admin, "/admin/status")).isEqualTo(200);
        assertThat(status(anybody, "/q/health/live")).isEqualTo(200);
        assertThat(get(viewer, "/").headers().firstValue("Location")).hasValue(url + "/dashboard");
    }

    @Test
    void viewer_mayOnlyRead() throws Exception {
        HttpClient viewer = client(folder.viewer());
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
        assertThat(service.invites().list()).isEmpty();
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

    /// @param pem key and chain, or none
    private HttpClient client(@Nullable Path pem) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", certificates(folder.ca())[0]);
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        if (pem != null) {
            own.setKeyEntry(
                    "own",
                    KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(key(pem))),
                    new char[0],
                    certificates(pem));
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, new char[0]);
        SSLContext tls = SSLContext.getInstance("TLSv1.3");
        tls.init(keys.getKeyManagers(), trust.getTrustManagers(), new SecureRandom());
        return HttpClient.newBuilder().sslContext(tls).build();
    }

    private static Certificate[] certificates(Path pem) throws Exception {
        String text = Files.readString(pem);
        byte[] chain = text.substring(text.indexOf("-----BEGIN CERTIFICATE")).getBytes(StandardCharsets.US_ASCII);
        return CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(chain))
                .toArray(new Certificate[0]);
    }

    private static byte[] key(Path pem) throws IOException {
        String text = Files.readString(pem);
        String begin = "-----BEGIN PRIVATE KEY-----";
        int from = text.indexOf(begin) + begin.length();
        return Base64.getMimeDecoder().decode(text.substring(from, text.indexOf("-----END", from)));
    }
}

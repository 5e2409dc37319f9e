package dev.sotto.coordinator;

import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.Settings;
import io.quarkus.runtime.Quarkus;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import picocli.CommandLine.Command;

/// `sotto coordinator rehearse`: what `run` does until it serves, in a folder of its own that is thrown away and
/// without a broker, then the end. Java records it for its AOT cache (JEP 514); the launcher's `warm-up` asks for it.
@Command(name = "rehearse", hidden = true, description = "Start as run does, without Kafka, and end.")
final class RehearseCommand implements Callable<Integer> {
    private static final Duration RETRY = Duration.ofMillis(50);
    private static final String LAYOUT = """
            {"baseModelDigest": "%s", "mode": "lora", "r": 1, "alpha": 1.0, "targetModules": ["q_proj"],
             "tensors": [{"name": "q_proj.lora_A", "shape": [1, 8]}, {"name": "q_proj.lora_B", "shape": [8, 1]}]}
            """.formatted("0".repeat(64));

    @Override
    public Integer call() throws Exception {
        Path temporary = Files.createTempDirectory("sotto-rehearsal");
        try {
            return rehearse(temporary);
        } finally {
            try (Stream<Path> files = Files.walk(temporary)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }

    private static int rehearse(Path temporary) throws Exception {
        Path layout = Files.writeString(temporary.resolve("layout.json"), LAYOUT);
        Folder folder = new Folder(temporary.resolve("federation"));
        // No broker answers at a port that nobody listens on.
        int made = Coordinator.commandLine()
                .execute(
                        "init",
                        "--dir=" + folder.path(),
                        "--federation=rehearsal",
                        "--bootstrap=127.0.0.1:" + freePort(),
                        "--url=https://localhost:" + freePort(),
                        "--layout=" + layout);
        if (made != 0) {
            return made;
        }
        Settings settings = Settings.read(folder.settings());
        RunCommand.configuration(folder, settings, "rehearsal", RunCommand.LogFormat.text)
                .forEach(System::setProperty);
        System.setProperty("quarkus.log.level", "OFF");
        System.setProperty("quarkus.log.category.\"dev.sotto\".level", "OFF");
        System.setProperty("quarkus.log.category.\"org.apache.kafka\".level", "OFF");
        HttpClient client =
                HttpClient.newBuilder().sslContext(trusting(folder.ca())).build();
        Thread.ofPlatform().name("visitor").daemon().start(() -> visit(client, settings.url()));
        AtomicInteger exitCode = new AtomicInteger();
        Quarkus.run(Application.class, (code, failure) -> exitCode.set(failure == null ? code : 1));
        return exitCode.get();
    }

    /// Waits until it serves, looks at some pages, and ends it.
    private static void visit(HttpClient client, URI url) {
        try {
            while (!has(client, url.resolve("/q/health/live"))) {
                Thread.sleep(RETRY);
            }
            for (String page : List.of("/q/health/ready", "/dashboard", "/q/metrics")) {
                var _ = has(client, url.resolve(page));
            }
            Quarkus.asyncExit(0);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static boolean has(HttpClient client, URI page) throws InterruptedException {
        try {
            var _ = client.send(HttpRequest.newBuilder(page).build(), HttpResponse.BodyHandlers.discarding());
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static SSLContext trusting(Path ca) throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        try (InputStream pem = Files.newInputStream(ca)) {
            trusted.setCertificateEntry(
                    "ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        SSLContext tls = SSLContext.getInstance("TLSv1.3");
        tls.init(null, trust.getTrustManagers(), null);
        return tls;
    }
}

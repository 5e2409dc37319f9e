package dev.sotto.coordinator;

import dev.sotto.coordinator.settings.Folder;
import dev.sotto.coordinator.settings.Settings;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.http.HttpClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/// A federation's folder, made as an operator makes it, for the coordinator under test, which logs JSON; and clients
/// for it.
public class Https implements QuarkusTestResourceLifecycleManager {
    private Path home = Path.of("");

    @Override
    public Map<String, String> start() {
        try {
            home = Files.createTempDirectory("dashboard");
            Path layout = Files.writeString(home.resolve("layout.json"), """
                    {"baseModelDigest":"%s","r":8,"alpha":16,"targetModules":["q_proj"],
                     "tensors":[{"name":"q_proj.lora_A.weight","shape":[8,16]}]}""".formatted("1".repeat(64)));
            int port = freePort();
            Folder folder = new Folder(home.resolve("federation"));
            init(folder, "https://127.0.0.1:" + port, layout);
            configure(folder, layout);
            Settings settings = Settings.read(folder.settings());
            Map<String, String> all =
                    new HashMap<>(RunCommand.configuration(folder, settings, "only", RunCommand.LogFormat.json));
            all.put("quarkus.http.test-ssl-port", String.valueOf(port));
            return all;
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    /// What else the operator does before the start.
    ///
    /// @param layout a file of `sotto layout`
    void configure(Folder folder, Path layout) throws IOException {}

    static void init(Folder folder, String url, Path layout) {
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
                        url,
                        "--layout",
                        layout.toString());
        if (code != 0) {
            throw new IllegalStateException("init ended with " + code);
        }
    }

    static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            return free.getLocalPort();
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

    /// Of somebody who shows a certificate.
    ///
    /// @param pem key and chain, or none
    static HttpClient client(Folder folder, @Nullable Path pem) throws Exception {
        return HttpClient.newBuilder().sslContext(context(folder, pem)).build();
    }

    /// Trusts a federation's CA.
    ///
    /// @param pem key and chain of one's own, or none
    static SSLContext context(Folder folder, @Nullable Path pem) throws Exception {
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
        return tls;
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

package dev.sotto.participant.enrolment;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.participant.home.Failed;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Protocol;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.Collection;
import java.util.regex.Pattern;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/// Talks HTTPS, TLS 1.3 only, with a coordinator that it knows by its CA.
///
/// Thread-safe.
public final class CoordinatorClient {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9._~+/-]+=*");
    private static final int STANDBY = 503;
    private static final Duration BETWEEN_TRIES = Duration.ofSeconds(1);
    /// Longer than it takes another replica to begin to direct.
    private static final int MOST_TRIES = 30;

    private final URI url;
    private final SSLContext context;
    /// A header that every request has; empty if none.
    private final String authorization;

    private CoordinatorClient(URI url, SSLContext context, String authorization) {
        this.url = url;
        this.context = context;
        this.authorization = authorization;
    }

    /// For an organisation that has nothing but an invite: the server's chain must end in the CA with
    /// that fingerprint.
    public static CoordinatorClient pinned(URI url, Bytes caFingerprint) {
        try {
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(new KeyManager[0], new TrustManager[] {new Pinned(caFingerprint)}, new SecureRandom());
            return new CoordinatorClient(url, context, "");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has TLS 1.3", e);
        }
    }

    /// For the administrator, with a certificate.
    ///
    /// @param pem key and chain
    public static CoordinatorClient withCertificate(URI url, Path pem, Path ca) throws IOException, Failed {
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            KeyStore own = KeyStore.getInstance("PKCS12");
            own.load(null, null);
            own.setKeyEntry(
                    "own", key(pem), new char[0], certificates(factory, pem).toArray(new Certificate[0]));
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(own, new char[0]);
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(
                    keys.getKeyManagers(), trust(certificates(factory, ca)).getTrustManagers(), new SecureRandom());
            return new CoordinatorClient(url, context, "");
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new Failed(pem + " or " + ca + " is not PEM with a key and certificates: " + e.getMessage(), e);
        }
    }

    /// For the administrator, with an access token of the federation's OpenID Connect issuer.
    ///
    /// @param token as RFC 6750 wants a bearer token: letters, digits and `-._~+/=`
    public static CoordinatorClient withToken(URI url, String token, Path ca) throws IOException, Failed {
        if (!TOKEN.matcher(token).matches()) {
            throw new IllegalArgumentException("a token is letters, digits and -._~+/= in one line");
        }
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            SSLContext context = SSLContext.getInstance("TLSv1.3");
            context.init(new KeyManager[0], trust(certificates(factory, ca)).getTrustManagers(), new SecureRandom());
            return new CoordinatorClient(url, context, "Bearer " + token);
        } catch (GeneralSecurityException | IllegalArgumentException e) {
            throw new Failed(ca + " is not PEM with certificates: " + e.getMessage(), e);
        }
    }

    /// Sends a request. Where the coordinator has replicas, a standby that it reaches asks to be asked again: it is,
    /// each time over a new connection, which may lead to another replica, for half a minute.
    ///
    /// @param method GET, POST or DELETE
    /// @return the answer, or a missing node if it is empty
    /// @throws Failed with the coordinator's reason if it refuses, or why it cannot be reached
    public JsonNode send(String method, String path, JsonNode body) throws Failed, InterruptedException {
        HttpRequest.Builder builder = HttpRequest.newBuilder(url.resolve(path));
        if (!authorization.isEmpty()) {
            builder.header("Authorization", authorization);
        }
        HttpRequest request = builder.timeout(PATIENCE.multipliedBy(2))
                .header("Content-Type", "application/json")
                .header(Protocol.HEADER, String.valueOf(Protocol.VERSION))
                .method(
                        method,
                        body.isMissingNode()
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofString(body.toString()))
                .build();
        HttpResponse<String> answer = send(request);
        for (int tries = 1; isStandby(answer) && tries < MOST_TRIES; tries++) {
            Thread.sleep(BETWEEN_TRIES);
            answer = send(request);
        }
        requireSpoken(answer);
        JsonNode json;
        try {
            json = JSON.readTree(answer.body());
        } catch (JsonProcessingException e) {
            throw new Failed(
                    url + " answers with status " + answer.statusCode() + " and no JSON; is it a coordinator?");
        }
        if (answer.statusCode() >= 300) {
            throw new Failed("the coordinator refuses: " + json.path("detail").asText("status " + answer.statusCode()));
        }
        return json;
    }

    /// What the coordinator's clock says, to a second.
    ///
    /// @throws Failed if it cannot be reached, or does not say
    public Instant time() throws Failed, InterruptedException {
        HttpResponse<String> answer = send(HttpRequest.newBuilder(url.resolve("/q/health/live"))
                .timeout(PATIENCE)
                .build());
        requireSpoken(answer);
        String date = answer.headers().firstValue("Date").orElse("");
        try {
            return Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(date));
        } catch (DateTimeException e) {
            throw new Failed(url + " answers without the time; is it a coordinator?", e);
        }
    }

    private HttpResponse<String> send(HttpRequest request) throws Failed, InterruptedException {
        var tls = context.getDefaultSSLParameters();
        tls.setProtocols(new String[] {"TLSv1.3"});
        try (HttpClient client = HttpClient.newBuilder()
                .sslContext(context)
                .sslParameters(tls)
                .connectTimeout(PATIENCE)
                .build()) {
            return client.send(request, HttpResponse.BodyHandlers.ofString());
        } catch (IOException e) {
            throw new Failed("the coordinator at " + url + " cannot be reached: " + reason(e), e);
        }
    }

    /// A coordinator that says nothing of it speaks version 1.
    private void requireSpoken(HttpResponse<String> answer) throws Failed {
        String spoken = answer.headers().firstValue(Protocol.HEADER).orElse("1");
        if (!Protocol.isSpoken(spoken)) {
            throw new Failed("PROTOCOL: the coordinator at " + url + " speaks version " + spoken
                    + " of the protocol, this program version " + Protocol.VERSION
                    + "; install the one that the federation's operator names");
        }
    }

    private static boolean isStandby(HttpResponse<String> answer) {
        return answer.statusCode() == STANDBY
                && answer.headers().firstValue("Retry-After").isPresent();
    }

    private static String reason(IOException e) {
        Throwable deepest = e;
        while (deepest.getCause() != null) {
            deepest = deepest.getCause();
        }
        String message = deepest.getMessage();
        return message == null ? deepest.getClass().getSimpleName() : message;
    }

    private static PrivateKey key(Path pem) throws IOException, GeneralSecurityException {
        String text = Files.readString(pem, StandardCharsets.US_ASCII);
        String begin = "-----BEGIN PRIVATE KEY-----";
        int from = text.indexOf(begin);
        int to = text.indexOf("-----END PRIVATE KEY-----");
        if (from < 0 || to < from) {
            throw new IllegalArgumentException("no PKCS#8 key");
        }
        byte[] der = Base64.getMimeDecoder().decode(text.substring(from + begin.length(), to));
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    private static Collection<? extends Certificate> certificates(CertificateFactory factory, Path pem)
            throws IOException, CertificateException {
        String text = Files.readString(pem, StandardCharsets.US_ASCII);
        int from = text.indexOf("-----BEGIN CERTIFICATE-----");
        if (from < 0) {
            throw new IllegalArgumentException("no certificate");
        }
        return factory.generateCertificates(
                new ByteArrayInputStream(text.substring(from).getBytes(StandardCharsets.US_ASCII)));
    }

    private static TrustManagerFactory trust(Collection<? extends Certificate> authorities)
            throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = 0;
        for (Certificate authority : authorities) {
            store.setCertificateEntry("ca" + number++, authority);
        }
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory;
    }

    /// Trusts a chain whose last certificate has the fingerprint, and which is valid from there down. The
    /// JDK checks the host's name itself.
    private record Pinned(Bytes caFingerprint) implements X509TrustManager {
        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
            X509Certificate root = chain[chain.length - 1];
            if (!Enc.sha256(Bytes.of(root.getEncoded())).equals(caFingerprint)) {
                throw new CertificateException(
                        "its CA is not the one in the invite (fingerprint " + caFingerprint.hex() + ")");
            }
            try {
                for (var manager : trust(java.util.List.of(root)).getTrustManagers()) {
                    if (manager instanceof X509TrustManager x509) {
                        x509.checkServerTrusted(chain, type);
                    }
                }
            } catch (CertificateException e) {
                throw e;
            } catch (GeneralSecurityException | IOException e) {
                throw new CertificateException(e);
            }
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
            throw new CertificateException("this is a client");
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}

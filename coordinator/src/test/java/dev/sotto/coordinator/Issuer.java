package dev.sotto.coordinator;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;
import org.jose4j.jwk.EcJwkGenerator;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.jwk.PublicJsonWebKey;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.keys.EllipticCurves;
import org.jose4j.lang.JoseException;

/// An OpenID Connect issuer as small as it can be: metadata, keys, and the code flow with PKCE (RFC 7636), where
/// whoever comes is the person whose claims were given. It answers at 127.0.0.1 only, and can be down.
public final class Issuer implements AutoCloseable {
    /// A public client's id, and the audience of programs' tokens.
    public static final String CLIENT = "sotto";

    /// Of its URL.
    public static final String PATH = "/realms/consortium";

    private static final ObjectMapper JSON = new ObjectMapper();

    /// What the client wants to have back.
    private record Asked(String redirectUri, String challenge, String nonce) {}

    private final SSLContext tls;
    private final int port;
    private volatile HttpsServer server;
    private final PublicJsonWebKey key = key();
    private final Map<String, Asked> codes = new ConcurrentHashMap<>();
    private final AtomicReference<Map<String, Object>> person = new AtomicReference<>(Map.of());
    private volatile String secret = "";

    /// Answers.
    ///
    /// @param port to listen at, or 0 for a free one
    /// @param tls  with a certificate for 127.0.0.1
    public Issuer(int port, SSLContext tls) throws IOException {
        this.tls = tls;
        server = listen(port);
        this.port = server.getAddress().getPort();
    }

    private HttpsServer listen(int port) throws IOException {
        HttpsServer made = HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        made.setHttpsConfigurator(new HttpsConfigurator(tls));
        made.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        made.createContext("/", this::answer);
        made.start();
        return made;
    }

    /// Nobody listens until [#up].
    public void down() {
        server.stop(0);
    }

    /// It answers again, where it did.
    public void up() throws IOException {
        server = listen(port);
    }

    /// Its `iss`.
    public String url() {
        return "https://127.0.0.1:" + port + PATH;
    }

    /// Who signs on from now on: claims of the ID token beside those that every one has.
    public void person(Map<String, Object> claims) {
        person.set(claims);
    }

    /// What the client must show from now on.
    public void secret(String value) {
        secret = value;
    }

    /// A token of this issuer for the client, good for five minutes.
    ///
    /// @param changes claims to set; null to leave one out
    public String token(Map<String, Object> changes) throws JoseException {
        return sign(claims(changes), key, AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256);
    }

    /// Claims of a good token, with changes.
    public JwtClaims claims(Map<String, Object> changes) {
        JwtClaims claims = new JwtClaims();
        claims.setIssuer(url());
        claims.setAudience(CLIENT);
        claims.setIssuedAtToNow();
        claims.setExpirationTimeMinutesInTheFuture(5);
        claims.setGeneratedJwtId();
        changes.forEach((name, value) -> {
            if (value == null) {
                claims.unsetClaim(name);
            } else {
                claims.setClaim(name, value);
            }
        });
        return claims;
    }

    /// Signs, with whatever key.
    public static String sign(JwtClaims claims, PublicJsonWebKey key, String algorithm) throws JoseException {
        JsonWebSignature token = new JsonWebSignature();
        token.setPayload(claims.toJson());
        token.setKey(key.getPrivateKey());
        token.setKeyIdHeaderValue(key.getKeyId());
        token.setAlgorithmHeaderValue(algorithm);
        return token.getCompactSerialization();
    }

    /// The key by which tokens are checked.
    public PublicJsonWebKey publicKey() {
        return key;
    }

    /// Another key, of the same name.
    public static PublicJsonWebKey key() {
        try {
            PublicJsonWebKey made = EcJwkGenerator.generateJwk(EllipticCurves.P256);
            made.setKeyId("first");
            made.setUse("sig");
            made.setAlgorithm(AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256);
            return made;
        } catch (JoseException e) {
            throw new IllegalStateException("every JDK has P-256", e);
        }
    }

    private void answer(HttpExchange exchange) throws IOException {
        try (exchange) {
            String path = exchange.getRequestURI().getPath().replaceFirst("^" + PATH, "");
            switch (path) {
                case "/.well-known/openid-configuration" -> send(exchange, 200, JSON.writeValueAsString(metadata()));
                case "/keys" -> send(exchange, 200, new JsonWebKeySet(key).toJson());
                case "/authorize" ->
                    authorize(exchange, form(exchange.getRequestURI().getRawQuery()));
                case "/token" ->
                    exchange(
                            exchange,
                            form(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8)));
                case "/signed-out" -> send(exchange, 200, "{}");
                default -> send(exchange, 404, "{}");
            }
        }
    }

    private Map<String, Object> metadata() {
        return Map.of(
                "issuer", url(),
                "authorization_endpoint", url() + "/authorize",
                "token_endpoint", url() + "/token",
                "jwks_uri", url() + "/keys",
                "end_session_endpoint", url() + "/signed-out",
                "response_types_supported", List.of("code"),
                "subject_types_supported", List.of("public"),
                "id_token_signing_alg_values_supported", List.of("ES256"),
                "code_challenge_methods_supported", List.of("S256"));
    }

    private void authorize(HttpExchange exchange, Map<String, String> query) throws IOException {
        if (!CLIENT.equals(query.get("client_id"))
                || !"code".equals(query.get("response_type"))
                || !"S256".equals(query.get("code_challenge_method"))
                || !Arrays.asList(query.getOrDefault("scope", "").split(" ")).contains("openid")) {
            send(exchange, 400, JSON.writeValueAsString(query));
            return;
        }
        String code = UUID.randomUUID().toString();
        String back = query.getOrDefault("redirect_uri", "");
        codes.put(code, new Asked(back, query.getOrDefault("code_challenge", ""), query.getOrDefault("nonce", "")));
        exchange.getResponseHeaders().set("Location", back + "?code=" + code + "&state=" + query.get("state"));
        exchange.sendResponseHeaders(302, -1);
    }

    private void exchange(HttpExchange exchange, Map<String, String> form) throws IOException {
        Asked asked = codes.remove(form.getOrDefault("code", ""));
        String shown = exchange.getRequestHeaders().getFirst("Authorization");
        String wanted = secret.isEmpty()
                ? null
                : "Basic "
                        + Base64.getEncoder()
                                .encodeToString((CLIENT + ":" + secret).getBytes(StandardCharsets.US_ASCII));
        if (asked == null
                || !asked.redirectUri().equals(form.get("redirect_uri"))
                || !asked.challenge().equals(s256(form.getOrDefault("code_verifier", "")))
                || wanted != null && !wanted.equals(shown)) {
            send(exchange, 400, "{\"error\":\"invalid_grant\"}");
            return;
        }
        Map<String, Object> claims = new HashMap<>(person.get());
        claims.putIfAbsent("nonce", asked.nonce());
        try {
            send(
                    exchange,
                    200,
                    JSON.writeValueAsString(Map.of(
                            "id_token",
                            token(claims),
                            "access_token",
                            token(claims),
                            "token_type",
                            "Bearer",
                            "expires_in",
                            300)));
        } catch (JoseException e) {
            throw new IOException(e);
        }
    }

    private static String s256(String verifier) {
        try {
            return Base64.getUrlEncoder()
                    .withoutPadding()
                    .encodeToString(
                            MessageDigest.getInstance("SHA-256").digest(verifier.getBytes(StandardCharsets.US_ASCII)));
        } catch (java.security.NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    private static Map<String, String> form(String text) {
        return Arrays.stream(text.split("&"))
                .map(pair -> pair.split("=", 2))
                .filter(pair -> pair.length == 2)
                .collect(Collectors.toMap(pair -> pair[0], pair -> URLDecoder.decode(pair[1], StandardCharsets.UTF_8)));
    }

    private static void send(HttpExchange exchange, int status, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }

    @Override
    public void close() {
        server.stop(0);
    }
}

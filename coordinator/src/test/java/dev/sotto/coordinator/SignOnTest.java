package dev.sotto.coordinator;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.settings.Folder;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.net.CookieManager;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jboss.logmanager.formatters.PatternFormatter;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.keys.HmacKey;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;

/// People and programs that an OpenID Connect issuer knows, at the coordinator's HTTPS as it is.
@QuarkusTest
@QuarkusTestResource(value = HttpsWithIssuer.class, restrictToAnnotatedClass = true)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(60)
class SignOnTest {
    private static final String API = "sotto-admin-api";
    private static final Map<String, Object> ADMIN = person("alice", "sotto-admin", "else");
    private static final Map<String, Object> VIEWER = person("victor", "sotto-viewer");
    private static final Map<String, Object> NOBODY = person("nora", "else");

    private static @Nullable Issuer running;

    @Inject
    Service service;

    private String url = "";
    private Folder folder = new Folder(Path.of(""));
    private Folder issuers = folder;

    @BeforeEach
    void find() {
        url = service.settings().url().toString();
        folder = new Folder(service.folder());
        issuers = new Folder(service.folder().resolveSibling("issuer"));
    }

    @AfterAll
    static void stop() {
        if (running != null) {
            running.close();
        }
    }

    /// When first asked for, as nothing listened there when the coordinator started.
    private Issuer issuer() throws Exception {
        if (running == null) {
            running = new Issuer(
                    service.settings().oidc().orElseThrow().issuer().getPort(), Https.context(issuers, issuers.tls()));
            running.secret(HttpsWithIssuer.SECRET);
        }
        assertThat(running.url())
                .isEqualTo(service.settings().oidc().orElseThrow().issuer().toString());
        return running;
    }

    @Test
    @Order(1)
    void issuerThatIsNotThere_endsNothingElse_andIsFoundWhenItComes() throws Exception {
        HttpClient anybody = Https.client(folder, null);
        HttpResponse<String> page = get(anybody, "/dashboard");
        assertThat(page.statusCode()).isEqualTo(503);
        assertThat(detail(page)).contains("the issuer https://127.0.0.1:", "does not answer");
        assertThat(page.headers().firstValue("Retry-After"))
                .as("it is no standby")
                .isEmpty();
        assertThat(get(anybody, "/admin/status", "a.b.c").statusCode()).isEqualTo(503);
        // What needs no token does not even ask.
        assertThat(get(anybody, "/q/health/live").statusCode()).isEqualTo(200);
        assertThat(get(anybody, "/admin/status").statusCode()).isEqualTo(401);
        assertThat(get(Https.client(folder, folder.admin()), "/admin/status").statusCode())
                .isEqualTo(200);
        assertThat(get(Https.client(folder, folder.viewer()), "/dashboard").statusCode())
                .isEqualTo(200);

        String token = issuer().token(api(VIEWER));
        assertThat(get(anybody, "/admin/status", token).statusCode()).isEqualTo(200);
        assertThat(get(anybody, "/dashboard").statusCode()).isEqualTo(302);

        issuer().down();
        assertThat(get(anybody, "/admin/status", token).statusCode())
                .as("its keys are known")
                .isEqualTo(200);
        issuer().up();
    }

    @Test
    void browser_signsOnByTheCodeFlow_andFollowsTheFederation() throws Exception {
        issuer().person(VIEWER);
        HttpClient browser = browser();

        HttpResponse<String> sent = get(browser, "/dashboard");
        assertThat(sent.statusCode()).isEqualTo(302);
        assertThat(sent.headers().firstValue("Location").orElseThrow())
                .startsWith(issuer().url() + "/authorize?")
                .contains("response_type=code")
                .contains("code_challenge_method=S256")
                .contains("nonce=")
                .contains("scope=openid+profile")
                .contains("redirect_uri=" + URLEncoder.encode(url + "/dashboard", StandardCharsets.UTF_8));
        HttpResponse<String> back = browser.send(
                HttpRequest.newBuilder(URI.create(atIssuer(sent))).build(), HttpResponse.BodyHandlers.ofString());
        assertThat(back.statusCode()).isEqualTo(302);
        assertThat(back.headers().firstValue("Location")).hasValue(url + "/dashboard");
        assertThat(back.headers().allValues("Set-Cookie").stream()
                        .filter(cookie -> cookie.startsWith("q_session"))
                        .toList())
                .isNotEmpty()
                .allSatisfy(cookie -> assertThat(cookie)
                        .contains("; Path=/dashboard", "; HTTPOnly", "; Secure", "; SameSite=Lax")
                        .doesNotContain("eyJ0", "victor"));

        HttpResponse<String> page = get(browser, "/dashboard");
        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.body())
                .contains("<title>north · Sotto</title>", "href=\"/dashboard/sign-out\"")
                .doesNotContain("http://", "https://");
        assertThat(page.headers().firstValue("Content-Security-Policy").orElse(""))
                .contains("connect-src 'self'", "form-action 'none'");
        assertThat(get(browser, "/dashboard/dashboard.css").statusCode()).isEqualTo(200);
        HttpResponse<Stream<String>> events =
                browser.send(request("/dashboard/events").build(), HttpResponse.BodyHandlers.ofLines());
        try (Stream<String> lines = events.body()) {
            assertThat(lines.anyMatch(line -> line.contains("id=\"sentence\""))).isTrue();
        }
        assertThat(get(Https.client(folder, folder.viewer()), "/dashboard").body())
                .as("a certificate cannot be signed out")
                .doesNotContain("sign-out");
        assertThat(get(browser, "/").headers().firstValue("Location")).hasValue(url + "/dashboard");
    }

    @Test
    void sessionCookie_opensTheDashboardOnly_evenAnAdministrators() throws Exception {
        HttpClient browser = signedOn(ADMIN);
        assertThat(get(browser, "/dashboard").statusCode()).isEqualTo(200);
        String cookie = cookie(browser);
        HttpClient thief = Https.client(folder, null);
        for (String path : List.of("/admin/status", "/admin/acts", "/q/metrics", "/nothing")) {
            HttpResponse<String> answer =
                    thief.send(request(path).header("Cookie", cookie).build(), HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(path).isEqualTo(401);
        }
        for (String path : List.of("/admin/invites", "/dashboard/../admin/invites")) {
            HttpResponse<String> answer = thief.send(
                    request(path)
                            .header("Cookie", cookie)
                            .header("Content-Type", "application/json")
                            .POST(HttpRequest.BodyPublishers.ofString("{\"organisation\":\"mallory\"}"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(path).isEqualTo(401);
        }
        assertThat(service.acts().told().acts())
                .extracting(Acts.Act::organisation)
                .doesNotContain("mallory");
    }

    @Test
    void withoutASession_onlyThePageLeadsToTheIssuer() throws Exception {
        issuer().person(VIEWER);
        for (String path : List.of("/dashboard/events", "/dashboard/icon.svg", "/dashboard/sign-out", "/q/metrics")) {
            HttpResponse<String> answer = get(browser(), path);
            assertThat(answer.statusCode()).as(path).isEqualTo(401);
            assertThat(answer.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
            assertThat(detail(answer))
                    .contains("certificate", issuer().url(), "'sotto-admin' (everything) or 'sotto-viewer' (reading)");
        }
        for (String cookie : List.of(
                "q_session_browsers=nonsense",
                "q_session_browsers_chunk_one=x",
                "q_session_browsers_chunk_1=x",
                "q_auth_browsers=x",
                "q_session_programs=x",
                "q_session=x")) {
            HttpResponse<String> answer = Https.client(folder, null)
                    .send(request("/dashboard").header("Cookie", cookie).build(), HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(cookie).isIn(302, 401);
            assertThat(get(Https.client(folder, null), "/dashboard/events").statusCode())
                    .isEqualTo(401);
        }
    }

    @Test
    void whoComesBackWithSomethingElse_isNotSignedOn() throws Exception {
        issuer().person(VIEWER);
        for (String query : List.of("?code=made-up&state=made-up", "?error=access_denied&state=made-up", "?code=x")) {
            HttpResponse<String> answer = get(browser(), "/dashboard" + query);
            assertThat(answer.statusCode()).as(query).isIn(302, 401);
            assertThat(answer.headers().allValues("Set-Cookie")).noneMatch(cookie -> cookie.startsWith("q_session"));
        }
        // Another person's code, at a browser that is on its way itself: the state is not its own.
        String others = atIssuer(get(browser(), "/dashboard"));
        HttpClient browser = browser();
        assertThat(get(browser, "/dashboard").statusCode()).isEqualTo(302);
        HttpResponse<String> mixed =
                browser.send(HttpRequest.newBuilder(URI.create(others)).build(), HttpResponse.BodyHandlers.ofString());
        assertThat(mixed.statusCode()).isIn(302, 401);
        assertThat(mixed.headers().allValues("Set-Cookie")).noneMatch(cookie -> cookie.startsWith("q_session"));
        // An ID token that is not for this sign-on, or this client.
        for (Map<String, Object> wrong : List.<Map<String, Object>>of(
                Map.of("nonce", "another"),
                Map.of("aud", "another"),
                Map.of("iss", "https://another"),
                Map.of("exp", 1))) {
            Map<String, Object> claims = new HashMap<>(VIEWER);
            claims.putAll(wrong);
            issuer().person(claims);
            List<String> log = new CopyOnWriteArrayList<>();
            HttpResponse<String> answer = logged(log, () -> {
                HttpClient victim = browser();
                return victim.send(
                        HttpRequest.newBuilder(URI.create(atIssuer(get(victim, "/dashboard"))))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
            });
            assertThat(answer.statusCode()).as(wrong.toString()).isEqualTo(401);
            assertThat(detail(answer)).isEqualTo("signing on has failed; load /dashboard to begin again");
            // The operator reads why, and nothing about the person.
            assertThat(log).anyMatch(line -> line.startsWith("signing on has failed: "));
            assertThat(log).noneMatch(line -> line.contains("victor"));
        }
    }

    private static <T> T logged(List<String> log, Callable<T> work) throws Exception {
        Formatter formatter = new PatternFormatter("%m%e");
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                log.add(formatter.format(entry));
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        Logger root = Logger.getLogger("");
        root.addHandler(handler);
        try {
            return work.call();
        } finally {
            root.removeHandler(handler);
        }
    }

    @Test
    void issuerThatGoesAwayInBetween_isNotThePersonsFault() throws Exception {
        issuer().person(VIEWER);
        HttpClient browser = browser();
        String back = atIssuer(get(browser, "/dashboard"));
        issuer().down();
        try {
            HttpResponse<String> answer = browser.send(
                    HttpRequest.newBuilder(URI.create(back)).build(), HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).isEqualTo(503);
        } finally {
            issuer().up();
        }
        assertThat(get(signedOn(VIEWER), "/dashboard").statusCode()).isEqualTo(200);
    }

    @Test
    void events_endWithTheSession() throws Exception {
        Map<String, Object> brief = new HashMap<>(VIEWER);
        brief.put("exp", Instant.now().getEpochSecond() + 3);
        HttpClient browser = signedOn(brief);
        HttpResponse<Stream<String>> events =
                browser.send(request("/dashboard/events").build(), HttpResponse.BodyHandlers.ofLines());
        assertThat(events.statusCode()).isEqualTo(200);
        try (Stream<String> lines = events.body()) {
            assertThat(lines.filter(line -> line.contains("id=\"sentence\"")).count())
                    .as("some, and then no more")
                    .isBetween(1L, 4L);
        }
    }

    @Test
    void signOut_endsTheSession_hereAndAtTheIssuer() throws Exception {
        HttpClient browser = signedOn(VIEWER);
        HttpResponse<String> out = get(browser, "/dashboard/sign-out");
        assertThat(out.statusCode()).isEqualTo(303);
        assertThat(out.headers().firstValue("Location").orElseThrow())
                .startsWith(issuer().url() + "/signed-out?client_id=sotto&post_logout_redirect_uri=https%3A%2F%2F")
                .doesNotContain("eyJ");
        assertThat(cookie(browser)).isEmpty();
        assertThat(get(browser, "/dashboard/events").statusCode()).isEqualTo(401);
        assertThat(get(browser, "/dashboard").statusCode()).isEqualTo(302);
    }

    @Test
    void personWithoutARole_isToldSo_andMaySignOut() throws Exception {
        HttpClient browser = signedOn(NOBODY);
        HttpResponse<String> page = get(browser, "/dashboard");
        assertThat(page.statusCode()).isEqualTo(403);
        assertThat(page.headers().firstValue("Content-Type")).hasValue("application/problem+json");
        assertThat(detail(page))
                .contains("you are known as nora", "realm_access/roles has 'sotto-admin'", "/dashboard/sign-out");
        assertThat(get(browser, "/dashboard/events").statusCode()).isEqualTo(403);
        assertThat(get(browser, "/dashboard/sign-out").statusCode()).isEqualTo(303);
        HttpResponse<String> api = get(Https.client(folder, null), "/admin/status", issuer().token(api(NOBODY)));
        assertThat(api.statusCode()).isEqualTo(403);
        assertThat(detail(api))
                .contains("you are known as nora", "have no role here")
                .doesNotContain("sign-out");
    }

    @Test
    void viewer_readsWhatGoesOn_andChangesNothing() throws Exception {
        HttpClient program = Https.client(folder, null);
        String token = issuer().token(api(VIEWER));
        for (String path : List.of("/dashboard", "/dashboard/dashboard.css", "/admin/status", "/q/metrics")) {
            assertThat(get(program, path, token).statusCode()).as(path).isEqualTo(200);
        }
        for (String path : List.of("/admin/acts", "/admin/invites", "/admin/members", "/q/info", "/nothing")) {
            HttpResponse<String> answer = get(program, path, token);
            assertThat(answer.statusCode()).as(path).isEqualTo(403);
            assertThat(detail(answer)).isEqualTo("oidc:victor is a viewer here; this needs an administrator");
        }
        for (String path : List.of("/admin/invites", "/admin/members/acme/revoke", "/dashboard", "/admin/status")) {
            assertThat(post(program, path, token, "{\"organisation\":\"acme\",\"reason\":\"no\"}")
                            .statusCode())
                    .as(path)
                    .isEqualTo(403);
        }
        assertThat(get(signedOn(VIEWER), "/dashboard").statusCode()).isEqualTo(200);
    }

    @Test
    void whatAnAdministratorDoes_isInTheLogWithIssuerAndSubject() throws Exception {
        HttpClient program = Https.client(folder, null);
        Map<String, Object> claims = api(ADMIN);
        claims.put("preferred_username", "al\u202eice\nadmin");
        HttpResponse<String> invited =
                post(program, "/admin/invites", issuer().token(claims), "{\"organisation\":\"acme\"}");
        assertThat(invited.statusCode()).isEqualTo(200);
        assertThat(invited.body()).contains("\"invite\":\"sotto1.");
        assertThat(post(Https.client(folder, folder.admin()), "/admin/invites", "", "{\"organisation\":\"bank\"}")
                        .statusCode())
                .isEqualTo(200);

        JsonNode told = new ObjectMapper()
                .readTree(
                        get(program, "/admin/acts", issuer().token(api(ADMIN))).body());
        JsonNode act = last(told, "acme");
        assertThat(act.path("by").asText()).isEqualTo("oidc:aliceadmin");
        assertThat(act.path("subject").asText()).isEqualTo("id-of-alice");
        assertThat(act.path("issuer").asText()).isEqualTo(issuer().url());
        assertThat(act.path("certificate").asText()).isEmpty();
        assertThat(act.path("act").asText()).isEqualTo("invited");
        JsonNode certified = last(told, "bank");
        assertThat(certified.path("by").asText()).isEqualTo("admin");
        assertThat(certified.path("certificate").asText()).matches("[0-9a-f]+");
        assertThat(certified.has("issuer")).isFalse();
    }

    private static JsonNode last(JsonNode told, String organisation) {
        JsonNode last = told;
        for (JsonNode act : told.path("acts")) {
            if (act.path("organisation").asText().equals(organisation)) {
                last = act;
            }
        }
        return last;
    }

    @Test
    void tokenThatIsNotRight_isRefusedWithWhatIsWrong() throws Exception {
        refused("x", "signed by it");
        refused("", "needs");
        refused("eyJhbGciOiJub25lIn0.e30.", "");
        refused(issuer().token(changed("exp", Instant.now().getEpochSecond() - 60)), "no longer valid");
        refused(issuer().token(changed("exp", null)), "exp");
        refused(issuer().token(changed("nbf", Instant.now().getEpochSecond() + 600)), "Not Before");
        refused(issuer().token(changed("aud", "somebody-else")), "aud");
        refused(issuer().token(changed("aud", null)), "aud");
        refused(issuer().token(changed("aud", Issuer.CLIENT)), "aud");
        refused(issuer().token(changed("iss", "https://127.0.0.1/other")), "iss");
        refused(issuer().token(changed("iss", null)), "iss");
        refused(issuer().token(changed("sub", null)), "sub");
        refused(issuer().token(changed("sub", "al\u202eice")), "sub");
        // Somebody else's key under the issuer's key's name.
        refused(
                Issuer.sign(
                        issuer().claims(api(ADMIN)),
                        Issuer.key(),
                        AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256),
                "");
        JsonWebSignature none = new JsonWebSignature();
        none.setPayload(issuer().claims(api(ADMIN)).toJson());
        none.setAlgorithmConstraints(AlgorithmConstraints.NO_CONSTRAINTS);
        none.setAlgorithmHeaderValue(AlgorithmIdentifiers.NONE);
        none.setKeyIdHeaderValue("first");
        refused(none.getCompactSerialization(), "");
        // The issuer's public key, which everybody has, as if it were a secret (CVE-2015-9235).
        for (byte[] secret : List.of(
                issuer().publicKey().getPublicKey().getEncoded(),
                HttpsWithIssuer.SECRET.getBytes(StandardCharsets.US_ASCII))) {
            JsonWebSignature hmac = new JsonWebSignature();
            hmac.setPayload(issuer().claims(api(ADMIN)).toJson());
            hmac.setAlgorithmHeaderValue(AlgorithmIdentifiers.HMAC_SHA256);
            hmac.setKeyIdHeaderValue("first");
            hmac.setKey(new HmacKey(secret));
            refused(hmac.getCompactSerialization(), "");
        }
        // What is signed is what counts.
        String good = issuer().token(api(VIEWER));
        String payload = new String(Base64.getUrlDecoder().decode(good.split("\\.")[1]), StandardCharsets.UTF_8);
        refused(
                good.replace(
                        good.split("\\.")[1],
                        Base64.getUrlEncoder()
                                .withoutPadding()
                                .encodeToString(payload.replace("sotto-viewer", "sotto-admin")
                                        .getBytes(StandardCharsets.UTF_8))),
                "");
        HttpResponse<String> basic = Https.client(folder, null)
                .send(
                        request("/dashboard")
                                .header("Authorization", "Basic YWRtaW46YWRtaW4=")
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(basic.statusCode()).isEqualTo(401);
    }

    private void refused(String token, String why) throws Exception {
        for (String path : List.of("/admin/status", "/dashboard", "/q/metrics")) {
            HttpResponse<String> answer = get(Https.client(folder, null), path, token);
            assertThat(answer.statusCode()).as(path + " with " + token).isEqualTo(401);
            assertThat(answer.headers().firstValue("WWW-Authenticate")).hasValue("Bearer");
            assertThat(answer.headers().firstValue("Content-Type")).hasValue("application/problem+json");
            assertThat(detail(answer)).contains(why);
        }
    }

    @Test
    void certificates_areAsGoodAsBefore() throws Exception {
        HttpClient admin = Https.client(folder, folder.admin());
        assertThat(get(admin, "/admin/acts").statusCode()).isEqualTo(200);
        assertThat(get(admin, "/dashboard").statusCode()).isEqualTo(200);
        assertThat(get(admin, "/admin/acts", "whatever").statusCode())
                .as("enough by itself")
                .isEqualTo(200);
        // One that is not enough does not stand in the way of a token.
        String token = issuer().token(api(ADMIN));
        assertThat(get(Https.client(folder, folder.viewer()), "/admin/acts", token)
                        .statusCode())
                .isEqualTo(200);
        assertThat(get(Https.client(folder, folder.broker()), "/admin/acts", token)
                        .statusCode())
                .isEqualTo(200);
        assertThat(get(Https.client(folder, folder.broker()), "/admin/acts").statusCode())
                .isEqualTo(401);
        assertThat(get(Https.client(folder, folder.viewer()), "/admin/acts").statusCode())
                .isEqualTo(401);
    }

    /// The redirects, the cookie, the content policy and the live page as a browser takes them; and that a page whose
    /// session has ended signs on again by itself, as long as the issuer knows the person.
    @Test
    void page_inChromium_signsOn_followsAndSignsOnAgain() throws Exception {
        Optional<Path> chromium = Stream.of(System.getenv("PATH").split(":"))
                .flatMap(folder -> Stream.of("chromium", "chromium-browser", "google-chrome")
                        .map(name -> Path.of(folder, name)))
                .filter(Files::isExecutable)
                .findFirst();
        Assumptions.assumeTrue(chromium.isPresent(), "no chromium on the PATH");
        List<String> complaints = new ArrayList<>();
        try (Playwright playwright = Playwright.create(
                        new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
                Browser browser = playwright
                        .chromium()
                        .launch(new BrowserType.LaunchOptions()
                                .setExecutablePath(chromium.get())
                                .setArgs(List.of("--no-sandbox", "--disable-background-networking")));
                BrowserContext context =
                        browser.newContext(new Browser.NewContextOptions().setIgnoreHTTPSErrors(true))) {
            issuer().person(VIEWER);
            Page page = context.newPage();
            page.onConsoleMessage(message -> {
                if (List.of("error", "warning").contains(message.type())) {
                    complaints.add(message.text());
                }
            });
            page.onPageError(complaints::add);
            page.navigate(url + "/");
            assertThat(page.url()).isEqualTo(url + "/dashboard");
            assertThat(page.title()).isEqualTo("north · Sotto");
            page.waitForCondition(() -> follows(page));
            assertThat(page.evaluate("document.cookie"))
                    .as("no script reads the session")
                    .isEqualTo("");
            assertThat(complaints).isEmpty();

            page.locator("text=Sign out").click();
            page.waitForURL(Pattern.compile(Pattern.quote(issuer().url()) + "/signed-out\\?.*"));

            Map<String, Object> brief = new HashMap<>(VIEWER);
            brief.put("exp", Instant.now().getEpochSecond() + 4);
            issuer().person(brief);
            page.navigate(url + "/dashboard");
            issuer().person(VIEWER);
            AtomicInteger loaded = new AtomicInteger();
            page.onLoad(_ -> loaded.incrementAndGet());
            page.waitForCondition(() -> loaded.get() > 0);
            page.waitForCondition(() -> follows(page));
            assertThat(page.url()).isEqualTo(url + "/dashboard");
        }
    }

    private static boolean follows(Page page) {
        return page.locator("#connection").innerText().equals("This page follows the federation.");
    }

    private static Map<String, Object> person(String name, String... roles) {
        return Map.of(
                "sub", "id-of-" + name, "preferred_username", name, "realm_access", Map.of("roles", List.of(roles)));
    }

    /// Claims of an access token.
    private static Map<String, Object> api(Map<String, Object> person) {
        Map<String, Object> claims = new HashMap<>(person);
        claims.put("aud", List.of("another-api", API));
        return claims;
    }

    private static Map<String, Object> changed(String claim, @Nullable Object value) {
        Map<String, Object> claims = api(ADMIN);
        claims.put(claim, value);
        return claims;
    }

    /// Goes through the code flow.
    private HttpClient signedOn(Map<String, Object> person) throws Exception {
        issuer().person(person);
        HttpClient browser = browser();
        HttpResponse<String> back = browser.send(
                HttpRequest.newBuilder(URI.create(atIssuer(get(browser, "/dashboard"))))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(back.statusCode()).isEqualTo(302);
        return browser;
    }

    /// Follows a redirect to the issuer, which knows the person at once.
    ///
    /// @return where it sends the browser back to
    private String atIssuer(HttpResponse<String> sent) throws Exception {
        HttpResponse<String> answer = Https.client(issuers, null)
                .send(
                        HttpRequest.newBuilder(URI.create(
                                        sent.headers().firstValue("Location").orElseThrow()))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(302);
        return answer.headers().firstValue("Location").orElseThrow();
    }

    private HttpClient browser() throws Exception {
        return HttpClient.newBuilder()
                .sslContext(Https.context(folder, null))
                .cookieHandler(new CookieManager())
                .build();
    }

    /// What the browser sends to the dashboard.
    private static String cookie(HttpClient browser) {
        StringBuilder all = new StringBuilder();
        ((CookieManager) browser.cookieHandler().orElseThrow())
                .getCookieStore()
                .getCookies()
                .forEach(cookie -> {
                    if (cookie.getName().startsWith("q_session")) {
                        all.append(all.isEmpty() ? "" : "; ")
                                .append(cookie.getName())
                                .append('=')
                                .append(cookie.getValue());
                    }
                });
        return all.toString();
    }

    private static String detail(HttpResponse<String> answer) throws Exception {
        return new ObjectMapper().readTree(answer.body()).path("detail").asText();
    }

    private HttpResponse<String> get(HttpClient client, String path) throws Exception {
        return client.send(request(path).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> get(HttpClient client, String path, String token) throws Exception {
        return client.send(
                request(path).header("Authorization", "Bearer " + token).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpResponse<String> post(HttpClient client, String path, String token, String json) throws Exception {
        HttpRequest.Builder request = request(path).header("Content-Type", "application/json");
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        return client.send(
                request.POST(HttpRequest.BodyPublishers.ofString(json)).build(), HttpResponse.BodyHandlers.ofString());
    }

    private HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(URI.create(url + path));
    }
}

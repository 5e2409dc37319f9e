package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.deque.html.axecore.results.Rule;
import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ClientCertificate;
import com.microsoft.playwright.options.ColorScheme;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import java.io.File;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// The coordinator's page in a real Chromium, while a federation of real processes goes through its rounds. The
/// pictures of docs/dashboard.md are this test's, from `sandbox/target/dashboard`.
@Timeout(600)
class DashboardIT {
    private static final List<String> PHASES =
            List.of("keys", "shares", "training", "confirmation", "reveal", "the sum is unmasked");
    private static final Pattern ROUND = Pattern.compile("Round (\\d+), attempt 1: ([a-z]+(?: sum is unmasked)?).*");
    private static final List<String> ACCESSIBLE = List.of("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa");
    private static final int DESKTOP = 1100;
    private static final int PHONE = 360;
    private static final int NARROWEST = 320;
    private static final int HEIGHT = 820;
    private static final Duration PATIENCE = Duration.ofMinutes(5);

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    private final List<String> complaints = new ArrayList<>();
    private final List<String> foreign = new ArrayList<>();

    @Test
    void federation_isFollowedInABrowser_livelyAndAlone() throws Exception {
        Optional<Path> chromium = chromium();
        if (chromium.isEmpty()) {
            System.out.println("sotto: the dashboard is not tested in a browser: no chromium on the PATH");
        }
        Assumptions.assumeTrue(chromium.isPresent(), "no chromium on the PATH");

        DemoPlan plan = plan();
        try (Supervisor supervisor = new Supervisor(
                        Jvm.ofThisProcess(Artefacts.ofThisBuild().leash()),
                        plan.output().resolve("logs"));
                BrokerHost broker = Brokers.broker(supervisor, plan.output().resolve("broker"), List.of());
                ExecutorService thread = Executors.newSingleThreadExecutor()) {
            Demo demo = new Demo(
                    plan,
                    Artefacts.ofThisBuild(),
                    supervisor,
                    broker,
                    new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now));
            CompletableFuture<Federation> enrolled = new CompletableFuture<>();
            Future<Demo.Outcome> federated = thread.submit(() -> {
                try {
                    return demo.federate(
                            federation -> {
                                Path policy = federation.home("bank").resolve("policy.yaml");
                                Files.writeString(
                                        policy, Files.readString(policy).replace("mostSteps: 10000", "mostSteps: 3"));
                                enrolled.complete(federation);
                            },
                            (event, federation) -> {});
                } catch (Exception e) {
                    enrolled.completeExceptionally(e);
                    throw e;
                }
            });
            Federation federation = enrolled.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            try (Playwright playwright = Playwright.create(
                            new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
                    Browser browser = browser(playwright, chromium.orElseThrow());
                    BrowserContext context = context(browser, federation)) {
                Page page = open(context, federation);
                wait(page, "Round 0, attempt 1");
                keyboard_reachesTheLinks_andLiveUpdatesLeaveTheFocus(page);
                pictures_withOneLeftOut(page);
                wait(page, "Finished: all 3 rounds are closed.");
                page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(ColorScheme.DARK));
                page.setViewportSize(DESKTOP, HEIGHT);
                page.locator("#rounds").screenshot(new Locator.ScreenshotOptions().setPath(picture("closed-dark")));
                page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(ColorScheme.LIGHT));
                page.screenshot(new Page.ScreenshotOptions()
                        .setPath(picture("finished-light"))
                        .setFullPage(true));
                accessible(page, "finished");
                phasesAdvanced(page);
                assertThat(page.locator("#rounds tbody tr").count()).isEqualTo(3);
                assertThat(page.locator("#rounds").innerText())
                        .contains("bank in keys: POLICY", "Survivors confirmed by 3 of 3", "Not disputed");
                assertThat(page.locator("#events").innerText()).contains("mostSteps 3");
                assertThat(page.locator("#members tbody tr").count()).isEqualTo(4);
                assertThat(page.locator("#members").innerText().replace('\u00a0', ' '))
                        .contains("in 396 days");
                assertThat(federated
                                .get(PATIENCE.toSeconds(), TimeUnit.SECONDS)
                                .status()
                                .path("finished")
                                .asBoolean())
                        .isTrue();
            } finally {
                federated.cancel(true);
            }
        }
        assertThat(complaints).as("what the browser complained of").isEmpty();
        assertThat(foreign).as("requests to elsewhere").isEmpty();
    }

    private static Browser browser(Playwright playwright, Path chromium) {
        return playwright
                .chromium()
                .launch(new BrowserType.LaunchOptions()
                        .setExecutablePath(chromium)
                        .setHeadless(true)
                        .setArgs(List.of("--no-sandbox", "--disable-background-networking")));
    }

    private static BrowserContext context(Browser browser, Federation federation) {
        Path viewer = federation.folder().resolve("viewer.pem");
        return browser.newContext(new Browser.NewContextOptions()
                .setIgnoreHTTPSErrors(true)
                .setViewportSize(DESKTOP, HEIGHT)
                .setColorScheme(ColorScheme.LIGHT)
                .setClientCertificates(List.of(new ClientCertificate(federation.url())
                        .setCertPath(viewer)
                        .setKeyPath(viewer))));
    }

    private Page open(BrowserContext context, Federation federation) {
        Page page = context.newPage();
        page.onConsoleMessage(message -> {
            if (List.of("error", "warning").contains(message.type())) {
                complaints.add(message.text());
            }
        });
        page.onPageError(complaints::add);
        page.onRequest(request -> {
            if (!request.url().startsWith(federation.url() + "/")) {
                foreign.add(request.url());
            }
        });
        page.navigate(federation.url() + "/");
        assertThat(page.url()).isEqualTo(federation.url() + "/dashboard");
        assertThat(page.title()).isEqualTo("demo · Sotto");
        // Kept for as long as the page is not loaded again.
        page.evaluate("""
                () => {
                  window.sentences = [];
                  const note = () => {
                    const now = document.getElementById("sentence").textContent;
                    if (window.sentences.at(-1) !== now) window.sentences.push(now);
                  };
                  note();
                  new MutationObserver(note).observe(
                      document.getElementById("main"), {subtree: true, childList: true, characterData: true});
                }""");
        return page;
    }

    private static void keyboard_reachesTheLinks_andLiveUpdatesLeaveTheFocus(Page page) {
        List<String> order = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            page.keyboard().press("Tab");
            order.add(focused(page));
        }
        assertThat(order).containsExactly("Skip to the content", "Round", "Curves", "Closed", "Trouble", "Members");
        String before = page.locator("#main").textContent();
        page.waitForCondition(() -> !page.locator("#main").textContent().equals(before));
        assertThat(focused(page)).as("after an update").isEqualTo("Members");
        page.keyboard().press("Shift+Tab");
        assertThat(focused(page)).isEqualTo("Trouble");
        page.locator(".skip").focus();
        assertThat(Objects.requireNonNull(page.locator(".skip").boundingBox()).x)
                .as("seen")
                .isNotNegative();
        page.keyboard().press("Enter");
        assertThat(page.evaluate("() => document.activeElement.id")).isEqualTo("main");
    }

    private static String focused(Page page) {
        return (String) page.evaluate("() => document.activeElement.textContent");
    }

    /// While the others train, in the third round: the bank has declined, and there are curves.
    private void pictures_withOneLeftOut(Page page) throws Exception {
        wait(page, "Round 2, attempt 1: training");
        assertThat(page.locator("#round td.out").count()).isOne();
        shoot(page, "round-light", DESKTOP, ColorScheme.LIGHT);
        shoot(page, "phone-dark", PHONE, ColorScheme.DARK);
        shoot(page, "phone-light", PHONE, ColorScheme.LIGHT);
        shoot(page, "round-dark", DESKTOP, ColorScheme.DARK);
        for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
            page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
            for (int width : List.of(DESKTOP, PHONE, NARROWEST)) {
                page.setViewportSize(width, HEIGHT);
                assertThat((Integer) page.evaluate("() => document.documentElement.scrollWidth"))
                        .as("no scrolling sideways at " + width)
                        .isLessThanOrEqualTo(width);
            }
            page.setViewportSize(scheme == ColorScheme.DARK ? PHONE : DESKTOP, HEIGHT);
            accessible(page, scheme + " " + page.viewportSize().width);
        }
    }

    private static void accessible(Page page, String where) {
        List<String> violations = new ArrayList<>();
        for (Rule rule : new AxeBuilder(page)
                .withTags(ACCESSIBLE)
                .setLegacyMode(true)
                .analyze()
                .getViolations()) {
            rule.getNodes().forEach(node -> violations.add(rule.getHelp() + ": " + node.getHtml()));
        }
        assertThat(violations).as("axe, " + where).isEmpty();
    }

    /// In the order in which they are, each once; and the page was never loaded again.
    private static void phasesAdvanced(Page page) {
        List<Integer> seen = new ArrayList<>();
        for (Object sentence : (List<?>) page.evaluate("() => window.sentences")) {
            Matcher round = ROUND.matcher(String.valueOf(sentence));
            if (round.matches()) {
                seen.add(PHASES.size() * Integer.parseInt(round.group(1)) + PHASES.indexOf(round.group(2)));
            }
        }
        assertThat(seen).isSorted();
        assertThat(seen.stream().distinct().count())
                .as("phases that were shown")
                .isGreaterThanOrEqualTo(6);
        assertThat(seen).contains(2, PHASES.size() + 2, 2 * PHASES.size() + 2);
    }

    private static void wait(Page page, String sentence) {
        page.waitForCondition(
                () -> page.locator("#sentence").textContent().startsWith(sentence),
                new Page.WaitForConditionOptions().setTimeout((double) PATIENCE.toMillis()));
    }

    private static void shoot(Page page, String name, int width, ColorScheme scheme) throws Exception {
        page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
        page.setViewportSize(width, HEIGHT);
        page.evaluate("() => window.scrollTo(0, 0)");
        page.screenshot(new Page.ScreenshotOptions().setPath(picture(name)));
    }

    private static Path picture(String name) throws Exception {
        Path pictures = Artefacts.ofThisBuild().root().resolve("sandbox/target/dashboard");
        return Files.createDirectories(pictures).resolve(name + ".png");
    }

    private static Optional<Path> chromium() {
        return Stream.of(Objects.requireNonNullElse(System.getenv("PATH"), "").split(File.pathSeparator))
                .flatMap(place -> Stream.of("chromium", "chromium-browser", "google-chrome")
                        .map(name -> Path.of(place, name)))
                .filter(Files::isExecutable)
                .findFirst();
    }

    private DemoPlan plan() throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        return LearningPlan.of(output, 3, 5, "fedavg");
    }
}

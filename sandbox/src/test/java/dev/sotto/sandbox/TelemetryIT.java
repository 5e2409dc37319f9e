package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.sandbox.broker.BrokerHost;
import dev.sotto.sandbox.demo.Artefacts;
import dev.sotto.sandbox.demo.Demo;
import dev.sotto.sandbox.demo.DemoPlan;
import dev.sotto.sandbox.demo.Display;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.sandbox.demo.PlainSum;
import dev.sotto.sandbox.process.Jvm;
import dev.sotto.sandbox.process.Supervisor;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.secrets.Passphrase;
import dev.sotto.secrets.SecretFile;
import io.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.trace.v1.ResourceSpans;
import io.opentelemetry.proto.trace.v1.Span;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.crypto.Cipher;
import javax.crypto.EncryptedPrivateKeyInfo;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/// What a federation tells those who watch it: logs at DEBUG as text and as JSON, pages, metrics, traces. None of it
/// holds a secret.
@Timeout(600)
class TelemetryIT {
    private static final ObjectMapper JSON = new ObjectMapper();
    /// Of the CA's two keys: the whole federation is made, enrolled and run with them.
    private static final String PASSPHRASE = "correct horse battery staple";

    private static final String ROOT_PASSPHRASE = "one that lies in another safe";
    private static final Pattern TIME = Pattern.compile("\\d\\d:\\d\\d:\\d\\d[.,]\\d{3,9}");
    private static final Pattern PRIVATE_KEY =
            Pattern.compile("-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END", Pattern.DOTALL);
    private static final Pattern SEALED_KEY =
            Pattern.compile("-----BEGIN ENCRYPTED PRIVATE KEY-----([A-Za-z0-9+/=\\s]+)-----END", Pattern.DOTALL);
    private static final Set<String> OF_THE_COORDINATOR =
            Set.of("keys", "shares", "training", "confirmation", "reveal", "closing");
    private static final Set<String> OF_A_MEMBER = Set.of(
            "checking",
            "keys",
            "shares",
            "training",
            "masking",
            "sending",
            "confirmation",
            "reveal",
            "closing",
            "verification");

    @TempDir(cleanup = CleanupMode.ON_SUCCESS)
    Path folder;

    private @Nullable BrokerHost broker;

    @AfterEach
    void stopBroker() {
        if (broker != null) {
            broker.close();
        }
    }

    @Test
    void logsPagesMetricsAndTraces_holdNoSecret_andARoundIsOneTrace() throws Exception {
        Path output = folder.resolve("demo");
        Demo.clear(output);
        Artefacts artefacts = Artefacts.ofThisBuild();
        DemoPlan plan = LearningPlan.of(output, 2, 2, "fedavg");
        Path recorded = Files.createDirectories(folder.resolve("recorded"));
        try (Collector collector = new Collector();
                Supervisor supervisor = new Supervisor(
                        new Jvm(RecordedRandomness.java(recorded), artefacts.leash()),
                        output.resolve("logs"),
                        environment(collector))) {
            BrokerHost kafka = Brokers.broker(supervisor, output.resolve("broker"), List.of());
            broker = kafka;
            AtomicBoolean restarted = new AtomicBoolean();
            Demo.Outcome outcome = new Demo(
                            plan,
                            artefacts,
                            supervisor,
                            kafka,
                            new Display(new PrintWriter(Writer.nullWriter()), false, Instant::now))
                    .federate(
                            federation -> {
                                federation.killCoordinator();
                                federation.startCoordinator("--log-format", "json");
                            },
                            (event, federation) -> {
                                if (event.organisation().equals("bank")
                                        && event.kind().equals("ready")
                                        && restarted.compareAndSet(false, true)) {
                                    federation.killAgent("bank");
                                    federation.startAgent("bank", "--log-format=json");
                                }
                            });
            Federation federation = outcome.federation();
            Browser viewer = Browser.with(
                    federation.folder().resolve("viewer.pem"),
                    federation.folder().resolve("ca.pem"),
                    federation.url());
            Map<String, byte[]> told = new TreeMap<>();
            for (String page : List.of("/dashboard", "/q/metrics", "/q/health")) {
                told.put(page, viewer.get(page));
            }
            headersAreTraceparentsAndVersionsOnly(federation);
            List<Envelope> control = envelopes(federation, topic -> topic.endsWith(".control"));
            List<Envelope> inboxes = envelopes(federation, topic -> topic.contains(".inbox."));
            federation.stopAgents();
            federation.coordinator().stop(Duration.ofSeconds(20));

            aRoundIsOneTrace(collector.requests());
            for (int i = 0; i < collector.bodies().size(); i++) {
                told.put("spans " + i, collector.bodies().get(i));
            }
            logsAreWhatTheyShouldBe(output.resolve("logs"));
            Phrases secrets = new Phrases();
            secretsOfAttempts(
                    plan,
                    federation,
                    RecordedRandomness.draws(recorded).stream()
                            .map(Bytes::fromHex)
                            .toList(),
                    control,
                    inboxes,
                    secrets);
            holdsNoSecret(plan, federation, secrets, told);
        }
    }

    private static Map<String, String> environment(Collector collector) {
        return Map.of(
                "SOTTO_PASSPHRASE",
                PASSPHRASE,
                "SOTTO_ROOT_PASSPHRASE",
                ROOT_PASSPHRASE,
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                collector.url(),
                "QUARKUS_LOG_LEVEL",
                "DEBUG",
                "QUARKUS_LOG_CATEGORY__DEV_SOTTO__LEVEL",
                "DEBUG",
                "QUARKUS_LOG_CATEGORY__ORG_APACHE_KAFKA__LEVEL",
                "DEBUG");
    }

    // ---- traces ----

    private static void headersAreTraceparentsAndVersionsOnly(Federation federation) throws Exception {
        Path own = federation.folder();
        Map<String, Integer> traced = new TreeMap<>();
        Topics.readAll(Topics.settings(federation.bootstrap(), own.resolve("tls.pem"), own.resolve("ca.pem")))
                .forEach((topic, records) -> records.forEach(record -> {
                    for (Header header : record.headers()) {
                        if (header.key().equals("Sotto-Protocol")) {
                            assertThat(topic).contains(".inbox.");
                            assertThat(new String(header.value(), StandardCharsets.US_ASCII))
                                    .isEqualTo("1");
                            continue;
                        }
                        assertThat(header.key()).isEqualTo("traceparent");
                        assertThat(new String(header.value(), StandardCharsets.US_ASCII))
                                .matches("00-[0-9a-f]{32}-[0-9a-f]{16}-01");
                        traced.merge(topic, 1, Integer::sum);
                    }
                }));
        assertThat(traced)
                .containsKeys(
                        "sotto." + Federation.ID + ".control",
                        "sotto." + Federation.ID + ".inbox.bank",
                        "sotto." + Federation.ID + ".updates.bank");
    }

    private record Told(String service, Span span) {
        String trace() {
            return HexFormat.of().formatHex(span.getTraceId().toByteArray());
        }

        long number(String key) {
            return span.getAttributesList().stream()
                    .filter(attribute -> attribute.getKey().equals(key))
                    .mapToLong(attribute -> attribute.getValue().getIntValue())
                    .findFirst()
                    .orElse(-1);
        }
    }

    private static void aRoundIsOneTrace(List<ExportTraceServiceRequest> requests) {
        List<Told> all = new ArrayList<>();
        for (ExportTraceServiceRequest request : requests) {
            for (ResourceSpans resource : request.getResourceSpansList()) {
                Map<String, String> about = resource.getResource().getAttributesList().stream()
                        .collect(Collectors.toMap(
                                KeyValue::getKey, value -> value.getValue().getStringValue()));
                assertThat(about)
                        .containsOnlyKeys(
                                "service.name",
                                "telemetry.sdk.language",
                                "telemetry.sdk.name",
                                "telemetry.sdk.version");
                resource.getScopeSpansList()
                        .forEach(scope -> scope.getSpansList()
                                .forEach(span -> all.add(new Told(String.valueOf(about.get("service.name")), span))));
            }
        }
        for (Told told : all) {
            assertThat(told.span().getAttributesList())
                    .extracting(KeyValue::getKey)
                    .isSubsetOf("sotto.round", "sotto.attempt", "sotto.phase", "sotto.bytes");
            assertThat(told.span().getEventsList()).isEmpty();
        }
        Told round = all.stream()
                .filter(told -> told.service().equals("sotto-coordinator")
                        && told.span().getName().equals("round")
                        && told.number("sotto.round") == 1
                        && told.span().getStatus().getCodeValue() == 0)
                .findFirst()
                .orElseThrow();
        assertThat(round.span().getParentSpanId().isEmpty()).isTrue();
        List<Told> trace =
                all.stream().filter(told -> told.trace().equals(round.trace())).toList();
        for (String phase : OF_THE_COORDINATOR) {
            assertThat(count(trace, "sotto-coordinator", phase)).as(phase).isOne();
        }
        for (String phase : OF_A_MEMBER) {
            assertThat(count(trace, "sotto-participant", phase)).as(phase).isEqualTo(4);
        }
        assertThat(trace).hasSize(1 + OF_THE_COORDINATOR.size() + 4 * (1 + OF_A_MEMBER.size()));
        assertThat(trace.stream()
                        .filter(told -> told.span().getName().equals("round") && !told.equals(round))
                        .map(told -> told.span().getParentSpanId()))
                .containsOnly(round.span().getSpanId());
        assertThat(trace.stream()
                        .filter(told -> told.span().getName().equals("sending"))
                        .map(told -> told.number("sotto.bytes")))
                .allMatch(bytes -> bytes > 100_000);
    }

    private static long count(List<Told> trace, String service, String name) {
        return trace.stream()
                .filter(told ->
                        told.service().equals(service) && told.span().getName().equals(name))
                .count();
    }

    // ---- logs ----

    private static void logsAreWhatTheyShouldBe(Path logs) throws IOException {
        List<String> coordinator = Files.readAllLines(logs.resolve("coordinator.log"));
        assertThat(coordinator).as("text, at DEBUG").anyMatch(line -> line.contains(" DEBUG "));
        Set<String> levels = new TreeSet<>();
        for (String line : coordinator) {
            if (line.startsWith("{")) {
                JsonNode object = JSON.readTree(line);
                assertThat(object.fieldNames())
                        .toIterable()
                        .contains("time", "level", "logger", "message", "thread", "federation");
                levels.add(object.path("level").asText());
            }
        }
        assertThat(levels).contains("DEBUG", "INFO");
        List<String> bank = Files.readAllLines(logs.resolve("bank.log"));
        assertThat(bank)
                .filteredOn(line -> line.contains("\"message\":\"phase training"))
                .isNotEmpty()
                .allSatisfy(line -> assertThat(JSON.readTree(line).fieldNames())
                        .toIterable()
                        .startsWith("time", "level", "logger", "message", "thread", "federation", "organisation"));
    }

    /// An agent's text is the `message` of its JSON, so looking through one of them is looking through both.
    private static void holdsNoSecret(DemoPlan plan, Federation federation, Phrases secrets, Map<String, byte[]> told)
            throws Exception {
        Path logs = plan.output().resolve("logs");
        Needles numbers = new Needles();
        Map<String, Phrases> losses = new TreeMap<>();
        for (String organisation : plan.organisations()) {
            Path home = federation.home(organisation);
            for (String secret : List.of("identity.key", "delivery.key", "draw.salt")) {
                secrets.bytes(opened(home.resolve(secret)));
            }
            pem(secrets, home.resolve("tls.pem"));
            invite(secrets, logs.resolve("invite-" + organisation + ".log"));
            for (String kept : List.of("plain", "models")) {
                for (Path floats : files(home.resolve(kept), ".f32")) {
                    numbers.floats(floats);
                    for (float value : PlainSum.floats(floats)) {
                        secrets.text(Float.toString(value));
                        secrets.text(Double.toString(value));
                    }
                }
            }
            Phrases own = new Phrases();
            for (String line : Files.readAllLines(logs.resolve(organisation + ".log"))) {
                JsonNode loss = line.startsWith("{") ? JSON.readTree(line).path("loss") : JSON.missingNode();
                if (loss.isNumber()) {
                    own.text(loss.asText());
                }
            }
            assertThat(own.count()).isPositive();
            losses.put(organisation, own);
            for (String line : Files.readAllLines(plan.output().resolve("data").resolve(organisation + ".jsonl"))) {
                JSON.readTree(line).forEach(field -> secrets.text(field.asText()));
            }
        }
        for (String secret : List.of("coordinator-identity.key", "round-secret.key")) {
            secrets.bytes(opened(federation.folder().resolve(secret)));
        }
        for (String pem : List.of("tls.pem", "admin.pem", "viewer.pem", "broker.pem")) {
            pem(secrets, federation.folder().resolve(pem));
        }
        sealed(secrets, federation.folder().resolve("issuing.pem"), PASSPHRASE);
        sealed(secrets, federation.folder().resolve("root/ca-key.pem"), ROOT_PASSPHRASE);
        assertThat(numbers.count()).isPositive();
        assertThat(secrets.count()).isGreaterThan(100_000);
        assertThat(secrets.find(("x"
                                + Base64.getEncoder()
                                        .encodeToString(
                                                opened(federation.home("bank").resolve("identity.key"))))
                        .getBytes(StandardCharsets.US_ASCII)))
                .as("the search finds what is there")
                .isPresent();

        for (Path log : files(logs, ".log")) {
            // What the administrator was given on purpose.
            if (!log.getFileName().toString().startsWith("invite-")) {
                told.put(log.getFileName().toString(), Files.readAllBytes(log));
            }
        }
        told.forEach((what, all) -> {
            byte[] bytes = withoutTimes(all);
            assertThat(secrets.find(bytes)).as(what).isEmpty();
            assertThat(numbers.find(bytes)).as(what).isEmpty();
            losses.forEach((organisation, own) -> {
                if (!what.equals(organisation + ".log")) {
                    assertThat(own.find(bytes))
                            .as("%s's losses in %s", organisation, what)
                            .isEmpty();
                }
            });
        });
    }

    /// The nanoseconds of a line's time are, once in a few runs, the digits of one of all those numbers.
    private static byte[] withoutTimes(byte[] told) {
        String text = new String(told, StandardCharsets.ISO_8859_1);
        return TIME.matcher(text).replaceAll("TIME").getBytes(StandardCharsets.ISO_8859_1);
    }

    private static List<Envelope> envelopes(Federation federation, Predicate<String> wanted) throws Exception {
        Path own = federation.folder();
        List<Envelope> envelopes = new ArrayList<>();
        for (var topic : Topics.readAll(
                        Topics.settings(federation.bootstrap(), own.resolve("tls.pem"), own.resolve("ca.pem")))
                .entrySet()) {
            if (wanted.test(topic.getKey())) {
                for (ConsumerRecord<byte[], byte[]> record : topic.getValue()) {
                    envelopes.add(Envelope.decode(Bytes.of(record.value())));
                }
            }
        }
        return envelopes;
    }

    /// What lives in the memory of agents for one attempt: masters, self masks, channel and mask keys, coins, KEM
    /// secrets, pair seeds, mask streams' keys, every share and its salt.
    private static void secretsOfAttempts(
            DemoPlan plan,
            Federation federation,
            List<Bytes> draws,
            List<Envelope> control,
            List<Envelope> inboxes,
            Phrases secrets)
            throws Exception {
        Map<String, Bytes> salts = new TreeMap<>();
        for (String organisation : plan.organisations()) {
            salts.put(
                    organisation, Bytes.of(opened(federation.home(organisation).resolve("draw.salt"))));
        }
        Bytes coordinator = new BouncyCastlePrimitives()
                .identityKey(Secret.take(opened(federation.folder().resolve("coordinator-identity.key"))));
        int attempts = new AttemptSecrets(draws, salts, secrets)
                .of(coordinator, Bytes.of(opened(federation.folder().resolve("round-secret.key"))), control, inboxes);
        assertThat(attempts).isGreaterThanOrEqualTo(2);
        assertThat(secrets.count()).isGreaterThan(1_000);
    }

    private static byte[] opened(Path file) throws Exception {
        assertThat(SecretFile.isSealed(file)).as(file.toString()).isTrue();
        try (Passphrase passphrase = Passphrase.read("P", Map.of("P", PASSPHRASE));
                Secret secret = SecretFile.read(file, passphrase)) {
            return secret.expose(InsecureSecretAccess.get()).clone();
        }
    }

    /// The scalar of a P-256 key, and the lines of its PEM.
    private static void pem(Phrases secrets, Path file) throws Exception {
        Matcher key = PRIVATE_KEY.matcher(Files.readString(file));
        assertThat(key.find()).as(file.toString()).isTrue();
        key.group(1).lines().forEach(secrets::text);
        scalar(secrets, new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(key.group(1))));
    }

    /// The same of a key that a passphrase opens; and the passphrase.
    private static void sealed(Phrases secrets, Path file, String passphrase) throws Exception {
        Matcher key = SEALED_KEY.matcher(Files.readString(file));
        assertThat(key.find()).as(file.toString()).isTrue();
        assertThat(Files.readString(file)).doesNotContain("BEGIN PRIVATE KEY");
        EncryptedPrivateKeyInfo sealed =
                new EncryptedPrivateKeyInfo(Base64.getMimeDecoder().decode(key.group(1)));
        String algorithm = sealed.getAlgParameters().toString();
        Cipher cipher = Cipher.getInstance(algorithm);
        cipher.init(
                Cipher.DECRYPT_MODE,
                SecretKeyFactory.getInstance(algorithm).generateSecret(new PBEKeySpec(passphrase.toCharArray())),
                sealed.getAlgParameters());
        scalar(secrets, sealed.getKeySpec(cipher));
        secrets.text(passphrase);
    }

    private static void scalar(Phrases secrets, PKCS8EncodedKeySpec key) throws Exception {
        ECPrivateKey parsed = (ECPrivateKey) KeyFactory.getInstance("EC").generatePrivate(key);
        secrets.bytes(HexFormat.of()
                .parseHex(String.format("%064x", new BigInteger(1, parsed.getS().toByteArray()))));
    }

    private static void invite(Phrases secrets, Path log) throws IOException {
        String invite = Files.readAllLines(log).stream()
                .filter(line -> line.startsWith("sotto1."))
                .findFirst()
                .orElseThrow();
        secrets.text(invite);
        String token = JSON.readTree(Base64.getUrlDecoder().decode(invite.substring("sotto1.".length())))
                .path("t")
                .asText();
        secrets.text(token);
        secrets.bytes(Base64.getUrlDecoder().decode(token));
    }

    private static List<Path> files(Path folder, String end) throws IOException {
        try (Stream<Path> all = Files.list(folder)) {
            return all.filter(file -> file.toString().endsWith(end)).sorted().toList();
        }
    }
}

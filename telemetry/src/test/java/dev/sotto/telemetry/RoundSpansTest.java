package dev.sotto.telemetry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/// A coordinator's and a member's spans of a round, and what a header may do to them.
class RoundSpansTest {
    private final InMemorySpanExporter exported = InMemorySpanExporter.create();
    private final OpenTelemetrySdk telemetry = OpenTelemetrySdk.builder()
            .setTracerProvider(SdkTracerProvider.builder()
                    .addSpanProcessor(SimpleSpanProcessor.create(exported))
                    .build())
            .build();
    private final RoundSpans coordinator = new RoundSpans(telemetry);
    private final RoundSpans member = new RoundSpans(telemetry);

    @AfterEach
    void close() {
        telemetry.close();
    }

    private SpanData span(String name) {
        return exported.getFinishedSpanItems().stream()
                .filter(span -> span.getName().equals(name))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void memberSpans_lieBelowTheCoordinatorsRound() {
        coordinator.opened(List.of(), 2, 1, "keys");
        List<byte[]> header = List.of(coordinator.header().orElseThrow());
        assertThat(new String(header.getFirst(), StandardCharsets.US_ASCII)).matches("00-[0-9a-f]{32}-[0-9a-f]{16}-01");
        member.opened(header, 2, 1, "checking");
        member.phase("masking");
        member.sent(786_432);
        member.ended(true);
        coordinator.phase("closing");
        coordinator.ended(true);

        List<SpanData> all = exported.getFinishedSpanItems();
        assertThat(all).hasSize(6);
        assertThat(all)
                .extracting(SpanData::getTraceId)
                .containsOnly(all.getFirst().getTraceId());
        SpanData root = all.stream()
                .filter(span -> !span.getParentSpanContext().isValid())
                .findFirst()
                .orElseThrow();
        SpanData masking = span("masking");
        SpanData below = all.stream()
                .filter(span -> span.getSpanId().equals(masking.getParentSpanId()))
                .findFirst()
                .orElseThrow();
        assertThat(below.getParentSpanId()).isEqualTo(root.getSpanId());
        assertThat(span("closing").getParentSpanId()).isEqualTo(root.getSpanId());
        assertThat(masking.getAttributes().get(RoundSpans.BYTES)).isEqualTo(786_432);
        assertThat(root.getStatus().getStatusCode()).isEqualTo(StatusCode.UNSET);
    }

    /// Whatever is added must be as public as these.
    @Test
    void spans_haveNoOtherAttributes() {
        member.opened(List.of(), 2, 3, "checking");
        member.sent(1);
        member.phase("training");
        member.ended(false);
        Set<String> keys = new HashSet<>();
        exported.getFinishedSpanItems()
                .forEach(span -> span.getAttributes().forEach((key, value) -> keys.add(key.getKey())));
        assertThat(keys).containsExactlyInAnyOrder("sotto.round", "sotto.attempt", "sotto.phase", "sotto.bytes");
        assertThat(span("round").getAttributes().get(AttributeKey.longKey("sotto.attempt")))
                .isEqualTo(3);
        assertThat(span("round").getStatus().getStatusCode()).isEqualTo(StatusCode.ERROR);
        assertThat(exported.getFinishedSpanItems())
                .allSatisfy(span -> assertThat(span.getEvents()).isEmpty());
    }

    @Test
    void anAttemptThatIsNotEnded_endsWithTheNext() {
        member.opened(List.of(), 0, 1, "checking");
        member.opened(List.of(), 0, 2, "checking");
        assertThat(span("round").getAttributes().get(RoundSpans.ATTEMPT)).isOne();
        member.close();
        assertThat(exported.getFinishedSpanItems()).hasSize(4);
        assertThat(member.header()).isEmpty();
        member.phase("training");
        member.ended(true);
        assertThat(exported.getFinishedSpanItems())
                .as("nothing without an attempt")
                .hasSize(4);
    }

    @Test
    void aHeaderThatIsNone_isPassedOver() {
        String good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for (String bad : List.of(
                "",
                "00",
                good.substring(1),
                good + "-",
                good.replace("00-", "ff-"),
                "00-" + "0".repeat(32) + "-b7ad6b7169203331-01",
                good.replace("0af7", "0AFZ"),
                "\0".repeat(55),
                "é".repeat(55),
                "-".repeat(100_000))) {
            member.opened(List.of(bad.getBytes(StandardCharsets.UTF_8)), 0, 1, "checking");
            assertThat(new String(member.header().orElseThrow(), StandardCharsets.US_ASCII))
                    .as(bad)
                    .hasSize(55)
                    .doesNotContain("0af7651916cd43dd8448eb211c80319c");
        }
        SplittableRandom random = new SplittableRandom(8);
        for (int i = 0; i < 1000; i++) {
            byte[] bytes = good.getBytes(StandardCharsets.US_ASCII);
            bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            member.opened(List.of(bytes), 0, 1, "checking");
            assertThat(member.header().orElseThrow()).hasSize(55);
        }
        member.opened(
                List.of("x".getBytes(StandardCharsets.US_ASCII), good.getBytes(StandardCharsets.US_ASCII)),
                0,
                1,
                "checking");
        assertThat(new String(member.header().orElseThrow(), StandardCharsets.US_ASCII))
                .startsWith("00-0af7651916cd43dd8448eb211c80319c-");
    }

    @Test
    void withoutAnEndpoint_thereIsNothing() {
        try (RoundSpans none = RoundSpans.configured("sotto", Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", " "))) {
            none.opened(List.of(), 0, 1, "keys");
            none.phase("training");
            assertThat(none.header()).isEmpty();
        }
    }

    /// The environment of this process has no OTEL_… variable: the system properties of the same names are read.
    @Test
    void configured_sendsToTheCollector_andAWrongEndpointIsRefused() throws Exception {
        HttpServer collector = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        Set<String> paths = ConcurrentHashMap.newKeySet();
        collector.createContext("/", exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            if (new String(body, StandardCharsets.ISO_8859_1).contains("sotto-agent")) {
                paths.add(exchange.getRequestURI().getPath());
            }
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        collector.start();
        String url = "http://127.0.0.1:" + collector.getAddress().getPort();
        try {
            System.setProperty("otel.exporter.otlp.endpoint", url);
            try (RoundSpans spans = RoundSpans.configured("sotto-agent", Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", url))) {
                spans.opened(List.of(), 0, 1, "keys");
                assertThat(spans.header()).isPresent();
                spans.ended(true);
            }
            assertThat(paths).containsExactly("/v1/traces");
            System.setProperty("otel.exporter.otlp.endpoint", "nonsense");
            assertThatThrownBy(() -> RoundSpans.configured("sotto", Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense")))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("nonsense");
        } finally {
            System.clearProperty("otel.exporter.otlp.endpoint");
            collector.stop(0);
        }
    }
}

package dev.sotto.telemetry;

import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What one party does in a round, as spans: one for the attempt, and below it one phase after the other. The
/// coordinator's attempt begins a trace; a member's continues it by the `traceparent` header (W3C Trace Context) of
/// the record that opened the attempt.
///
/// The header lies beside what is signed. Whoever can write it, as the broker's operator can, may put a member's spans
/// into another trace, and nothing else: what is no header is passed over, `tracestate` and baggage are neither read
/// nor written. A span has the attempt's numbers, the phase, and how many bytes were sent; all of this is in the log
/// that every member reads.
///
/// Thread-safe.
public final class RoundSpans implements AutoCloseable {
    /// The name of the record's header.
    public static final String HEADER = "traceparent";

    static final AttributeKey<Long> ROUND = AttributeKey.longKey("sotto.round");
    static final AttributeKey<Long> ATTEMPT = AttributeKey.longKey("sotto.attempt");
    static final AttributeKey<String> PHASE = AttributeKey.stringKey("sotto.phase");
    static final AttributeKey<Long> BYTES = AttributeKey.longKey("sotto.bytes");

    private static final List<String> ENDPOINTS =
            List.of("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");

    private final Tracer tracer;
    private final AutoCloseable exporting;
    private boolean closed;
    private long round;
    private long number;
    private Span attempt = Span.getInvalid();
    private Span phase = Span.getInvalid();

    /// Spans of a telemetry that is the caller's to close.
    public RoundSpans(OpenTelemetry telemetry) {
        this(telemetry, () -> {});
    }

    private RoundSpans(OpenTelemetry telemetry, AutoCloseable exporting) {
        this.tracer = telemetry.getTracer("dev.sotto");
        this.exporting = exporting;
    }

    /// No spans and no headers.
    public static RoundSpans none() {
        return new RoundSpans(OpenTelemetry.noop());
    }

    /// Spans that are sent to an OTLP collector, if `OTEL_EXPORTER_OTLP_ENDPOINT` or
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names one; else none. OpenTelemetry's other variables mean what its
    /// specification says; the protocol is `http/protobuf` and cannot be gRPC.
    ///
    /// @param service     unless `OTEL_SERVICE_NAME` says otherwise
    /// @param environment the process's: the same that OpenTelemetry reads
    /// @throws IllegalArgumentException if a variable has a value that it cannot have
    public static RoundSpans configured(String service, Map<String, String> environment) {
        if (ENDPOINTS.stream()
                .allMatch(name -> environment.getOrDefault(name, "").isBlank())) {
            return none();
        }
        try {
            var sdk = AutoConfiguredOpenTelemetrySdk.builder()
                    .disableShutdownHook()
                    .addPropertiesSupplier(() -> Map.of(
                            "otel.service.name", service,
                            "otel.exporter.otlp.protocol", "http/protobuf",
                            "otel.metrics.exporter", "none",
                            "otel.logs.exporter", "none"))
                    .build()
                    .getOpenTelemetrySdk();
            return new RoundSpans(sdk, sdk);
        } catch (RuntimeException e) {
            // ConfigurationException, or what the exporter's builder says of a URL.
            throw new IllegalArgumentException("the OTEL_… variables cannot be used: " + e.getMessage(), e);
        }
    }

    /// An attempt begins, and with it its first phase. What was open before has failed.
    ///
    /// @param headers values of the header [#HEADER] in the record that opened it: the last one counts; none where
    ///                the trace begins
    public synchronized void opened(List<byte[]> headers, long round, long attempt, String firstPhase) {
        ended(false);
        this.round = round;
        this.number = attempt;
        this.attempt = span("round", parent(headers));
        phase(firstPhase);
    }

    /// The phase is over, and the next one begins. Without an attempt nothing happens.
    public synchronized void phase(String next) {
        if (attempt.isRecording()) {
            phase.end();
            phase = span(next, Context.root().with(attempt)).setAttribute(PHASE, next);
        }
    }

    /// What was sent in this phase.
    public synchronized void sent(long bytes) {
        phase.setAttribute(BYTES, bytes);
    }

    /// The attempt is over.
    ///
    /// @param completed false if it was aborted
    public synchronized void ended(boolean completed) {
        if (!completed) {
            attempt.setStatus(StatusCode.ERROR);
        }
        phase.end();
        attempt.end();
        phase = Span.getInvalid();
        attempt = Span.getInvalid();
    }

    /// The value of the header [#HEADER] for a record that belongs to this attempt; empty if there is none or nothing
    /// is traced.
    public synchronized Optional<byte[]> header() {
        List<String> value = new ArrayList<>(1);
        W3CTraceContextPropagator.getInstance().inject(Context.root().with(attempt), value, (list, key, text) -> {
            if (list != null && key.equals(HEADER)) {
                list.add(text);
            }
        });
        return value.stream().findFirst().map(text -> text.getBytes(StandardCharsets.US_ASCII));
    }

    /// Sends what is left, for some seconds at most.
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        ended(false);
        try {
            exporting.close();
        } catch (Exception e) {
            throw new IllegalStateException("the telemetry does not close", e);
        }
    }

    private Span span(String name, Context parent) {
        return tracer.spanBuilder(name)
                .setParent(parent)
                .setAttribute(ROUND, round)
                .setAttribute(ATTEMPT, number)
                .startSpan();
    }

    private static Context parent(List<byte[]> headers) {
        return W3CTraceContextPropagator.getInstance().extract(Context.root(), headers, LAST);
    }

    private static final TextMapGetter<List<byte[]>> LAST = new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(List<byte[]> headers) {
            return List.of(HEADER);
        }

        @Override
        public @Nullable String get(@Nullable List<byte[]> headers, String key) {
            return headers == null || headers.isEmpty() || !key.equals(HEADER)
                    ? null
                    : new String(headers.getLast(), StandardCharsets.US_ASCII);
        }
    };
}

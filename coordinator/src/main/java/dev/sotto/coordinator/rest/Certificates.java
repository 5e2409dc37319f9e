package dev.sotto.coordinator.rest;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.enrolment.Refused;
import dev.sotto.schemas.Protocol;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/// Who may ask for what, by the certificate shown: anybody enrols and asks for health, `CN=viewer` reads the
/// dashboard and the metrics, `CN=admin` does everything. What is not listed here is the administrator's. Those two
/// count only from the present issuing CA: with the next one, stolen ones end.
public final class Certificates {
    private static final String ADMIN = "CN=admin";
    private static final String VIEWER = "CN=viewer";
    private static final Set<HttpMethod> READING = Set.of(HttpMethod.GET, HttpMethod.HEAD);
    private static final int FIRST = 1000;

    private final ObjectMapper json;
    private final Service service;
    private final Clock clock = Clock.systemUTC();

    /// For CDI.
    public Certificates(ObjectMapper json, Service service) {
        this.json = json;
        this.service = service;
    }

    void guard(@Observes Filters filters) {
        filters.register(this::guard, FIRST);
    }

    private void guard(RoutingContext context) {
        HttpServerRequest request = context.request();
        String path = context.normalizedPath();
        String subject = role(request.sslSession());
        // Members compare their clocks with it.
        context.response()
                .putHeader(
                        "Date",
                        DateTimeFormatter.RFC_1123_DATE_TIME.format(
                                clock.instant().atZone(ZoneOffset.UTC)))
                .putHeader(Protocol.HEADER, String.valueOf(Protocol.VERSION));
        String spoken = request.getHeader(Protocol.HEADER);
        if (spoken != null && !Protocol.isSpoken(spoken)) {
            refuse(
                    context,
                    400,
                    "PROTOCOL: you speak version " + spoken + " of the protocol, this coordinator version "
                            + Protocol.VERSION + "; a federation is of one version");
        } else if (isOpen(path) || subject.equals(ADMIN)) {
            context.next();
        } else if (!isForViewers(path) || !READING.contains(request.method())) {
            refuse(context, 403, "needs the certificate CN=admin of this federation (admin.pem of its folder)");
        } else if (subject.equals(VIEWER)) {
            context.next();
        } else {
            refuse(
                    context,
                    403,
                    "needs the certificate CN=viewer or CN=admin of this federation (viewer.pem, admin.pem of its folder)");
        }
    }

    private static boolean isOpen(String path) {
        // /certificate and /leave look at the certificate themselves.
        return path.equals("/enrolment")
                || path.equals("/certificate")
                || path.equals("/leave")
                || path.equals("/q/health")
                || path.startsWith("/q/health/");
    }

    private static boolean isForViewers(String path) {
        return path.equals("/")
                || path.equals("/dashboard")
                || path.startsWith("/dashboard/")
                || path.equals("/q/metrics");
    }

    /// As what somebody comes: the subject of a certificate of the present issuing CA.
    private String role(@Nullable SSLSession session) {
        return certificate(session)
                .filter(service.authority()::hasIssued)
                .map(certificate -> certificate.getSubjectX500Principal().getName())
                .orElse("");
    }

    /// Of this federation's CA: others do not get through the handshake.
    private static Optional<X509Certificate> certificate(@Nullable SSLSession session) {
        try {
            Certificate[] chain = session == null ? new Certificate[0] : session.getPeerCertificates();
            return chain.length > 0 && chain[0] instanceof X509Certificate certificate
                    ? Optional.of(certificate)
                    : Optional.empty();
        } catch (SSLPeerUnverifiedException e) {
            return Optional.empty();
        }
    }

    /// Who asks, for the audit log; refused to whoever shows no certificate of this federation.
    static Acts.Actor actor(HttpServerRequest request) throws Refused {
        X509Certificate certificate = certificate(request.sslSession())
                .orElseThrow(() -> new Refused(403, "needs a certificate of this federation"));
        return new Acts.Actor(
                certificate.getSubjectX500Principal().getName().replaceFirst("^CN=", ""),
                certificate.getSerialNumber().toString(16));
    }

    private void refuse(RoutingContext context, int status, String detail) {
        try {
            String body =
                    json.writeValueAsString(new Problem(status == 403 ? "Forbidden" : "Bad Request", status, detail));
            context.response()
                    .setStatusCode(status)
                    .putHeader("Content-Type", "application/problem+json")
                    .end(body)
                    .onFailure(context::fail);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a problem is JSON", e);
        }
    }
}

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
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/// Who may ask for what: anybody enrols and asks for health, a viewer reads the dashboard, the status and the metrics,
/// an administrator does everything. What is not listed here is the administrator's.
///
/// Somebody is known by a certificate, `CN=viewer` or `CN=admin` of the present issuing CA (with the next one, stolen
/// ones end), or, if the settings have `oidc` and the certificate is not enough, by [SignOn].
public final class Guard {
    /// The page, and where the issuer sends a browser back to.
    static final String DASHBOARD = "/dashboard";

    /// Where whoever signed on signs out.
    static final String SIGN_OUT = DASHBOARD + "/sign-out";

    private static final Map<String, Caller.Role> CERTIFIED =
            Map.of("CN=viewer", Caller.Role.VIEWER, "CN=admin", Caller.Role.ADMIN);
    private static final Set<HttpMethod> READING = Set.of(HttpMethod.GET, HttpMethod.HEAD);
    private static final int FIRST = 1000;

    private final ObjectMapper json;
    private final Service service;
    private final SignOn signOn;
    private final Clock clock = Clock.systemUTC();

    /// For CDI.
    public Guard(ObjectMapper json, Service service, SignOn signOn) {
        this.json = json;
        this.service = service;
        this.signOn = signOn;
    }

    void guard(@Observes Filters filters) {
        filters.register(this::guard, FIRST);
    }

    private void guard(RoutingContext context) {
        HttpServerRequest request = context.request();
        String path = context.normalizedPath();
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
            return;
        }
        Optional<Caller> certified = caller(request.sslSession());
        boolean isOn = service.settings().oidc().isPresent();
        if (isOpen(path) || isOn && path.equals("/")) {
            context.next();
        } else if (certified.isPresent() && mayAsk(certified.get(), context)) {
            admit(context, certified.get());
        } else if (isOn) {
            signOn.ask(context).subscribe().with(answer -> answer(context, answer), context::fail);
        } else {
            refuse(context, 403, needed(context));
        }
    }

    private void answer(RoutingContext context, SignOn.Answer answer) {
        switch (answer) {
            case SignOn.Answer.Known(Caller caller) when mayAsk(caller, context) -> admit(context, caller);
            case SignOn.Answer.Known(Caller caller) ->
                refuse(context, 403, caller.actor().name() + " is a viewer here; this needs an administrator");
            case SignOn.Answer.Redirect(int status, String location) ->
                context.response()
                        .setStatusCode(status)
                        .putHeader("Location", location)
                        .end()
                        .onFailure(context::fail);
            case SignOn.Answer.Refusal(int status, String detail) -> refuse(context, status, detail);
        }
    }

    private static void admit(RoutingContext context, Caller caller) {
        caller.attach(context);
        context.next();
    }

    private static boolean mayAsk(Caller caller, RoutingContext context) {
        return caller.role() == Caller.Role.ADMIN || isForViewers(context);
    }

    private static boolean isOpen(String path) {
        // /certificate and /leave look at the certificate themselves.
        return path.equals("/enrolment")
                || path.equals("/certificate")
                || path.equals("/leave")
                || path.equals("/q/health")
                || path.startsWith("/q/health/");
    }

    private static boolean isForViewers(RoutingContext context) {
        String path = context.normalizedPath();
        return isReading(context)
                && (path.equals("/") || isDashboard(path) || path.equals("/admin/status") || path.equals("/q/metrics"));
    }

    static boolean isReading(RoutingContext context) {
        return READING.contains(context.request().method());
    }

    static boolean isDashboard(String path) {
        return path.equals(DASHBOARD) || path.startsWith(DASHBOARD + "/");
    }

    private static String needed(RoutingContext context) {
        return isForViewers(context)
                ? "needs the certificate CN=viewer or CN=admin of this federation (viewer.pem, admin.pem of its folder)"
                : "needs the certificate CN=admin of this federation (admin.pem of its folder)";
    }

    /// Whoever shows a certificate of the present issuing CA that counts here.
    private Optional<Caller> caller(@Nullable SSLSession session) {
        return certificate(session)
                .filter(service.authority()::hasIssued)
                .flatMap(certificate -> Optional.ofNullable(CERTIFIED.get(
                                certificate.getSubjectX500Principal().getName()))
                        .map(role -> new Caller(role, actor(certificate), Instant.MAX)));
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

    private static Acts.Actor actor(X509Certificate certificate) {
        return Acts.Actor.certified(
                certificate.getSubjectX500Principal().getName().replaceFirst("^CN=", ""),
                certificate.getSerialNumber().toString(16));
    }

    /// Which member asks, at the paths that are open; refused to whoever shows no certificate of this federation.
    static Acts.Actor member(HttpServerRequest request) throws Refused {
        return certificate(request.sslSession())
                .map(Guard::actor)
                .orElseThrow(() -> new Refused(403, "needs a certificate of this federation"));
    }

    private void refuse(RoutingContext context, int status, String detail) {
        try {
            if (status == 401) {
                context.response().putHeader("WWW-Authenticate", "Bearer");
            }
            context.response()
                    .setStatusCode(status)
                    .putHeader("Content-Type", "application/problem+json")
                    .end(json.writeValueAsString(Problem.titled(status, detail)))
                    .onFailure(context::fail);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a problem is JSON", e);
        }
    }
}

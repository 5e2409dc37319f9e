package dev.sotto.coordinator.rest;

import io.vertx.core.http.HttpServerRequest;
import jakarta.ws.rs.core.Response;
import java.security.cert.Certificate;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jboss.resteasy.reactive.server.ServerRequestFilter;
import org.jspecify.annotations.Nullable;

/// Lets only the administrator's certificate to what lies under `/admin`.
public final class AdminOnly {
    private static final String SUBJECT = "CN=admin";

    /// For JAX-RS.
    public AdminOnly() {}

    /// Refuses everybody else with 403.
    @ServerRequestFilter
    public @Nullable Response filter(
            jakarta.ws.rs.container.ContainerRequestContext context, HttpServerRequest request) {
        String path = context.getUriInfo().getPath();
        if (!path.startsWith("/admin") || isAdmin(request.sslSession())) {
            return null;
        }
        return Problem.of(403, "needs the certificate CN=admin of this federation (admin.pem of its folder)");
    }

    private static boolean isAdmin(@Nullable SSLSession session) {
        try {
            Certificate[] chain = session == null ? new Certificate[0] : session.getPeerCertificates();
            return chain.length > 0
                    && chain[0] instanceof X509Certificate certificate
                    && certificate.getSubjectX500Principal().getName().equals(SUBJECT);
        } catch (SSLPeerUnverifiedException e) {
            return false;
        }
    }
}

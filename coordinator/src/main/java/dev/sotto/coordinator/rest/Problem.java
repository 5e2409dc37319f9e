package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.director.NotDirecting;
import dev.sotto.coordinator.enrolment.Refused;
import jakarta.ws.rs.core.Response;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;

/// An error as RFC 9457 wants it.
///
/// @param title  of the kind
/// @param status of HTTP
/// @param detail one sentence
public record Problem(String title, int status, String detail) {
    static Problem titled(int status, String detail) {
        Response.Status known = Response.Status.fromStatusCode(status);
        return new Problem(known == null ? "Error" : known.getReasonPhrase(), status, detail);
    }

    static Response of(int status, String detail) {
        return Response.status(status)
                .type("application/problem+json")
                .entity(titled(status, detail))
                .build();
    }

    /// Turns exceptions of resources into problems.
    public static final class Mappers {
        /// For JAX-RS.
        public Mappers() {}

        /// What was asked for is not granted.
        @ServerExceptionMapper
        public Response refused(Refused e) {
            return of(e.status(), String.valueOf(e.getMessage()));
        }

        /// Another replica directs, or soon will: whoever asks again reaches it in the end.
        @ServerExceptionMapper
        public Response standby(NotDirecting e) {
            Response answer = of(503, String.valueOf(e.getMessage()));
            answer.getHeaders().putSingle("Retry-After", "1");
            return answer;
        }

        /// A value that is not as it must be.
        @ServerExceptionMapper
        public Response invalid(IllegalArgumentException e) {
            return of(400, String.valueOf(e.getMessage()));
        }
    }
}

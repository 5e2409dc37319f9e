package dev.sotto.coordinator.rest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.enrolment.Refused;
import io.smallrye.common.annotation.Blocking;
import io.vertx.core.http.HttpServerRequest;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import org.jspecify.annotations.Nullable;

/// `POST /certificate`: a member renews its TLS certificate, showing the one that it has.
@Path("/certificate")
@Blocking
public class CertificateResource {
    private final Service service;

    /// For CDI.
    public CertificateResource(Service service) {
        this.service = service;
    }

    /// What the member needs from now on.
    ///
    /// @param certificate PEM chain
    /// @param ca          PEM
    public record Renewed(String certificate, String ca) {}

    /// Renews.
    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Produces(MediaType.APPLICATION_JSON)
    public Renewed renew(@Context HttpServerRequest request, @Nullable JsonNode body) throws Refused {
        if (body == null) {
            throw new Refused(400, "the request must be a JSON object");
        }
        try {
            Enrolment.Enrolled renewed = service.enrolment()
                    .renew(
                            Guard.member(request),
                            CertificateAuthority.csr(EnrolmentResource.text(body, "csr")),
                            EnrolmentResource.bytes(body, "signature"));
            return new Renewed(renewed.certificate(), service.authority().rootPem());
        } catch (CertificateAuthority.BadRequest e) {
            throw new Refused(400, String.valueOf(e.getMessage()));
        }
    }
}

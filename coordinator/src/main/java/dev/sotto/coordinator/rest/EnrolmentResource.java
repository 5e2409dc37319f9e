package dev.sotto.coordinator.rest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.ca.CertificateAuthority;
import dev.sotto.coordinator.enrolment.Enrolment;
import dev.sotto.coordinator.enrolment.Refused;
import dev.sotto.schemas.Bytes;
import io.smallrye.common.annotation.Blocking;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.MediaType;
import java.io.IOException;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/// `POST /enrolment`: an invited organisation becomes a member.
@Path("/enrolment")
@Blocking
public class EnrolmentResource {
    private final Service service;

    /// For CDI.
    public EnrolmentResource(Service service) {
        this.service = service;
    }

    /// What the organisation needs from now on.
    ///
    /// @param certificate            PEM chain
    /// @param ca                     PEM
    /// @param publicSeed             of version 0, hexadecimal
    /// @param coordinatorIdentityKey Ed25519, base64
    /// @param principal              its name for Kafka
    public record Granted(
            String organisation,
            String federation,
            String certificate,
            String ca,
            String bootstrapServers,
            String publicSeed,
            String coordinatorIdentityKey,
            String principal) {}

    /// Enrols.
    @POST
    @jakarta.ws.rs.Consumes(MediaType.APPLICATION_JSON)
    @jakarta.ws.rs.Produces(MediaType.APPLICATION_JSON)
    public Granted enrol(@Nullable JsonNode body) throws Refused, IOException {
        if (body == null) {
            throw new Refused(400, "the request must be a JSON object");
        }
        String organisation = text(body, "organisation");
        Bytes csr;
        try {
            csr = CertificateAuthority.csr(text(body, "csr"));
        } catch (CertificateAuthority.BadRequest e) {
            throw new Refused(400, String.valueOf(e.getMessage()));
        }
        Enrolment.Enrolled enrolled = service.enrolment()
                .enrol(new Enrolment.Request(
                        bytes(body, "token"),
                        organisation,
                        csr,
                        bytes(body, "identityKey"),
                        bytes(body, "deliveryKey"),
                        bytes(body, "deliverySignature"),
                        bytes(body, "signature")));
        return new Granted(
                organisation,
                service.settings().federation(),
                enrolled.certificate(),
                service.authority().rootPem(),
                service.settings().bootstrapServers(),
                service.settings().publicSeed().hex(),
                Base64.getEncoder().encodeToString(service.identityKey().toArray()),
                enrolled.principal());
    }

    static String text(JsonNode body, String field) throws Refused {
        if (!body.path(field).isTextual()) {
            throw new Refused(400, field + " must be a string");
        }
        return body.path(field).asText();
    }

    static Bytes bytes(JsonNode body, String field) throws Refused {
        try {
            return Bytes.of(Base64.getDecoder().decode(text(body, field)));
        } catch (IllegalArgumentException e) {
            throw new Refused(400, field + " must be base64");
        }
    }
}

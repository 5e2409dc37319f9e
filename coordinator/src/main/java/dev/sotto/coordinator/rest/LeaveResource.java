package dev.sotto.coordinator.rest;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.enrolment.Refused;
import io.smallrye.common.annotation.Blocking;
import io.vertx.core.http.HttpServerRequest;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `POST /leave`: a member ends its membership, showing its certificate.
@Path("/leave")
@Blocking
public class LeaveResource {
    private final Service service;

    /// For CDI.
    public LeaveResource(Service service) {
        this.service = service;
    }

    /// Leaves: `{reason, signature}`.
    ///
    /// @return `{left}`: the organisation
    @POST
    @Consumes(MediaType.APPLICATION_JSON)
    @Produces(MediaType.APPLICATION_JSON)
    public Map<String, String> leave(@Context HttpServerRequest request, @Nullable JsonNode body) throws Refused {
        if (body == null) {
            throw new Refused(400, "the request must be a JSON object");
        }
        String reason = EnrolmentResource.text(body, "reason");
        if (reason.length() > AdminResource.MOST_REASON) {
            throw new Refused(400, "reason must be at most " + AdminResource.MOST_REASON + " characters");
        }
        return Map.of(
                "left",
                service.enrolment().leave(Guard.member(request), reason, EnrolmentResource.bytes(body, "signature")));
    }
}

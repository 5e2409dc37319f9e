package dev.sotto.coordinator.rest;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.director.Board;
import dev.sotto.coordinator.director.Member;
import dev.sotto.coordinator.director.NotDirecting;
import dev.sotto.coordinator.director.Overview;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.enrolment.Invites;
import dev.sotto.coordinator.enrolment.Refused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import io.smallrye.common.annotation.Blocking;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `/admin/…`: what an operator of the consortium does. [Guard] guards it.
@Path("/admin")
@Blocking
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.WILDCARD)
public class AdminResource {
    static final int MOST_REASON = 200;
    private static final long MOST_HOURS = 24 * 30;

    private final Service service;

    /// For CDI.
    public AdminResource(Service service) {
        this.service = service;
    }

    /// All that goes on.
    public record Status(
            String federation,
            List<Member> members,
            Board.@Nullable Current current,
            List<Board.Round> rounds,
            List<Board.Aborted> aborted,
            List<Board.Declined> declined,
            List<Board.Judged> judged,
            List<Board.Disputed> disputed,
            @Nullable String waiting,
            boolean finished) {}

    /// A member, and what was done about it.
    public record Shown(Member member, List<Acts.Act> acts) {
        /// Copies the list.
        public Shown {
            acts = List.copyOf(acts);
        }
    }

    /// Invites an organisation: `{organisation, validHours}`.
    ///
    /// @return `{invite}`, shown this once
    @POST
    @Path("/invites")
    @Consumes(MediaType.APPLICATION_JSON)
    public Map<String, String> invite(@Context RoutingContext request, JsonNode body) throws Refused {
        String organisation = body.path("organisation").asText();
        long hours = body.path("validHours").asLong(48);
        if (hours < 1 || hours > MOST_HOURS) {
            throw new Refused(400, "validHours is " + hours + ", must be 1 to " + MOST_HOURS);
        }
        Bytes token = service.enrolment()
                .invite(
                        organisation,
                        Duration.ofHours(hours),
                        Caller.of(request).actor());
        ObjectNode invite = new ObjectMapper()
                .createObjectNode()
                .put("u", service.settings().url().toString())
                .put("f", service.settings().federation())
                .put("o", organisation)
                .put("t", Base64.getUrlEncoder().withoutPadding().encodeToString(token.toArray()))
                .put("c", service.authority().fingerprint().hex())
                .put("i", Enc.sha256(service.identityKey()).hex());
        return Map.of(
                "invite",
                "sotto1."
                        + Base64.getUrlEncoder()
                                .withoutPadding()
                                .encodeToString(invite.toString().getBytes(StandardCharsets.UTF_8)));
    }

    /// Invites that were not used.
    @GET
    @Path("/invites")
    public List<Invites.Invite> invites() {
        return service.invites().list();
    }

    /// Voids an invite.
    @DELETE
    @Path("/invites/{organisation}")
    public void revokeInvite(@Context RoutingContext request, String organisation) throws Refused {
        service.enrolment().revokeInvite(organisation, Caller.of(request).actor());
    }

    private Overview seen() {
        return service.overview().orElseThrow(NotDirecting::new);
    }

    /// Who is and was a member.
    @GET
    @Path("/members")
    public List<Member> members() {
        return seen().members();
    }

    /// One of them.
    @GET
    @Path("/members/{organisation}")
    public Shown member(String organisation) throws Refused {
        Member member = members().stream()
                .filter(one -> one.organisation().equals(organisation))
                .findFirst()
                .orElseThrow(() -> new Refused(404, "organisation '" + organisation + "' never was a member"));
        return new Shown(
                member,
                service.acts().told().acts().stream()
                        .filter(act -> act.organisation().equals(organisation))
                        .toList());
    }

    /// Takes a member out of rounds until it is resumed: `{reason}`.
    @POST
    @Path("/members/{organisation}/suspend")
    @Consumes(MediaType.APPLICATION_JSON)
    public void suspend(@Context RoutingContext request, String organisation, JsonNode body) throws Refused {
        service.enrolment()
                .suspend(organisation, reason(body), Caller.of(request).actor());
    }

    /// Lets a suspended member take part again.
    @POST
    @Path("/members/{organisation}/resume")
    @Consumes(MediaType.APPLICATION_JSON)
    public void resume(@Context RoutingContext request, String organisation, JsonNode body) throws Refused {
        service.enrolment().resume(organisation, Caller.of(request).actor());
    }

    /// Ends a membership: `{reason}`.
    @POST
    @Path("/members/{organisation}/revoke")
    @Consumes(MediaType.APPLICATION_JSON)
    public void revoke(@Context RoutingContext request, String organisation, JsonNode body) throws Refused {
        service.enrolment()
                .revoke(organisation, reason(body), Caller.of(request).actor());
    }

    private static String reason(JsonNode body) throws Refused {
        String reason = body.path("reason").asText("");
        if (reason.isBlank() || reason.length() > MOST_REASON) {
            throw new Refused(400, "reason must be 1 to " + MOST_REASON + " characters");
        }
        return reason;
    }

    /// The audit log.
    @GET
    @Path("/acts")
    public Acts.Told acts() {
        return service.acts().told();
    }

    /// Rounds and members.
    @GET
    @Path("/status")
    public Status status() {
        Board.Rounds rounds = seen().board().rounds();
        return new Status(
                service.settings().federation(),
                members(),
                rounds.current(),
                rounds.rounds(),
                rounds.aborted(),
                rounds.declined(),
                rounds.judged(),
                rounds.disputed(),
                rounds.waiting(),
                rounds.finished());
    }
}

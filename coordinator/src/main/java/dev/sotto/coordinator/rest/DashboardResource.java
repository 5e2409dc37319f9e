package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.dashboard.View;
import io.quarkus.qute.CheckedTemplate;
import io.quarkus.qute.TemplateInstance;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Multi;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.jboss.resteasy.reactive.RestStreamElementType;

/// `/dashboard`: the federation as a page that keeps itself up to date. [Guard] guards it.
@Path("/")
public class DashboardResource {
    private static final Duration PERIOD = Duration.ofSeconds(1);
    private static final Duration LONGEST = Duration.ofMinutes(1);

    private final Service service;
    private final Clock clock;

    /// For CDI.
    public DashboardResource(Service service) {
        this.service = service;
        this.clock = Clock.systemUTC();
    }

    @CheckedTemplate
    static class Templates {
        private Templates() {}

        /// The whole page.
        ///
        /// @param signedOn whether somebody can sign out
        static native TemplateInstance page(View view, boolean signedOn);

        /// What changes in it.
        static native TemplateInstance live(View view);

        /// Of a replica that does not direct.
        static native TemplateInstance standby(String federation);
    }

    /// Leads to the page.
    @GET
    public Response root() {
        return Response.seeOther(URI.create("/dashboard")).build();
    }

    /// The page. A replica that stands by answers 503, and the browser soon asks again, on a new connection, which may
    /// reach another one.
    @GET
    @Path("/dashboard")
    @Blocking
    @Produces(MediaType.TEXT_HTML + ";charset=UTF-8")
    public Response page(@Context RoutingContext context) {
        Optional<View> view = view();
        if (view.isEmpty()) {
            closeAfter(context.request());
            return Response.status(503)
                    .entity(Templates.standby(service.settings().federation()).render())
                    .build();
        }
        return Response.ok(Templates.page(view.get(), Caller.of(context).isSignedOn())
                        .render())
                .build();
    }

    /// What changes in it, every second: for as long as the browser listens, and this replica directs, and whoever
    /// signed on is signed on. Each minute the browser asks anew, with its cookie if it still has one.
    @GET
    @Path("/dashboard/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    @RestStreamElementType(MediaType.TEXT_HTML)
    public Multi<String> events(@Context RoutingContext context) {
        closeAfter(context.request());
        Instant until = Caller.of(context).until();
        Instant anew = clock.instant().plus(LONGEST);
        Instant end = until.isBefore(anew) ? until : anew;
        // A browser that does not keep up misses some; the next one says everything.
        return Multi.createFrom()
                .ticks()
                .every(PERIOD)
                .onOverflow()
                .drop()
                .select()
                .first(_ -> clock.instant().isBefore(end))
                .map(_ -> view().map(view -> Templates.live(view).render()))
                .select()
                .first(Optional::isPresent)
                .map(Optional::orElseThrow);
    }

    private static void closeAfter(HttpServerRequest request) {
        request.response().endHandler(_ -> request.connection().close());
    }

    private Optional<View> view() {
        return service.overview()
                .map(seen -> View.of(
                        service.settings().federation(),
                        service.settings().rounds(),
                        seen.board().rounds(),
                        seen.members(),
                        clock.instant()));
    }
}

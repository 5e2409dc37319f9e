package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.dashboard.View;
import dev.sotto.coordinator.director.NotDirecting;
import dev.sotto.coordinator.director.Overview;
import io.quarkus.qute.CheckedTemplate;
import io.quarkus.qute.TemplateInstance;
import io.smallrye.common.annotation.Blocking;
import io.smallrye.mutiny.Multi;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import org.jboss.resteasy.reactive.RestStreamElementType;

/// `/dashboard`: the federation as a page that keeps itself up to date. [Certificates] guards it.
@Path("/")
public class DashboardResource {
    private static final Duration PERIOD = Duration.ofSeconds(1);

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
        static native TemplateInstance page(View view);

        /// What changes in it.
        static native TemplateInstance live(View view);
    }

    /// Leads to the page.
    @GET
    public Response root() {
        return Response.seeOther(URI.create("/dashboard")).build();
    }

    /// The page.
    @GET
    @Path("/dashboard")
    @Blocking
    @Produces(MediaType.TEXT_HTML)
    public TemplateInstance page() {
        return Templates.page(view());
    }

    /// What changes in it, every second: for as long as the browser listens.
    @GET
    @Path("/dashboard/events")
    @Produces(MediaType.SERVER_SENT_EVENTS)
    @RestStreamElementType(MediaType.TEXT_HTML)
    public Multi<String> events() {
        // A browser that does not keep up misses some; the next one says everything.
        return Multi.createFrom()
                .ticks()
                .every(PERIOD)
                .onOverflow()
                .drop()
                .map(_ -> Templates.live(view()).render());
    }

    private View view() {
        Overview seen = service.overview().orElseThrow(NotDirecting::new);
        return View.of(
                service.settings().federation(),
                service.settings().rounds(),
                seen.board().rounds(),
                seen.members(),
                clock.instant());
    }
}

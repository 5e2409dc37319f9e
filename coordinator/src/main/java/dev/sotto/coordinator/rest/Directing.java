package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.Service;
import io.smallrye.health.api.HealthGroup;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/// `/q/health/group/director`: 200 at the replica that directs, 503 at the others. For load balancers that can choose.
@HealthGroup("director")
public class Directing implements HealthCheck {
    private final Service service;

    /// For CDI.
    public Directing(Service service) {
        this.service = service;
    }

    @Override
    public HealthCheckResponse call() {
        return HealthCheckResponse.named("director")
                .status(service.isDirecting() && service.isReady())
                .build();
    }
}

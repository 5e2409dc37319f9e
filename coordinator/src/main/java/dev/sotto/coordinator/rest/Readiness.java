package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.Service;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;

/// `/q/health/ready`: the other replicas know this one; if it directs, the logs are folded and time passes.
@org.eclipse.microprofile.health.Readiness
public class Readiness implements HealthCheck {
    private final Service service;

    /// For CDI.
    public Readiness(Service service) {
        this.service = service;
    }

    @Override
    public HealthCheckResponse call() {
        return HealthCheckResponse.named("coordinator")
                .status(service.isReady())
                .withData("directs", service.isDirecting())
                .build();
    }
}

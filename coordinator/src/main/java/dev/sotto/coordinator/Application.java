package dev.sotto.coordinator;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import jakarta.inject.Inject;

/// What runs once Quarkus has started.
public class Application implements QuarkusApplication {
    private final Service service;

    /// For CDI.
    @Inject
    public Application(Service service) {
        this.service = service;
    }

    @Override
    public int run(String... arguments) {
        service.start();
        System.out.println("listening on " + service.settings().url());
        Quarkus.waitForExit();
        return 0;
    }
}

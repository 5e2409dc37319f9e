package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.enrolment.Acts;
import io.vertx.ext.web.RoutingContext;
import java.time.Instant;

/// Who asks, once [Guard] knows.
///
/// @param role  what it may do
/// @param actor as the audit log names it
/// @param until when it is no longer who it says; [Instant#MAX] of a certificate, which its connection outlives
record Caller(Role role, Acts.Actor actor, Instant until) {
    private static final String KEY = Caller.class.getName();

    /// What somebody may do.
    enum Role {
        /// Read what goes on.
        VIEWER,
        /// Everything.
        ADMIN
    }

    /// Whether it has no certificate.
    boolean isSignedOn() {
        return !actor.issuer().isEmpty();
    }

    void attach(RoutingContext context) {
        context.put(KEY, this);
    }

    /// Of a request that [Guard] let through.
    static Caller of(RoutingContext context) {
        Caller caller = context.get(KEY);
        if (caller == null) {
            throw new IllegalStateException("the guard lets nobody through to here whom it does not know");
        }
        return caller;
    }
}

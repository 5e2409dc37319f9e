package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.Coordinator;
import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.settings.InvalidSettings;
import dev.sotto.coordinator.settings.Oidc;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import io.quarkus.oidc.OidcRequestContext;
import io.quarkus.oidc.OidcTenantConfig;
import io.quarkus.oidc.OidcTenantConfigBuilder;
import io.quarkus.oidc.TenantConfigResolver;
import io.quarkus.oidc.runtime.OidcTenantConfig.ApplicationType;
import io.quarkus.oidc.runtime.OidcTenantConfig.Authentication.CookieSameSite;
import io.quarkus.oidc.runtime.OidcTenantConfig.Roles.Source;
import io.quarkus.oidc.runtime.OidcTenantConfig.TokenStateManager.Strategy;
import io.smallrye.mutiny.Uni;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// What Quarkus is to do with `oidc` of the settings. A request with an `Authorization` header is a program's, with an
/// access token; what else asks for the dashboard is a browser, which signs on by the code flow. A session's cookie
/// is good for the dashboard only, which changes nothing: no page elsewhere can use it against the admin API.
///
/// Tenants are made when somebody first needs them: an issuer that is down delays nothing else.
@ApplicationScoped
class OidcTenants implements TenantConfigResolver {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    /// Seconds that the issuer's clock may be ahead or behind.
    private static final int SKEW = 10;

    private final @Nullable OidcTenantConfig browsers;
    private final @Nullable OidcTenantConfig programs;

    /// For CDI.
    OidcTenants(Service service) throws IOException, InvalidSettings {
        Optional<Oidc> oidc = service.settings().oidc();
        if (oidc.isPresent()) {
            browsers = browsers(oidc.get(), service);
            programs = programs(oidc.get());
        } else {
            browsers = null;
            programs = null;
        }
    }

    /// Whether it is a browser's, which can be led to the issuer and comes back with a cookie.
    static boolean isBrowser(RoutingContext context) {
        return Guard.isDashboard(context.normalizedPath())
                && !context.request().headers().contains(HttpHeaders.AUTHORIZATION);
    }

    @Override
    public Uni<OidcTenantConfig> resolve(RoutingContext context, OidcRequestContext<OidcTenantConfig> request) {
        return Uni.createFrom().item(isBrowser(context) ? browsers : programs);
    }

    private static OidcTenantConfig browsers(Oidc oidc, Service service) throws IOException, InvalidSettings {
        String cookieKey;
        try (Secret key = service.cookieKey()) {
            cookieKey = HexFormat.of().formatHex(key.expose(InsecureSecretAccess.get()));
        }
        OidcTenantConfigBuilder tenant = tenant("browsers", ApplicationType.WEB_APP, oidc)
                .roles(Source.idtoken, oidc.rolesClaim())
                .authentication()
                .redirectPath(Guard.DASHBOARD)
                .scopes(oidc.scopes())
                .pkceRequired()
                .nonceRequired()
                .stateSecret(cookieKey)
                .cookieForceSecure()
                .cookiePath(Guard.DASHBOARD)
                .cookieSameSite(CookieSameSite.LAX)
                .end()
                .tokenStateManager()
                // Nothing is asked in the person's name: no other token is kept.
                .strategy(Strategy.ID_TOKEN)
                .encryptionSecret(cookieKey)
                .end();
        token(tenant, oidc, oidc.clientId());
        if (oidc.clientSecret().isPresent()) {
            tenant.credentials(Oidc.readSecret(oidc.clientSecret().get()));
        }
        return tenant.build();
    }

    private static OidcTenantConfig programs(Oidc oidc) {
        OidcTenantConfigBuilder tenant =
                tenant("programs", ApplicationType.SERVICE, oidc).roles(Source.accesstoken, oidc.rolesClaim());
        token(tenant, oidc, oidc.audience());
        return tenant.build();
    }

    private static OidcTenantConfigBuilder tenant(String id, ApplicationType type, Oidc oidc) {
        return OidcTenantConfig.authServerUrl(oidc.issuer().toString())
                .tenantId(id)
                .applicationType(type)
                .clientId(oidc.clientId())
                .tlsConfigurationName(Coordinator.ISSUER_TLS)
                .connectionTimeout(PATIENCE);
    }

    /// Tokens are checked here, by the issuer's keys; nothing is asked about one.
    private static void token(OidcTenantConfigBuilder tenant, Oidc oidc, String audience) {
        var _ = tenant.token()
                .issuer(oidc.issuer().toString())
                .audience(audience)
                .subjectRequired()
                .lifespanGrace(SKEW)
                .allowJwtIntrospection(false)
                .allowOpaqueTokenIntrospection(false)
                .end();
    }
}

package dev.sotto.coordinator.rest;

import dev.sotto.coordinator.Service;
import dev.sotto.coordinator.enrolment.Acts;
import dev.sotto.coordinator.settings.Oidc;
import io.quarkus.oidc.OidcConfigurationMetadata;
import io.quarkus.oidc.OidcTenantConfig;
import io.quarkus.oidc.runtime.OidcAuthenticationMechanism;
import io.quarkus.oidc.runtime.OidcUtils;
import io.quarkus.security.AuthenticationCompletionException;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.AuthenticationRedirectException;
import io.quarkus.security.identity.IdentityProviderManager;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.security.ChallengeData;
import io.smallrye.mutiny.Uni;
import io.vertx.core.http.Cookie;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.microprofile.jwt.JsonWebToken;
import org.jboss.logging.Logger;
import org.jose4j.jwt.consumer.InvalidJwtException;

/// Who somebody is by what the issuer of the settings says: [OidcTenants] says how it is asked.
@ApplicationScoped
class SignOn {
    private static final Logger LOG = Logger.getLogger(SignOn.class);
    private static final Pattern SUBJECT = Pattern.compile("[\\x20-\\x7e]{1,255}");

    private final OidcAuthenticationMechanism mechanism;
    private final IdentityProviderManager identities;
    private final Optional<Oidc> oidc;
    private final AtomicBoolean answers = new AtomicBoolean(true);

    /// For CDI.
    SignOn(OidcAuthenticationMechanism mechanism, IdentityProviderManager identities, Service service) {
        this.mechanism = mechanism;
        this.identities = identities;
        this.oidc = service.settings().oidc();
    }

    /// What is answered.
    sealed interface Answer {
        /// Somebody who has one of the roles.
        record Known(Caller caller) implements Answer {}

        /// To be sent elsewhere: to the issuer, or from there to the page.
        record Redirect(int status, String location) implements Answer {}

        /// Not let in.
        ///
        /// @param status 401, 403 or 503
        record Refusal(int status, String detail) implements Answer {}
    }

    /// Asks who it is. It does not fail.
    Uni<Answer> ask(RoutingContext context) {
        return Uni.createFrom()
                .deferred(() -> mechanism.authenticate(context, identities))
                .flatMap(identity ->
                        identity == null ? challenge(context) : Uni.createFrom().item(known(context, identity)))
                .onFailure()
                .recoverWithUni(failure -> refused(context, failure))
                .onFailure()
                .recoverWithItem(this::unanswered);
    }

    private Answer known(RoutingContext context, SecurityIdentity identity) {
        Oidc settings = oidc.orElseThrow();
        answers.set(true);
        if (OidcTenants.isBrowser(context) && context.normalizedPath().equals(Guard.SIGN_OUT)) {
            return signedOut(context, identity, settings);
        }
        JsonWebToken token = (JsonWebToken) identity.getPrincipal();
        String subject = Optional.ofNullable(token.getSubject()).orElse("");
        if (!SUBJECT.matcher(subject).matches()) {
            return new Answer.Refusal(401, "the token's sub must be 1 to 255 printable ASCII characters");
        }
        Optional<Caller.Role> role = has(identity, settings.adminRole())
                ? Optional.of(Caller.Role.ADMIN)
                : has(identity, settings.viewerRole()) ? Optional.of(Caller.Role.VIEWER) : Optional.empty();
        if (role.isEmpty()) {
            return new Answer.Refusal(
                    403,
                    "you are known as " + token.getName() + ", and have no role here: needs " + roles()
                            + (OidcTenants.isBrowser(context)
                                    ? "; " + Guard.SIGN_OUT + " lets you come as somebody else"
                                    : ""));
        }
        return new Answer.Known(new Caller(
                role.get(),
                Acts.Actor.signedOn(settings.issuer(), subject, token.getName()),
                Instant.ofEpochSecond(token.getExpirationTime())));
    }

    /// Here at once, and at the issuer, if it has a page for that: it asks the person. No token is sent through the
    /// address of that page.
    private static Answer signedOut(RoutingContext context, SecurityIdentity identity, Oidc settings) {
        OidcTenantConfig tenant = context.get(OidcTenantConfig.class.getName());
        context.request().cookies().stream()
                .map(Cookie::getName)
                .filter(OidcUtils::isSessionCookie)
                .toList()
                .forEach(name -> OidcUtils.removeCookie(context, tenant, name));
        OidcConfigurationMetadata metadata = identity.getAttribute(OidcUtils.CONFIG_METADATA_ATTRIBUTE);
        String page = metadata == null ? null : metadata.getEndSessionUri();
        if (page == null) {
            return new Answer.Refusal(401, "you are signed out here; " + settings.issuer() + " may know you still");
        }
        return new Answer.Redirect(
                303,
                page + (page.contains("?") ? "&" : "?") + "client_id=" + encoded(settings.clientId())
                        + "&post_logout_redirect_uri="
                        + encoded("https://" + context.request().authority() + Guard.DASHBOARD));
    }

    private static String encoded(String value) {
        return URLEncoder.encode(value, StandardCharsets.UTF_8);
    }

    private String roles() {
        Oidc settings = oidc.orElseThrow();
        return settings.issuer() + " whose " + settings.rolesClaim() + " has "
                + Stream.of(
                                settings.adminRole().map(role -> "'" + role + "' (everything)"),
                                settings.viewerRole().map(role -> "'" + role + "' (reading)"))
                        .flatMap(Optional::stream)
                        .collect(Collectors.joining(" or "));
    }

    private static boolean has(SecurityIdentity identity, Optional<String> role) {
        return role.filter(identity.getRoles()::contains).isPresent();
    }

    private Uni<Answer> refused(RoutingContext context, Throwable failure) {
        return switch (failure) {
            case AuthenticationRedirectException redirect ->
                Uni.createFrom().item(new Answer.Redirect(redirect.getCode(), redirect.getRedirectUri()));
            // A browser that came back with something else than it was sent for: a new start is the person's to ask.
            case AuthenticationCompletionException completion ->
                Uni.createFrom().item(isUnanswered(completion) ? unanswered(completion) : notCompleted(completion));
            case AuthenticationFailedException wrong ->
                OidcTenants.isBrowser(context)
                        ? challenge(context)
                        : Uni.createFrom()
                                .item(new Answer.Refusal(
                                        401,
                                        "the token is refused"
                                                + reason(wrong, ": it is no token of the issuer's, signed by it")));
            case IllegalArgumentException malformed ->
                Uni.createFrom().item(new Answer.Refusal(401, "the token or the cookies are not of here"));
            default -> Uni.createFrom().failure(failure);
        };
    }

    private static Answer notCompleted(Throwable failure) {
        LOG.warnf("signing on has failed%s", reason(failure, ": what came back is no answer to what was asked"));
        return new Answer.Refusal(401, "signing on has failed; load " + Guard.DASHBOARD + " to begin again");
    }

    /// The page leads to the issuer; a script of it, and a program, are told.
    private Uni<Answer> challenge(RoutingContext context) {
        String detail = "needs a certificate of this federation, or a token of " + roles();
        if (!context.normalizedPath().equals(Guard.DASHBOARD) || !Guard.isReading(context)) {
            return Uni.createFrom().item(new Answer.Refusal(401, detail));
        }
        return mechanism.getChallenge(context).map(challenge -> challenge(challenge, detail));
    }

    private static Answer challenge(ChallengeData challenge, String detail) {
        return challenge.getHeaders().entrySet().stream()
                .filter(header -> header.getKey().toString().equalsIgnoreCase("Location"))
                .findFirst()
                .<Answer>map(header -> new Answer.Redirect(challenge.status, header.getValue()))
                .orElseGet(() -> new Answer.Refusal(401, detail));
    }

    /// What is wrong with a token, without what else it says: that is about a person.
    private static String reason(Throwable failure, String other) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof InvalidJwtException invalid
                    && !invalid.getErrorDetails().isEmpty()) {
                return ": " + invalid.getErrorDetails().getFirst().getErrorMessage();
            }
        }
        return other;
    }

    /// Of a request that failed without a cause, as where a connection is closed, Quarkus leaves a
    /// [NullPointerException].
    private static boolean isUnanswered(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof IOException
                    || cause instanceof TimeoutException
                    || cause instanceof NullPointerException) {
                return true;
            }
        }
        return false;
    }

    private Answer unanswered(Throwable failure) {
        URI issuer = oidc.orElseThrow().issuer();
        if (answers.getAndSet(false)) {
            LOG.warnf("the issuer %s does not answer, nobody signs on until it does: %s", issuer, failure);
        }
        return new Answer.Refusal(503, "the issuer " + issuer + " does not answer; certificates are as good as before");
    }
}

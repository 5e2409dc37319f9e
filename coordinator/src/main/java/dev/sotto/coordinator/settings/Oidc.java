package dev.sotto.coordinator.settings;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/// The OpenID Connect issuer whose people and programs may use the dashboard and the admin API, beside the holders of
/// certificates: `oidc` of `federation.yaml`. Whoever runs the issuer decides who has the two roles.
///
/// @param issuer       `iss` of every token; its metadata lie below it, at `/.well-known/openid-configuration`
/// @param clientId     of the dashboard at the issuer, and `aud` of the ID tokens that it gets there
/// @param clientSecret the file with the client's secret; empty of a public client, which PKCE protects alone
/// @param audience     `aud` of the access tokens that programs send
/// @param scopes       that the dashboard asks for beside `openid`
/// @param rolesClaim   where tokens hold roles: the names on the way, with `/` between them
/// @param adminRole    who has it may do everything; empty if the issuer makes no administrators
/// @param viewerRole   who has it may read; empty if the issuer makes no viewers
/// @param ca           PEM of those who certify the issuer's TLS; empty if the JVM trusts them already
public record Oidc(
        URI issuer,
        String clientId,
        Optional<Path> clientSecret,
        String audience,
        List<String> scopes,
        String rolesClaim,
        Optional<String> adminRole,
        Optional<String> viewerRole,
        Optional<Path> ca) {
    private static final Pattern ISSUER = Pattern.compile("https://[^/\\s?#@]+(/[^\\s?#]*)?");
    private static final Pattern WORD = Pattern.compile("[\\x21-\\x7e]{1,256}");
    private static final String WORDS = "1 to 256 printable ASCII characters without a space";

    /// Copies the list.
    public Oidc {
        scopes = List.copyOf(scopes);
    }

    /// @param file `federation.yaml`; the other files are relative to it
    static Oidc read(Path file, Section section) throws IOException, InvalidSettings {
        String clientId = section.text("clientId", WORD, WORDS);
        Oidc oidc = new Oidc(
                issuer(section),
                clientId,
                file(file, section, "clientSecretFile", "the file with the client's secret"),
                section.has("audience") ? section.text("audience", WORD, WORDS) : clientId,
                section.has("scopes") ? section.texts("scopes", WORD, "a scope: " + WORDS) : List.of(),
                section.has("rolesClaim") ? section.text("rolesClaim", WORD, WORDS) : "groups",
                role(section, "adminRole"),
                role(section, "viewerRole"),
                file(file, section, "caFile", "the PEM file of those who certify the issuer's TLS"));
        section.done();
        if (oidc.adminRole.isEmpty() && oidc.viewerRole.isEmpty()) {
            throw section.bad("adminRole", "", "given, or viewerRole, or both: nobody could sign on");
        }
        if (oidc.adminRole.equals(oidc.viewerRole)) {
            throw section.bad("viewerRole", oidc.viewerRole.orElse(""), "another one than adminRole");
        }
        // What is wrong with these files is said at the start, not to the first who signs on.
        if (oidc.clientSecret.isPresent()) {
            var _ = readSecret(oidc.clientSecret.get());
        }
        if (oidc.ca.isPresent()) {
            requireCertificates(oidc.ca.get());
        }
        return oidc;
    }

    /// Reads a client's secret, under the rule of [Folder#readSecret]. Quarkus takes it as a text.
    ///
    /// @throws InvalidSettings if others may read it, or it is empty
    public static String readSecret(Path file) throws IOException, InvalidSettings {
        String secret = new String(Folder.readSecretBytes(file), StandardCharsets.UTF_8).strip();
        if (secret.isEmpty()) {
            throw new InvalidSettings(file + " is empty; a client's secret is not");
        }
        return secret;
    }

    private static URI issuer(Section section) throws InvalidSettings {
        String allowed = "https://HOST[:PORT][/PATH], letter for letter as iss of its tokens has it";
        String text = section.text("issuer", ISSUER, allowed);
        try {
            URI issuer = new URI(text);
            if (issuer.getHost() == null) {
                throw section.bad("issuer", text, allowed);
            }
            return issuer;
        } catch (URISyntaxException e) {
            throw section.bad("issuer", text, allowed);
        }
    }

    private static Optional<String> role(Section section, String key) throws InvalidSettings {
        return section.has(key)
                ? Optional.of(section.text(
                        key, Pattern.compile("[^\\p{Cntrl}\\s]{1,256}"), "1 to 256 characters without a space"))
                : Optional.empty();
    }

    private static Optional<Path> file(Path settings, Section section, String key, String description)
            throws InvalidSettings {
        if (!section.has(key)) {
            return Optional.empty();
        }
        String name = section.text(key, Pattern.compile("\\S+"), description);
        try {
            Path file = settings.resolveSibling(name);
            if (!Files.isReadable(file) || !Files.isRegularFile(file)) {
                throw section.bad(key, name, description + "; " + file + " is no file that may be read");
            }
            return Optional.of(file);
        } catch (InvalidPathException e) {
            throw section.bad(key, name, description);
        }
    }

    private static void requireCertificates(Path pem) throws IOException, InvalidSettings {
        try {
            if (CertificateFactory.getInstance("X.509")
                    .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(pem)))
                    .isEmpty()) {
                throw new InvalidSettings(pem + " has no certificate");
            }
        } catch (CertificateException e) {
            throw new InvalidSettings(pem + " is not PEM with certificates: " + e.getMessage());
        }
    }
}

package dev.sotto.coordinator;

import dev.sotto.coordinator.settings.Folder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// Settings with `oidc`, for an issuer that is not there yet: a test may start it, with the certificate in the folder
/// `issuer` beside the federation's, whose CA is not the federation's.
public final class HttpsWithIssuer extends Https {
    static final String SECRET = "a secret that the issuer knows too";

    /// For JUnit.
    public HttpsWithIssuer() {}

    @Override
    void configure(Folder folder, Path layout) throws IOException {
        String issuer = "https://127.0.0.1:" + freePort();
        Folder other = new Folder(folder.path().resolveSibling("issuer"));
        init(other, issuer, layout);
        Files.copy(other.ca(), folder.path().resolve("issuer-ca.pem"));
        Folder.writeSecret(
                folder.path().resolve("oidc-secret"), SECRET.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
        var _ = Files.writeString(folder.settings(), """
                oidc:
                  issuer: %s
                  clientId: sotto
                  clientSecretFile: oidc-secret
                  audience: sotto-admin-api
                  scopes: [profile]
                  rolesClaim: realm_access/roles
                  adminRole: sotto-admin
                  viewerRole: sotto-viewer
                  caFile: issuer-ca.pem
                """.formatted(issuer + Issuer.PATH), StandardOpenOption.APPEND);
    }
}

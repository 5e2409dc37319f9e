package dev.sotto.participant.enrolment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.net.URI;
import java.security.SecureRandom;
import java.util.Base64;

/// A member's next TLS certificate, with a new key; its name for Kafka stays.
public final class Renewal {
    private final Primitives primitives;

    /// Signs requests with the organisation's identity.
    public Renewal(Primitives primitives) {
        this.primitives = primitives;
    }

    /// Asks the coordinator, and puts key and certificate into the home at once. Whoever has connections open keeps
    /// them.
    ///
    /// @throws Failed if the coordinator refuses or cannot be reached
    public void renew(Home home) throws IOException, InvalidFile, Failed, InterruptedException {
        Membership membership = Home.readJson(home.federation(), Membership.class);
        try (CertificateRequest tls = CertificateRequest.create(membership.principal(), new SecureRandom())) {
            String signature;
            try (Secret identity = Home.readSecret(home.identity())) {
                signature = Base64.getEncoder()
                        .encodeToString(primitives
                                .sign(
                                        identity,
                                        Registry.renewalSigned(
                                                membership.federation(),
                                                membership.organisation(),
                                                Enc.sha256(tls.csr())))
                                .toArray());
            }
            JsonNode renewed = CoordinatorClient.withCertificate(
                            URI.create(membership.coordinatorUrl()), home.tls(), home.ca())
                    .send(
                            "POST",
                            "/certificate",
                            new ObjectMapper()
                                    .createObjectNode()
                                    .put("csr", tls.csrPem())
                                    .put("signature", signature));
            String certificate = renewed.path("certificate").asText();
            if (!certificate.startsWith("-----BEGIN CERTIFICATE-----")) {
                throw new Failed("the coordinator's answer holds no certificate");
            }
            tls.write(home.tls(), certificate);
        }
    }
}

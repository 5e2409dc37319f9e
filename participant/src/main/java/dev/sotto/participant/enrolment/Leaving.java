package dev.sotto.participant.enrolment;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.net.URI;
import java.util.Base64;

/// Ends this organisation's membership, by its own signature, which the registry keeps.
public final class Leaving {
    private final Primitives primitives;

    /// Signs with the organisation's identity.
    public Leaving(Primitives primitives) {
        this.primitives = primitives;
    }

    /// Asks the coordinator; when it returns, the organisation is no member.
    ///
    /// @param reason for people, may be empty: all members can read it
    /// @throws Failed if the coordinator refuses or cannot be reached
    public void leave(Home home, String reason) throws IOException, InvalidFile, Failed, InterruptedException {
        Membership membership = Home.readJson(home.federation(), Membership.class);
        String signature;
        try (Secret identity = Home.readSecret(home.identity())) {
            signature = Base64.getEncoder()
                    .encodeToString(primitives
                            .sign(
                                    identity,
                                    Registry.leaveSigned(
                                            membership.federation(),
                                            membership.organisation(),
                                            membership.principal(),
                                            reason))
                            .toArray());
        }
        var _ = CoordinatorClient.withCertificate(URI.create(membership.coordinatorUrl()), home.tls(), home.ca())
                .send(
                        "POST",
                        "/leave",
                        new ObjectMapper()
                                .createObjectNode()
                                .put("reason", reason)
                                .put("signature", signature));
    }
}

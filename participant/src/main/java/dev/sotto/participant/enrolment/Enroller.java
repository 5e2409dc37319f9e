package dev.sotto.participant.enrolment;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.participant.home.Enrolling;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.participant.home.Settings;
import dev.sotto.schemas.Bytes;
import dev.sotto.training.checkpoint.InvalidFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Makes an organisation's keys here and has the coordinator enrol them. No secret leaves this folder.
public final class Enroller {
    private final Primitives primitives;
    private final Randomness randomness;

    /// With the organisation's own randomness.
    public Enroller(Primitives primitives, Randomness randomness) {
        this.primitives = primitives;
        this.randomness = randomness;
    }

    /// Enrols, and fills the home. The keys are kept before the coordinator hears of them: an enrolment that was
    /// broken off, at any point, is ended by calling this again with the same invite.
    ///
    /// @return the fingerprint of the identity key, which peers are told by telephone
    /// @throws Failed      if the home is in use, or the coordinator refuses or is not the invite's
    /// @throws InvalidFile if what an enrolment left that was broken off is damaged
    public Bytes enrol(Invite invite, Home home) throws IOException, InvalidFile, Failed, InterruptedException {
        if (Files.exists(home.federation())) {
            throw new Failed(home.path() + " belongs to a member already; enrol into another --home");
        }
        Files.createDirectories(home.path());
        try (FileLock _ = home.lock()) {
            Enrolling now = new Enrolling(
                    invite.federation(),
                    invite.organisation(),
                    Enc.sha256(invite.token()).hex());
            if (!now.equals(begun(home))) {
                begin(now, home);
            }
            Bytes identityKey = enrolKept(invite, home);
            Files.delete(home.enrolling());
            return Enc.sha256(identityKey);
        }
    }

    private static @Nullable Enrolling begun(Home home) throws IOException, InvalidFile {
        return Files.exists(home.enrolling()) ? Home.readJson(home.enrolling(), Enrolling.class) : null;
    }

    /// What is there is of another invite, which these keys are not for.
    private void begin(Enrolling now, Home home) throws IOException, InvalidFile {
        Files.deleteIfExists(home.enrolling());
        try (Secret identity = randomness.secret(32);
                Secret delivery = randomness.secret(32);
                Secret drawSalt = randomness.secret(32)) {
            Home.writeSecret(home.identity(), identity);
            Home.writeSecret(home.delivery(), delivery);
            Home.writeSecret(home.drawSalt(), drawSalt);
        }
        Home.writeSecretJson(home.enrolling(), now);
    }

    private Bytes enrolKept(Invite invite, Home home) throws IOException, InvalidFile, Failed, InterruptedException {
        try (CertificateRequest tls = CertificateRequest.create(invite.organisation(), new SecureRandom());
                Secret identity = Home.readSecret(home.identity());
                Secret delivery = Home.readSecret(home.delivery())) {
            Bytes identityKey = primitives.identityKey(identity);
            Bytes deliveryKey = primitives.kemKey(delivery);
            JsonNode granted = CoordinatorClient.pinned(invite.url(), invite.caFingerprint())
                    .send("POST", "/enrolment", request(invite, tls, identity, identityKey, deliveryKey));
            Bytes coordinatorKey = decode(granted.path("coordinatorIdentityKey").asText());
            if (!Enc.sha256(coordinatorKey).equals(invite.coordinatorFingerprint())) {
                throw new Failed(
                        "the coordinator's identity key is not the one in the invite; it was not enrolled with");
            }
            Membership membership = membership(invite, granted);
            tls.write(home.tls(), granted.path("certificate").asText());
            Files.writeString(home.ca(), granted.path("ca").asText());
            writeForPeople(home.policy(), Policy.TEMPLATE, Policy.schema());
            writeForPeople(home.settings(), Settings.TEMPLATE, Settings.schema());
            Home.writeJson(
                    home.peers(),
                    new Peers(
                            new TreeMap<>(Map.of(invite.organisation(), Peers.Pin.of(identityKey, deliveryKey))),
                            Bytes.zeros(Enc.HASH).hex()));
            Home.writeJson(home.federation(), membership);
            return identityKey;
        }
    }

    /// A file that is there stays as it is; editors find the schema beside it.
    private static void writeForPeople(Path file, String template, InputStream schema) throws IOException {
        try (schema) {
            Files.write(
                    file.resolveSibling(file.getFileName().toString().replace(".yaml", ".schema.json")),
                    schema.readAllBytes());
        }
        if (!Files.exists(file)) {
            Files.writeString(file, template);
        }
    }

    private static Membership membership(Invite invite, JsonNode granted) throws Failed {
        try {
            return new Membership(
                    invite.federation(),
                    invite.organisation(),
                    granted.path("principal").asText(),
                    granted.path("bootstrapServers").asText(),
                    invite.url().toString(),
                    granted.path("coordinatorIdentityKey").asText(),
                    granted.path("publicSeed").asText());
        } catch (IllegalArgumentException e) {
            throw new Failed("the coordinator's answer is not as it must be: " + e.getMessage(), e);
        }
    }

    private ObjectNode request(
            Invite invite, CertificateRequest tls, Secret identity, Bytes identityKey, Bytes deliveryKey) {
        Bytes signed = Registry.enrolmentSigned(
                invite.federation(),
                invite.organisation(),
                Enc.sha256(invite.token()),
                Enc.sha256(tls.csr()),
                deliveryKey);
        return new ObjectMapper()
                .createObjectNode()
                .put("token", base64(invite.token()))
                .put("organisation", invite.organisation())
                .put("csr", tls.csrPem())
                .put("identityKey", base64(identityKey))
                .put("deliveryKey", base64(deliveryKey))
                .put(
                        "deliverySignature",
                        base64(Registry.signDelivery(
                                primitives, identity, invite.federation(), invite.organisation(), deliveryKey)))
                .put("signature", base64(primitives.sign(identity, signed)));
    }

    private static String base64(Bytes bytes) {
        return Base64.getEncoder().encodeToString(bytes.toArray());
    }

    private static Bytes decode(String text) throws Failed {
        try {
            return Bytes.of(Base64.getDecoder().decode(text));
        } catch (IllegalArgumentException e) {
            throw new Failed("the coordinator's answer is not as it must be", e);
        }
    }
}

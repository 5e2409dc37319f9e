package dev.sotto.participant.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Enrolments that are broken off between the coordinator's entry in the registry and the organisation's last file.
class EnrollerTest {
    private static final Primitives PRIMITIVES = new BouncyCastlePrimitives();
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Bytes coordinatorKey =
            PRIMITIVES.identityKey(Randomness.secure().secret(32));
    private final List<JsonNode> asked = new ArrayList<>();
    private final TlsServer coordinator = new TlsServer(this::answer);
    private final Enroller enroller = new Enroller(PRIMITIVES, Randomness.secure());
    private boolean silent;

    @TempDir
    private Path folder = Path.of("");

    EnrollerTest() throws Exception {}

    @AfterEach
    void stop() {
        coordinator.close();
    }

    private void answer(HttpExchange exchange) throws IOException {
        asked.add(JSON.readTree(exchange.getRequestBody().readAllBytes()));
        if (!silent) {
            byte[] body = JSON.writeValueAsBytes(JSON.createObjectNode()
                    .put("certificate", "certificate " + asked.size())
                    .put("ca", "ca")
                    .put("principal", "acme")
                    .put("bootstrapServers", "kafka:9093")
                    .put("publicSeed", "00".repeat(32))
                    .put("coordinatorIdentityKey", Base64.getEncoder().encodeToString(coordinatorKey.toArray())));
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
        }
        exchange.close();
    }

    private Invite invite(String token) throws Exception {
        return new Invite(
                coordinator.url(),
                "north",
                "acme",
                Enc.hash(token),
                coordinator.fingerprint(),
                Enc.sha256(coordinatorKey));
    }

    @Test
    void answerThatIsLost_isAskedForAgainWithTheSameKeys() throws Exception {
        Home home = new Home(folder.resolve("acme"));
        silent = true;
        assertThatThrownBy(() -> enroller.enrol(invite("first"), home)).isInstanceOf(Failed.class);
        assertThat(home.federation()).doesNotExist();

        silent = false;
        Bytes fingerprint = enroller.enrol(invite("first"), home);

        sameKeys(asked.getFirst(), asked.getLast());
        assertThat(asked.getLast().path("csr").asText())
                .isNotEqualTo(asked.getFirst().path("csr").asText());
        assertThat(fingerprint).isEqualTo(Enc.sha256(PRIMITIVES.identityKey(Home.readSecret(home.identity()))));
        assertThat(Home.readJson(home.federation(), Membership.class).principal())
                .isEqualTo("acme");
        assertThat(home.enrolling()).doesNotExist();
    }

    @Test
    void processThatDiesWithTheAnswer_asksAgainWithTheSameKeys() throws Exception {
        Home home = new Home(folder.resolve("acme"));
        // A file cannot take a folder's place: the last file but one is not written.
        Files.createDirectories(home.peers().resolve("in the way"));
        assertThatThrownBy(() -> enroller.enrol(invite("first"), home)).isInstanceOf(FileSystemException.class);
        Files.delete(home.peers().resolve("in the way"));
        Files.delete(home.peers());

        var _ = enroller.enrol(invite("first"), home);

        sameKeys(asked.getFirst(), asked.getLast());
        assertThat(Files.readString(home.tls())).contains("certificate " + asked.size());
        assertThatThrownBy(() -> enroller.enrol(invite("first"), home))
                .isInstanceOf(Failed.class)
                .hasMessageContaining("belongs to a member already");
    }

    /// Keys that another federation or generation may know are not used again.
    @Test
    void anotherInvite_isForOtherKeys() throws Exception {
        Home home = new Home(folder.resolve("acme"));
        silent = true;
        assertThatThrownBy(() -> enroller.enrol(invite("first"), home)).isInstanceOf(Failed.class);
        silent = false;
        var _ = enroller.enrol(invite("second"), home);
        assertThat(asked.getLast().path("identityKey"))
                .isNotEqualTo(asked.getFirst().path("identityKey"));
        assertThat(asked.getLast().path("deliveryKey"))
                .isNotEqualTo(asked.getFirst().path("deliveryKey"));
    }

    private static void sameKeys(JsonNode first, JsonNode last) {
        for (String key : List.of("token", "identityKey", "deliveryKey", "deliverySignature")) {
            assertThat(last.path(key).asText())
                    .as(key)
                    .isNotEmpty()
                    .isEqualTo(first.path(key).asText());
        }
    }
}

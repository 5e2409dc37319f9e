package dev.sotto.participant.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.MissingNode;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.participant.cli.Sotto;
import dev.sotto.participant.home.Failed;
import dev.sotto.participant.home.Home;
import dev.sotto.schemas.Bytes;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// A participant at coordinators that are not the one it was built for.
class CoordinatorClientTest {
    private final TlsServer server;
    private String speaks = "1";
    private String heard = "";
    private String shown = "";

    CoordinatorClientTest() throws Exception {
        server = new TlsServer(exchange -> {
            heard = String.valueOf(exchange.getRequestHeaders().getFirst("Sotto-Protocol"));
            shown = String.valueOf(exchange.getRequestHeaders().getFirst("Authorization"));
            if (!speaks.isEmpty()) {
                exchange.getResponseHeaders().add("Sotto-Protocol", speaks);
            }
            byte[] body = "{\"ok\":true}".getBytes(StandardCharsets.US_ASCII);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
    }

    @AfterEach
    void stop() {
        server.close();
    }

    /// `sotto admin` with a token: the folder needs no certificate then.
    @Test
    void admin_showsTheTokenOfAFile_thatOnlyItsOwnerMayRead(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("federation.yaml"), "url: " + server.url());
        Files.writeString(folder.resolve("ca.pem"), server.pem());
        Path token = folder.resolve("token");
        Home.writeSecret(token, "eyJ0.eyJz.c2ln\n".getBytes(StandardCharsets.US_ASCII));
        assertThat(adminStatus(folder, token)).isEqualTo("0: ");
        assertThat(shown).isEqualTo("Bearer eyJ0.eyJz.c2ln");
        assertThat(heard).isEqualTo("1");

        shown = "";
        Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(adminStatus(folder, token)).startsWith("2: ").contains(token + ": has mode rw-r--r--");
        Files.setPosixFilePermissions(token, PosixFilePermissions.fromString("rw-------"));
        for (String bad : List.of("", "two words", "two\nlines", "b\u00e4d")) {
            Files.writeString(token, bad);
            assertThat(adminStatus(folder, token)).startsWith("2: ").contains(token + ": holds no access token");
        }
        assertThat(adminStatus(folder, folder.resolve("nowhere")))
                .startsWith("2: ")
                .contains("there is no such file");
        assertThat(shown).isEmpty();
    }

    private static String adminStatus(Path folder, Path token) {
        StringWriter err = new StringWriter();
        CommandLine line = Sotto.commandLine();
        line.setOut(new PrintWriter(new StringWriter(), true));
        line.setErr(new PrintWriter(err, true));
        return line.execute("admin", "status", "--coordinator", folder.toString(), "--token-file", token.toString())
                + ": " + err;
    }

    private CoordinatorClient pinned(Bytes ca) {
        return CoordinatorClient.pinned(server.url(), ca);
    }

    private boolean ask() throws Exception {
        return pinned(server.fingerprint())
                .send("GET", "/", MissingNode.getInstance())
                .path("ok")
                .asBoolean();
    }

    @Test
    void coordinator_thatSharesAVersionOrSaysNone_isSpokenWith() throws Exception {
        for (String shared : new String[] {"1", "1, 2", ""}) {
            speaks = shared;
            assertThat(ask()).as(shared).isTrue();
        }
        assertThat(heard).isEqualTo("1");
    }

    @Test
    void coordinator_ofAnotherVersion_isNotSpokenWith() {
        speaks = "2";
        assertThatThrownBy(this::ask)
                .isInstanceOf(Failed.class)
                .hasMessageStartingWith("PROTOCOL: the coordinator at https://127.0.0.1:")
                .hasMessageContaining("speaks version 2 of the protocol, this program version 1");
        assertThatThrownBy(() -> pinned(server.fingerprint()).time())
                .isInstanceOf(Failed.class)
                .hasMessageStartingWith("PROTOCOL:");
    }

    /// Another coordinator at the invite's address: nothing is sent to it.
    @Test
    void coordinator_thatIsNotTheInvites_hearsNothing() {
        assertThatThrownBy(() -> pinned(Enc.hash("another")).send("GET", "/", MissingNode.getInstance()))
                .isInstanceOf(Failed.class)
                .hasMessageContaining("its CA is not the one in the invite");
        assertThat(heard).isEmpty();
    }
}

package dev.sotto.participant.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.participant.home.Departure;
import dev.sotto.participant.home.Home;
import dev.sotto.participant.home.Membership;
import dev.sotto.participant.home.Peers;
import dev.sotto.participant.home.Policy;
import dev.sotto.schemas.Bytes;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/// What a member does to end something, as far as it can without its federation; the rest is in FederationIT.
class MembershipTest {
    private final Home home;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    MembershipTest(@TempDir Path folder) throws Exception {
        home = new Home(folder);
        Home.writeJson(
                home.federation(),
                new Membership("north", "acme", "acme", "b:1", "https://c:1", "A".repeat(43) + "=", "00".repeat(32)));
        Files.writeString(home.policy(), Policy.TEMPLATE);
    }

    private int sotto(String... arguments) {
        CommandLine line = Sotto.commandLine();
        line.setOut(new PrintWriter(out, true));
        line.setErr(new PrintWriter(err, true));
        return line.execute(arguments);
    }

    @Test
    void leave_ofAnotherOrganisation_isRefusedBeforeAnythingIsAsked() {
        assertThat(sotto("leave", "bank", "--home", home.path().toString())).isEqualTo(2);
        assertThat(err.toString()).contains("'bank' is not the organisation of " + home.path() + ", which is acme");
        assertThat(home.left()).doesNotExist();
    }

    @Test
    void leave_wipe_deletesSecretsAndVectors_andKeepsWhatWasLearnedAndSigned() throws Exception {
        Home.writeJson(home.left(), new Departure("2026-03-01T10:00:00Z", "done"));
        for (Path gone : List.of(home.identity(), home.delivery(), home.drawSalt(), home.tls())) {
            Files.writeString(gone, "secret");
        }
        for (Path folder : List.of(home.spool(), home.controls(), home.plain(), home.models(), home.journal())) {
            Files.createDirectories(folder.resolve("deep"));
            Files.writeString(folder.resolve("deep").resolve("file"), "x");
        }
        try (var _ = home.lock()) {
            assertThat(sotto("leave", "acme", "--wipe", "--home", home.path().toString()))
                    .isEqualTo(1);
            assertThat(err.toString()).contains("another process works in");
            assertThat(home.identity()).exists();
        }
        assertThat(sotto("leave", "acme", "--wipe", "--home", home.path().toString()))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("acme left north at 2026-03-01T10:00:00Z", "are deleted");
        for (Path gone : List.of(
                home.identity(),
                home.delivery(),
                home.drawSalt(),
                home.tls(),
                home.spool(),
                home.controls(),
                home.plain())) {
            assertThat(gone).doesNotExist();
        }
        assertThat(home.models().resolve("deep/file")).exists();
        assertThat(home.journal().resolve("deep/file")).exists();

        assertThat(sotto("status", "--home", home.path().toString())).isZero();
        assertThat(out.toString()).contains("left          at 2026-03-01T10:00:00Z: done");
        assertThat(sotto("run", "--home", home.path().toString())).isEqualTo(1);
        assertThat(err.toString())
                .contains("acme left north at 2026-03-01T10:00:00Z; to come back, enrol into another --home");
    }

    @Test
    void peersRevoke_takesAnApprovalBack_andNeverItsOwn() throws Exception {
        Peers.Pin pin = Peers.Pin.of(Bytes.zeros(32), Bytes.zeros(1216));
        TreeMap<String, Peers.Pin> pinned = new TreeMap<>();
        for (String organisation : List.of("acme", "bank", "city")) {
            pinned.put(organisation, pin);
        }
        Home.writeJson(home.peers(), new Peers(pinned, "07".repeat(32)));
        assertThat(sotto(
                        "peers",
                        "revoke",
                        "bank",
                        "dairy",
                        "--home",
                        home.path().toString()))
                .isEqualTo(1);
        assertThat(err.toString()).contains("'dairy' is not approved by acme; nothing was revoked");
        assertThat(sotto("peers", "revoke", "acme", "--home", home.path().toString()))
                .isEqualTo(1);
        assertThat(Peers.read(home).pinned()).hasSize(3);
        assertThat(sotto("peers", "revoke", "bank", "--home", home.path().toString()))
                .isZero();
        assertThat(Peers.read(home).pinned()).containsOnlyKeys("acme", "city");
        assertThat(Peers.read(home).registryHead()).isEqualTo("07".repeat(32));
    }

    @Test
    void adminMembers_takesOnlyIds() {
        assertThat(sotto("admin", "members", "suspend", "../bank", "--reason", "no", "--coordinator", "."))
                .isEqualTo(2);
        assertThat(err.toString()).contains("'../bank' is not an organisation's id");
    }
}

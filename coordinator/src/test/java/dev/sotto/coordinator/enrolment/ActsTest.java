package dev.sotto.coordinator.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ActsTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final Acts.Actor ADMIN = Acts.Actor.certified("admin", "1f");

    private final List<Bytes> log = new ArrayList<>();

    @Test
    void acts_areToldByTheNextReplica() throws Exception {
        Acts acts = acts("secret");
        acts.record(ADMIN, "suspended", "acme", "under review", log::add);
        acts.record(ADMIN, "resumed", "acme", "", log::add);
        Acts.Told told = read(log);
        assertThat(told.acts())
                .containsExactly(
                        new Acts.Act(NOW, "admin", "1f", "", "", "suspended", "acme", "under review", null),
                        new Acts.Act(NOW, "admin", "1f", "", "", "resumed", "acme", "", null));
        assertThat(told.whole()).isTrue();
        assertThat(acts.told()).isEqualTo(told);
    }

    /// With the name alone somebody could be made to look like somebody else.
    @Test
    void actOfSomebodyWhoSignedOn_hasIssuerAndSubject_whichNobodyChangesUnseen() throws Exception {
        Acts acts = acts("secret");
        Acts.Actor alice =
                Acts.Actor.signedOn(URI.create("https://login.example"), "42", "alice\n\u202e" + "x".repeat(200));
        assertThat(alice.name()).isEqualTo("oidc:alice" + "x".repeat(123));
        acts.record(alice, "revoked", "acme", "no", log::add);
        acts.record(ADMIN, "revoked", "bank", "no", log::add);
        assertThat(read(log).acts())
                .containsExactly(
                        new Acts.Act(
                                NOW, alice.name(), "", "https://login.example", "42", "revoked", "acme", "no", null),
                        new Acts.Act(NOW, "admin", "1f", "", "", "revoked", "bank", "no", null));
        String hers = new String(log.getFirst().toArray(), StandardCharsets.UTF_8);
        refused(Bytes.utf8(hers.replace("\"42\"", "\"43\"")));
        refused(Bytes.utf8(hers.replace("login.example", "login.another")));
        refused(Bytes.utf8(hers.replace("\"issuer\":\"https://login.example\",\"subject\":\"42\",", "")));
        String admins = new String(log.get(1).toArray(), StandardCharsets.UTF_8);
        refused(Bytes.utf8(admins.replace("\"by\"", "\"subject\":\"42\",\"by\"")));
        // As coordinators wrote it before anybody could sign on.
        assertThat(admins).doesNotContain("issuer", "subject");
    }

    @Test
    void endOfACertificate_isTheLastOneIssued_andNobodyChangesItUnseen() throws Exception {
        Instant end = Instant.parse("2027-02-02T00:00:00Z");
        Acts acts = acts("secret");
        acts.record(Acts.Actor.INVITED, "enrolled", "acme", "generation 1", end.minusSeconds(9), log::add);
        acts.record(ADMIN, "renewed", "acme", "certificate 2f", end, log::add);
        acts.record(ADMIN, "suspended", "acme", "no", log::add);
        // As it was written before ends were recorded.
        acts.record(Acts.Actor.INVITED, "enrolled", "bank", "generation 1", log::add);
        for (Acts told : List.of(acts, folded(log))) {
            assertThat(told.certificateEnds("acme")).hasValue(end);
            assertThat(told.certificateEnds("bank")).isEmpty();
            assertThat(told.certificateEnds("city")).isEmpty();
        }
        String renewed = new String(log.get(1).toArray(), StandardCharsets.UTF_8);
        for (String[] change : new String[][] {
            {"2027-02-02", "2029-02-02"},
            {"\"ends\":\"2027-02-02T00:00:00Z\",", ""},
            {"2027-02-02T00:00:00Z", "soon"}
        }) {
            assertThat(renewed).contains(change[0]);
            refused(Bytes.utf8(renewed.replace(change[0], change[1])));
        }
    }

    @Test
    void actThatIsTakenOutOrMoved_isMissed() throws Exception {
        Acts acts = acts("secret");
        for (String organisation : List.of("acme", "bank", "city")) {
            acts.record(ADMIN, "revoked", organisation, "no", log::add);
        }
        assertThat(read(log).whole()).isTrue();
        assertThat(read(List.of(log.get(0), log.get(2))).whole()).isFalse();
        assertThat(read(log.subList(1, 3)).whole()).isFalse();
        assertThat(read(List.of(log.get(1), log.get(0), log.get(2))).whole()).isFalse();
        // Of the last ones no log can tell by itself; the registry's head is signed.
        assertThat(read(log.subList(0, 2)).whole()).isTrue();
    }

    @Test
    void actOfSomebodyElse_isRefused_andSoIsAChangedOne() {
        acts("secret").record(ADMIN, "revoked", "acme", "no", log::add);
        acts("guessed").record(ADMIN, "revoked", "bank", "no", log::add);
        refused(log.get(1));
        String own = new String(log.getFirst().toArray(), StandardCharsets.UTF_8);
        for (String[] change : new String[][] {
            {"2026-01-01", "2026-01-02"},
            {"admin", "acme"},
            {"1f", "2f"},
            {"revoked", "resumed"},
            {"acme", "bank"},
            {"\"no\"", "\"on\""},
            {Bytes.zeros(32).hex(), Enc.hash("x").hex()}
        }) {
            assertThat(own).contains(change[0]);
            refused(Bytes.utf8(own.replace(change[0], change[1])));
        }
        for (String bad : List.of("", "[]", "{}", "{\"at\":\"2026-01-01T00:00:00Z\",\"previous\":\"0\"}")) {
            refused(Bytes.utf8(bad));
        }
    }

    @Test
    void actThatIsNotWritten_didNotHappen() throws Exception {
        Acts acts = acts("secret");
        assertThatThrownBy(() -> acts.record(ADMIN, "revoked", "acme", "no", record -> {
                    throw new IllegalStateException("fenced");
                }))
                .hasMessage("fenced");
        assertThat(acts.told().acts()).isEmpty();
        acts.record(ADMIN, "revoked", "acme", "no", log::add);
        assertThat(read(log).whole()).isTrue();
    }

    private static void refused(Bytes record) {
        assertThatThrownBy(() -> acts("secret").take(record))
                .isInstanceOf(MalformedMessage.class)
                .hasMessageStartingWith("an act is");
    }

    private static Acts.Told read(List<Bytes> records) throws MalformedMessage {
        return folded(records).told();
    }

    private static Acts folded(List<Bytes> records) throws MalformedMessage {
        Acts acts = acts("secret");
        for (Bytes record : records) {
            acts.take(record);
        }
        return acts;
    }

    private static Acts acts(String secret) {
        return new Acts(act -> Enc.hash(secret, act), Clock.fixed(NOW, ZoneOffset.UTC));
    }
}

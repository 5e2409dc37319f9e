package dev.sotto.coordinator.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MalformedMessage;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InvitesTest {
    private static final Acts.Actor ADMIN = Acts.Actor.certified("admin", "1f");
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    private final List<Map.Entry<String, Bytes>> log = new ArrayList<>();
    private final Map<String, Integer> generations = new HashMap<>();
    private final Invites.Binding binding = binding("secret");

    private Invites.Binding binding(String secret) {
        return new Invites.Binding() {
            @Override
            public Bytes tag(Bytes invite) {
                return Enc.hash(secret, invite);
            }

            @Override
            public int generation(String organisation) {
                return generations.getOrDefault(organisation, 0);
            }
        };
    }

    @Test
    void token_letsItsOrganisationInOnce() throws Exception {
        Invites invites = at(NOW);
        Bytes token = invites.create("acme", Duration.ofHours(1), ADMIN);
        assertThat(invites.check("acme", token)).isEmpty();
        assertThat(invites.check("bank", token))
                .hasValueSatisfying(why -> assertThat(why).contains("'bank'"));
        assertThat(invites.revoke("acme", ADMIN, "")).isTrue();
        assertThat(invites.revoke("acme", ADMIN, "")).isFalse();
        assertThat(invites.check("acme", token)).isPresent();
        assertThat(invites.list()).isEmpty();
    }

    @Test
    void token_isNotKept() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        assertThat(log).hasSize(1);
        assertThat(new String(log.getFirst().getValue().toArray(), StandardCharsets.UTF_8))
                .doesNotContain(token.hex());
    }

    @Test
    void token_afterItsTime_isExpired() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        assertThat(at(NOW.plusSeconds(3600)).check("acme", token))
                .hasValueSatisfying(why -> assertThat(why).contains("expired"));
    }

    @Test
    void wrongTokens_blockTheInvite_alsoWithTheNextReplica() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        for (int i = 0; i < Invites.ATTEMPTS; i++) {
            assertThat(at(NOW).check("acme", Bytes.zeros(32))).isPresent();
        }
        assertThat(at(NOW).check("acme", token))
                .hasValueSatisfying(why -> assertThat(why).contains("blocked"));
        assertThat(at(NOW).list()).extracting(Invites.Invite::state).containsExactly("blocked");
    }

    @Test
    void voidedInvite_staysVoidWithTheNextReplica() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        assertThat(at(NOW).revoke("acme", ADMIN, "")).isTrue();
        assertThat(at(NOW).check("acme", token)).isPresent();
        Bytes fresh = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        assertThat(at(NOW).check("acme", fresh)).isEmpty();
    }

    /// The broker's operator can write the log, and lacks the coordinator's secret.
    @Test
    void recordOfSomebodyElse_isRefused_alsoInAnotherOrganisationsName() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        Bytes own = log.getFirst().getValue();
        assertThatThrownBy(() -> at(NOW).take("bank", own))
                .isInstanceOf(MalformedMessage.class)
                .hasMessage("an invite is not this coordinator's");
        String text = new String(own.toArray(), StandardCharsets.UTF_8);
        for (String[] change : new String[][] {
            {Enc.sha256(token).hex(), Enc.sha256(Bytes.zeros(32)).hex()},
            {"T01:00:00Z", "T02:00:00Z"},
            {"\"attempts\":0", "\"attempts\":-9"},
            {"\"generation\":0", "\"generation\":1"},
            {"\"gone\":false", "\"gone\":true"}
        }) {
            assertThat(text).contains(change[0]);
            assertThatThrownBy(() -> at(NOW).take("acme", Bytes.utf8(text.replace(change[0], change[1]))))
                    .as(change[1])
                    .isInstanceOf(MalformedMessage.class);
        }
        log.clear();
        new Invites(
                        (organisation, invite, act) -> log.add(Map.entry(organisation, invite)),
                        new Acts(act -> act, Clock.systemUTC()),
                        binding("guessed"),
                        Clock.fixed(NOW, ZoneOffset.UTC),
                        Randomness.secure())
                .create("mallory", Duration.ofHours(1), ADMIN);
        Bytes forged = log.removeFirst().getValue();
        assertThatThrownBy(() -> at(NOW).take("mallory", forged)).isInstanceOf(MalformedMessage.class);
    }

    /// What the log held before somebody enrolled, written again, lets nobody in.
    @Test
    void usedInvite_writtenAgain_staysUsed() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        assertThat(at(NOW).check("acme", token)).isEmpty();
        generations.put("acme", 1);
        log.add(log.getFirst());
        assertThat(at(NOW).check("acme", token)).isPresent();
        assertThat(at(NOW).list()).isEmpty();
        Bytes again = at(NOW).create("acme", Duration.ofHours(1), ADMIN);
        assertThat(at(NOW).check("acme", again)).isEmpty();
    }

    @Test
    void logThatRefuses_changesNothing() {
        Invites invites = new Invites(
                (organisation, invite, act) -> {
                    throw new IllegalStateException("fenced");
                },
                new Acts(act -> act, Clock.systemUTC()),
                binding,
                Clock.fixed(NOW, ZoneOffset.UTC),
                Randomness.secure());
        assertThatThrownBy(() -> invites.create("acme", Duration.ofHours(1), ADMIN))
                .hasMessage("fenced");
        assertThat(invites.list()).isEmpty();
    }

    @Test
    void recordThatIsDamaged_isRefused() {
        for (String bad : List.of("", "[]", "{}", "{\"tokenHash\":\"0\",\"expires\":\"2026-01-01T00:00:00Z\"}")) {
            assertThatThrownBy(() -> at(NOW).take("acme", Bytes.utf8(bad)))
                    .isInstanceOf(MalformedMessage.class)
                    .hasMessageContaining("an invite is");
        }
    }

    @Test
    void names_ofPrincipalsAndPaths_areRefused() {
        for (String name : new String[] {"coordinator", "broker", "admin", "viewer", "../acme", "Acme", ""}) {
            assertThatThrownBy(() -> at(NOW).create(name, Duration.ofHours(1), ADMIN))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'" + name + "'");
        }
    }

    /// A replica's, that has read the log.
    private Invites at(Instant now) throws MalformedMessage {
        Invites invites = new Invites(
                (organisation, invite, act) -> log.add(Map.entry(organisation, invite)),
                new Acts(act -> act, Clock.systemUTC()),
                binding,
                Clock.fixed(now, ZoneOffset.UTC),
                Randomness.secure());
        for (Map.Entry<String, Bytes> record : List.copyOf(log)) {
            invites.take(record.getKey(), record.getValue());
        }
        return invites;
    }
}

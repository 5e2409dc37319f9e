package dev.sotto.coordinator.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.schemas.Bytes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InvitesTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    @TempDir
    Path folder;

    @Test
    void token_letsItsOrganisationInOnce() throws Exception {
        Invites invites = at(NOW);
        Bytes token = invites.create("acme", Duration.ofHours(1));
        assertThat(invites.check("acme", token)).isEmpty();
        assertThat(invites.check("bank", token))
                .hasValueSatisfying(why -> assertThat(why).contains("'bank'"));
        assertThat(invites.remove("acme")).isTrue();
        assertThat(invites.check("acme", token)).isPresent();
    }

    @Test
    void token_isNotKept() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1));
        assertThat(Files.readString(folder.resolve("acme.json"))).doesNotContain(token.hex());
    }

    @Test
    void token_afterItsTime_isExpired() throws Exception {
        Bytes token = at(NOW).create("acme", Duration.ofHours(1));
        assertThat(at(NOW.plusSeconds(3600)).check("acme", token))
                .hasValueSatisfying(why -> assertThat(why).contains("expired"));
    }

    @Test
    void wrongTokens_blockTheInvite() throws Exception {
        Invites invites = at(NOW);
        Bytes token = invites.create("acme", Duration.ofHours(1));
        for (int i = 0; i < Invites.ATTEMPTS; i++) {
            assertThat(invites.check("acme", Bytes.zeros(32))).isPresent();
        }
        assertThat(invites.check("acme", token))
                .hasValueSatisfying(why -> assertThat(why).contains("blocked"));
        assertThat(invites.list()).extracting(Invites.Invite::state).containsExactly("blocked");
    }

    @Test
    void fileThatIsDamaged_isNamed() throws Exception {
        Invites invites = at(NOW);
        for (String bad : List.of("", "[]", "{}", "{\"tokenHash\":\"0\",\"expires\":\"2026-01-01T00:00:00Z\"}")) {
            Files.writeString(folder.resolve("acme.json"), bad);
            assertThatThrownBy(() -> invites.check("acme", Bytes.zeros(32)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("acme.json is damaged");
        }
    }

    @Test
    void names_ofPrincipalsAndPaths_areRefused() {
        for (String name : new String[] {"coordinator", "broker", "admin", "viewer", "../acme", "Acme", ""}) {
            assertThatThrownBy(() -> at(NOW).create(name, Duration.ofHours(1)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("'" + name + "'");
        }
    }

    private Invites at(Instant now) {
        return new Invites(folder, Clock.fixed(now, ZoneOffset.UTC), Randomness.secure());
    }
}

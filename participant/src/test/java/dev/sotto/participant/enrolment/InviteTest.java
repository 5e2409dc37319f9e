package dev.sotto.participant.enrolment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.participant.home.Failed;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.junit.jupiter.api.Test;

class InviteTest {
    private static final String GOOD =
            "{\"u\":\"https://h:1\",\"f\":\"north\",\"o\":\"acme\",\"t\":\"%s\",\"c\":\"%s\",\"i\":\"%s\"}"
                    .formatted("A".repeat(43), "1".repeat(64), "2".repeat(64));

    @Test
    void invite_isRead_andDoesNotPrintItsToken() throws Failed {
        Invite invite = Invite.parse(text(GOOD));
        assertThat(invite.organisation()).isEqualTo("acme");
        assertThat(invite.token().size()).isEqualTo(32);
        assertThat(invite.toString()).doesNotContain(invite.token().hex()).doesNotContain("A".repeat(43));
    }

    @Test
    void invite_thatIsDamaged_saysSo() {
        String whole = text(GOOD);
        for (String damaged : new String[] {
            "",
            "hello",
            "sotto1.",
            "sotto1.%%%",
            whole.substring(0, whole.length() / 2),
            text(GOOD.replace("https", "http")),
            text(GOOD.replace("acme", "broker")),
            text(GOOD.replace("\"c\":\"1", "\"c\":\""))
        }) {
            assertThatThrownBy(() -> Invite.parse(damaged))
                    .isInstanceOf(Failed.class)
                    .hasMessageContaining("invite");
        }
    }

    private static String text(String json) {
        return "sotto1."
                + Base64.getUrlEncoder().withoutPadding().encodeToString(json.getBytes(StandardCharsets.UTF_8));
    }
}

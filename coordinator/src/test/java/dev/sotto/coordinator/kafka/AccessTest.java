package dev.sotto.coordinator.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.Topics;
import org.junit.jupiter.api.Test;

class AccessTest {
    @Test
    void member_mayWriteItsOwnTopics_readTheCommonOnes_andNothingElse() {
        assertThat(Access.bindings(new Topics("north"), "acme", "acme-g2"))
                .allMatch(binding -> binding.entry().principal().equals("User:acme-g2"))
                .extracting(binding ->
                        binding.entry().operation() + " " + binding.pattern().patternType() + " "
                                + binding.pattern().name())
                .containsExactlyInAnyOrder(
                        "WRITE LITERAL sotto.north.inbox.acme",
                        "WRITE LITERAL sotto.north.updates.acme",
                        "READ LITERAL sotto.north.control",
                        "READ LITERAL sotto.north.models",
                        "READ LITERAL sotto.north.registry",
                        "READ PREFIXED sotto.north.inbox.",
                        "READ PREFIXED sotto.north.updates.",
                        "WRITE LITERAL sotto.north.member.acme",
                        "DESCRIBE LITERAL sotto.north.member.acme");
    }
}

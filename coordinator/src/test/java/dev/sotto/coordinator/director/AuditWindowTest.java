package dev.sotto.coordinator.director;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class AuditWindowTest {
    private static Instant at(int minute) {
        return Instant.EPOCH.plusSeconds(60L * minute);
    }

    @Test
    void whatIsOlderThanTheRoundThatMadeTheVersionOfTheWindowsFirst_mayGo() {
        AuditWindow window = new AuditWindow(OptionalInt.of(2));
        assertThat(window.closed(at(1))).isEmpty();
        assertThat(window.closed(at(2))).isEmpty();
        assertThat(window.closed(at(3))).isEmpty();
        assertThat(window.closed(at(4))).contains(at(2));
        assertThat(window.closed(at(5))).contains(at(3));
    }

    @Test
    void withoutAWindow_allStays() {
        AuditWindow window = new AuditWindow(OptionalInt.empty());
        for (int round = 0; round < 100; round++) {
            assertThat(window.closed(at(round))).isEmpty();
        }
    }
}

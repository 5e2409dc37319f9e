package dev.sotto.coordinator.metrics;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ResidentMemoryTest {
    @Test
    void whatTheKernelSays_isInBytes() {
        assertThat(ResidentMemory.parse("VmPeak:\t 9000 kB\nVmRSS:\t  123456 kB\nRssAnon:\t 1 kB\n"))
                .isEqualTo(123456 * 1024.0);
    }

    @Test
    void whatItDoesNotSay_isNotKnown() {
        assertThat(ResidentMemory.parse("Name:\tjava\n")).isNaN();
    }
}

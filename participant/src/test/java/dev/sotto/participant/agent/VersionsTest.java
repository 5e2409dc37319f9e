package dev.sotto.participant.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.schemas.AnyPlan;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VersionsTest {
    @TempDir
    Path home;

    @Test
    void theLastTenVersions_stay() throws Exception {
        Versions versions = new Versions(home.resolve("models"));
        assertThat(versions.last()).isEmpty();
        for (int version = 0; version <= 12; version++) {
            versions.write(version, "00", "11", AnyPlan.with(plan -> {}), true, new float[] {version});
        }
        assertThat(versions.last().orElseThrow().version()).isEqualTo(12);
        assertThat(versions.adapter(3)).containsExactly(3);
        try (Stream<Path> files = Files.list(home.resolve("models"))) {
            assertThat(files).hasSize(2 * Versions.KEPT);
        }
    }
}

package dev.sotto.participant.home;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.fixedpoint.Rows;
import dev.sotto.schemas.AnyPlan;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Deadlines;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.VectorLayout;
import dev.sotto.training.checkpoint.InvalidFile;
import dev.sotto.training.checkpoint.LoraMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PolicyTest {
    private static final Bytes BASE = Bytes.zeros(32);
    private static final Instant NOW = Instant.parse("2026-01-10T12:00:00Z");

    @TempDir
    Path folder;

    @Test
    void template_isReadAndAllowsAnOrdinaryRound() throws Exception {
        assertThat(read(Policy.TEMPLATE).refuses(round(10, 8, "q_proj", "classes", 1), BASE.hex(), 100, NOW, List.of()))
                .isEmpty();
    }

    @Test
    void round_thatBreaksARule_isRefusedByItsName() throws Exception {
        Policy policy = read(Policy.TEMPLATE);
        refused(policy, round(1, 8, "q_proj", "classes", 1), 100, "fewestSteps 2");
        refused(policy, round(10_001, 8, "q_proj", "classes", 1), 100, "mostSteps 10000");
        refused(policy, round(10, 65, "q_proj", "classes", 1), 100, "mostRank 64");
        refused(policy, round(10, 8, "lm_head", "classes", 1), 100, "target module lm_head");
        refused(policy, round(10, 8, "q_proj", "exact", 1), 100, "weighting exact");
        refused(policy, round(10, 8, "q_proj", "classes", 21), 100, "mostAttempts 20");
        refused(policy, round(10, 8, "q_proj", "classes", 1), 15, "fewestExamples 16");
        refused(
                read(Policy.TEMPLATE.replace("longestSeconds: 86400", "longestSeconds: 60")),
                round(10, 8, "q_proj", "classes", 1),
                100,
                "longestSeconds 60");
        refused(
                read(Policy.TEMPLATE.replace("baseModels: []", "baseModels: [" + "a".repeat(64) + "]")),
                round(10, 8, "q_proj", "classes", 1),
                100,
                "baseModels");
        assertThat(policy.refuses(round(10, 8, "q_proj", "classes", 1), "b".repeat(64), 100, NOW, List.of()))
                .hasValueSatisfying(why -> assertThat(why).contains(BASE.hex()).contains("b".repeat(64)));
    }

    /// Where members have different ranks a larger adapter is no reason to refuse: this one trains its part.
    @Test
    void mostRank_withMixedRanks_isThisOrganisationsPart() throws Exception {
        Policy policy = read(Policy.TEMPLATE);
        RoundOpened mixed = round(10, 128, "q_proj", "classes", 1, LoraMode.MIXED.wireName());
        assertThat(Rows.of(mixed.plan())).isEqualTo(128);
        assertThat(policy.refuses(mixed, BASE.hex(), 100, NOW, List.of())).isEmpty();
        assertThat(policy.rank(mixed.plan())).isEqualTo(64);
        RoundOpened smaller = round(10, 32, "q_proj", "classes", 1, LoraMode.MIXED.wireName());
        assertThat(policy.rank(smaller.plan())).isEqualTo(32);
        refused(policy, round(10, 128, "q_proj", "classes", 1), 100, "mostRank 64");
    }

    @Test
    void mostPerDay_countsTheLastTwentyFourHours() throws Exception {
        Policy policy = read(Policy.TEMPLATE.replace("mostPerDay: 1000", "mostPerDay: 2"));
        RoundOpened round = round(10, 8, "q_proj", "classes", 1);
        List<Instant> taken = List.of(
                NOW.minus(Duration.ofHours(24)), NOW.minus(Duration.ofHours(23)), NOW.minus(Duration.ofHours(1)));
        assertThat(policy.refuses(round, BASE.hex(), 100, NOW, taken.subList(0, 2)))
                .isEmpty();
        assertThat(policy.refuses(round, BASE.hex(), 100, NOW, taken))
                .hasValueSatisfying(why -> assertThat(why).contains("mostPerDay 2"));
    }

    @Test
    void openingHours_thatPassMidnight_areReadInTheirZone() throws Exception {
        OpeningHours hours = OpeningHours.of("22:00-06:00 Europe/Zurich");
        assertThat(hours.include(Instant.parse("2026-01-10T21:00:00Z"))).isTrue();
        assertThat(hours.include(Instant.parse("2026-01-10T20:59:59Z"))).isFalse();
        assertThat(hours.include(Instant.parse("2026-01-10T04:59:59Z"))).isTrue();
        assertThat(hours.include(Instant.parse("2026-01-10T05:00:00Z"))).isFalse();
        Policy policy = read(Policy.TEMPLATE.replace("00:00-24:00 UTC", "08:00-11:00 UTC"));
        assertThat(policy.refuses(round(10, 8, "q_proj", "classes", 1), BASE.hex(), 100, NOW, List.of()))
                .hasValueSatisfying(why -> assertThat(why).contains("openingHours 08:00-11:00 UTC"));
    }

    @Test
    void file_withABadKey_namesItAndWhatIsAllowed() {
        wrong("mostRank: 64", "mostRank: big", "mostRank is 'big'", "1 to 4096");
        wrong("mostRank: 64", "mostRnak: 64", "mostRank is missing");
        wrong("mostRank: 64", "mostRank: 64\nmuch: 1", "much is not known");
        wrong("verify: sample", "verify: some", "verify", "[all, sample, never]");
        wrong("00:00-24:00 UTC", "00:00-25:00 UTC", "openingHours", "HH:MM-HH:MM");
        wrong("00:00-24:00 UTC", "always", "openingHours", "HH:MM-HH:MM");
        wrong("00:00-24:00 UTC", "00:00-24:00 Mars", "openingHours", "HH:MM-HH:MM");
        wrong("[uniform, classes]", "[uniform, guess]", "weightings", "guess");
        wrong("[uniform, classes]", "[uniform", "line");
    }

    @Test
    void privacy_isOffUnlessItIsThere_andReadWhole() throws Exception {
        assertThat(read(Policy.TEMPLATE).privacy()).isEmpty();
        assertThat(read(Policy.TEMPLATE.replace("# privacy: {", "privacy: {")).privacy())
                .contains(new Policy.Privacy(1, 1, 1e-5, 8));
        assertThat(read(Policy.TEMPLATE + "privacy: {clipNorm: 2, noiseMultiplier: 0.5, delta: 1e-6, mostEpsilon: 3}\n")
                        .privacy())
                .contains(new Policy.Privacy(2, 0.5, 1e-6, 3));
    }

    @Test
    void privacy_withABadKey_namesItAndWhatIsAllowed() {
        String privacy = "# privacy: {clipNorm: 1.0, noiseMultiplier: 1.0, delta: 1.0e-5, mostEpsilon: 8}";
        wrong(privacy, "privacy: on", "privacy is", "keys and values");
        wrong(privacy, "privacy: {clipNorm: 1}", "privacy.noiseMultiplier is missing");
        wrong("# privacy: {clipNorm: 1.0", "privacy: {clipNorm: 0", "privacy.clipNorm is 0", "from 1.0E-6");
        wrong(privacy, privacy.substring(2).replace("1.0e-5", "0.5"), "privacy.delta is 0.5", "to 0.01");
        wrong(privacy, privacy.substring(2).replace("8}", "8, much: 1}"), "privacy.much is not known");
    }

    private void wrong(String good, String bad, String... parts) {
        assertThatThrownBy(() -> read(Policy.TEMPLATE.replace(good, bad)))
                .isInstanceOf(InvalidFile.class)
                .hasMessageContaining("policy.yaml")
                .hasMessageContainingAll(parts);
    }

    private static void refused(Policy policy, RoundOpened round, long examples, String reason) {
        assertThat(policy.refuses(round, BASE.hex(), examples, NOW, List.of()))
                .hasValueSatisfying(why -> assertThat(why).contains(reason));
    }

    private Policy read(String text) throws Exception {
        Path file = folder.resolve("policy.yaml");
        Files.writeString(file, text);
        return Policy.read(file);
    }

    private static RoundOpened round(int steps, int rank, String module, String weighting, long attempt) {
        return round(steps, rank, module, weighting, attempt, "lora");
    }

    private static RoundOpened round(int steps, int rank, String module, String weighting, long attempt, String mode) {
        return new RoundOpened(
                0,
                attempt,
                Bytes.zeros(Limits.NONCE),
                List.of("a", "b", "c", "d"),
                List.of(),
                3,
                1,
                1,
                3,
                24,
                List.of(new VectorLayout("adapter", true, List.of(new TensorLayout("t", List.of(4, 4), 0)))),
                1024,
                weighting,
                new Deadlines(60, 60, 3600, 60, 60),
                BASE,
                0,
                Bytes.zeros(32),
                AnyPlan.with(plan -> {
                    plan.mode = mode;
                    plan.rank = rank;
                    plan.module = module;
                    plan.steps = steps;
                }),
                Bytes.zeros(32),
                Bytes.zeros(Limits.XWING_PUBLIC_KEY),
                Bytes.zeros(32),
                Bytes.zeros(32));
    }
}

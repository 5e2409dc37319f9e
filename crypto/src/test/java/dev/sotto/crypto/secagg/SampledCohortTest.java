package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SampledCohortTest {
    private static final List<String> MEMBERS = List.of("acme", "bank", "court", "dairy", "energy");

    /// By the JDK alone, from the words of the specification.
    @Test
    void seed_isTheHashOfItsEncodedParts() throws Exception {
        byte[] label = "sotto/1/cohort".getBytes(StandardCharsets.UTF_8);
        ByteBuffer encoded = ByteBuffer.allocate(4 + label.length + 4 + 32 + 4 + 8);
        encoded.putInt(label.length)
                .put(label)
                .putInt(32)
                .put(new byte[32])
                .putInt(8)
                .putLong(7);
        byte[] expected = MessageDigest.getInstance("SHA-256").digest(encoded.array());
        assertThat(SampledCohort.seed(Bytes.zeros(32), 7)).isEqualTo(Bytes.of(expected));
    }

    @Test
    void cohort_hasTheSmallestHashes_inOrder_whateverTheOrderOfTheMembers() {
        Bytes seed = SampledCohort.seed(Bytes.zeros(32), 1);
        List<String> cohort = SampledCohort.of(seed, MEMBERS, 3);
        assertThat(cohort).isSorted().hasSize(3);
        assertThat(SampledCohort.of(seed, MEMBERS.reversed(), 3)).isEqualTo(cohort);
        Bytes largest = cohort.stream()
                .map(id -> Enc.hash(seed, id))
                .max(Bytes::compareTo)
                .orElseThrow();
        assertThat(MEMBERS)
                .filteredOn(id -> !cohort.contains(id))
                .allMatch(id -> Enc.hash(seed, id).compareTo(largest) > 0);
        assertThat(SampledCohort.of(seed, MEMBERS, 5)).isEqualTo(MEMBERS);
    }

    /// A member that leaves moves nobody else out.
    @Test
    void cohort_withoutAMemberThatWasNotIn_isTheSame() {
        Bytes seed = SampledCohort.seed(Bytes.zeros(32), 2);
        List<String> cohort = SampledCohort.of(seed, MEMBERS, 3);
        List<String> fewer = new ArrayList<>(MEMBERS);
        fewer.remove(
                MEMBERS.stream().filter(id -> !cohort.contains(id)).findFirst().orElseThrow());
        assertThat(SampledCohort.of(seed, fewer, 3)).isEqualTo(cohort);
    }

    /// Of 1,000 rounds 600 each, give or take 5 standard deviations of 15.5.
    @Test
    void cohorts_overManyRounds_areFair() {
        Map<String, Integer> times = new HashMap<>();
        for (int round = 0; round < 1000; round++) {
            SampledCohort.of(SampledCohort.seed(Bytes.zeros(32), round), MEMBERS, 3)
                    .forEach(id -> times.merge(id, 1, Integer::sum));
        }
        assertThat(times.values()).allMatch(count -> count > 522 && count < 678);
    }

    @Test
    void moreThanThereAre_isRefused() {
        assertThatThrownBy(() -> SampledCohort.of(Bytes.zeros(32), MEMBERS, 6))
                .hasMessage("a cohort of 6 cannot be drawn from 5 members");
    }
}

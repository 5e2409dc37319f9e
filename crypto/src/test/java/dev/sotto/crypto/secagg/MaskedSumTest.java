package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.UpdateChunk;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/// The running sum: who is in it, and that it is unmasked for exactly its members.
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MaskedSumTest {
    private final ClosedRound round = new ClosedRound();

    private Bytes unmasked(MaskedSum sum) throws PeerMisbehaved {
        try (Unmasker unmasker = Unmasker.rebuild(Federation.PRIMITIVES, round.unmasking, round.revealed())) {
            return sum.unmask(round.survivors, unmasker, 1).digest();
        }
    }

    @Test
    void add_chunkByChunk_isCompleteWithTheLast() {
        MaskedSum sum = new MaskedSum(round.opened);
        List<UpdateChunk> chunks = round.chunks("org-a");
        assertThat(chunks).hasSize(2);
        assertThat(sum.members()).isEmpty();
        assertThat(sum.isComplete("org-a")).isFalse();
        sum.add("org-a", chunks.get(0));
        sum.add("org-a", chunks.get(0));
        assertThat(sum.isComplete("org-a")).isFalse();
        assertThat(sum.members()).containsExactly("org-a");
        sum.add("org-a", chunks.get(1));
        assertThat(sum.isComplete("org-a")).isTrue();
        assertThat(sum.isComplete("org-b")).isFalse();
    }

    @Test
    void unmask_survivorsInAnyOrderAndTwice_isTheSignedSum() throws PeerMisbehaved {
        MaskedSum sum = round.sum(round.survivors.ids().reversed());
        round.chunks("org-d").forEach(chunk -> sum.add("org-d", chunk));
        assertThat(unmasked(sum)).isEqualTo(round.closed.aggregateDigest());
        assertThat(sum.members()).as("the masked sum is gone").isEmpty();
    }

    /// Protocol §5, "Late is void": whoever was added and did not survive is taken out again.
    @Test
    void remove_ofWhoDidNotSurvive_leavesTheSurvivorsSum() throws PeerMisbehaved {
        MaskedSum sum = round.sum(round.survivors.ids());
        List<UpdateChunk> late = round.chunks("org-a");
        late.forEach(chunk -> sum.remove("org-c", chunk));
        late.forEach(chunk -> sum.add("org-c", chunk));
        assertThat(sum.members()).contains("org-c");
        assertThatThrownBy(() -> unmasked(sum))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("not all of [org-a, org-b, org-d, org-e, org-f]");
        late.forEach(chunk -> sum.remove("org-c", chunk));
        late.forEach(chunk -> sum.remove("org-c", chunk));
        assertThat(sum.members()).doesNotContain("org-c");
        assertThat(unmasked(sum)).isEqualTo(round.closed.aggregateDigest());
    }

    @Test
    void unmask_oneChunkMissing_isTheCallersBug() {
        MaskedSum sum = round.sum(List.of("org-a", "org-b", "org-d", "org-e"));
        sum.add("org-f", round.chunks("org-f").getFirst());
        assertThat(sum.members()).hasSize(5);
        assertThatThrownBy(() -> unmasked(sum)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void add_outsideTheSample_isIgnored() {
        MaskedSum sum = new MaskedSum(round.opened, new Sample.Some(Set.of(7)));
        List<UpdateChunk> chunks = round.chunks("org-a");
        sum.add("org-a", chunks.get(0));
        assertThat(sum.members()).isEmpty();
        sum.add("org-a", chunks.get(1));
        assertThat(sum.isComplete("org-a"))
                .as("of the sample there are the scalars only")
                .isTrue();
    }
}

package dev.sotto.coordinator.director;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.PeersApproved;
import dev.sotto.schemas.RegistryEntry;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ApprovalsTest {
    private final SortedMap<String, RegistryEntry.Enrolled> members = new TreeMap<>();
    private final Map<String, PeersApproved> approved = new HashMap<>();

    @Test
    void cohort_isWhoApproveEachOther() {
        enrol("a", "b", "c", "d");
        approve("a", "a", "b", "c", "d");
        approve("b", "a", "b", "c", "d");
        approve("c", "a", "b", "c");
        approve("d", "a", "b", "c", "d");
        assertThat(Approvals.cohort(members, approved)).containsExactly("a", "b", "d");
    }

    @Test
    void cohort_leavesOutAJoinerThatNobodyApproved() {
        enrol("a", "b", "c", "new");
        for (String id : List.of("a", "b", "c")) {
            approve(id, "a", "b", "c");
        }
        approve("new", "a", "b", "c", "new");
        assertThat(Approvals.cohort(members, approved)).containsExactly("a", "b", "c");
    }

    @Test
    void cohort_forgetsApprovalsOfAnOlderKey() {
        enrol("a", "b", "c");
        for (String id : List.of("a", "b", "c")) {
            approve(id, "a", "b", "c");
        }
        members.put("c", member("c", 7));
        assertThat(Approvals.cohort(members, approved)).containsExactly("a", "b");
    }

    private void enrol(String... ids) {
        for (String id : ids) {
            members.put(id, member(id, id.hashCode()));
        }
    }

    private void approve(String who, String... whom) {
        approved.put(
                who,
                new PeersApproved(Arrays.stream(whom)
                        .sorted()
                        .map(id -> new PeersApproved.Peer(
                                id, Enc.sha256(member(id, id.hashCode()).identityKey())))
                        .toList()));
    }

    private static RegistryEntry.Enrolled member(String id, int seed) {
        byte[] key = new byte[Limits.ED25519_PUBLIC_KEY];
        Arrays.fill(key, (byte) seed);
        return new RegistryEntry.Enrolled(
                id, 1, id, Bytes.of(key), Bytes.zeros(Limits.XWING_PUBLIC_KEY), Bytes.zeros(Limits.SIGNATURE), "1f");
    }
}

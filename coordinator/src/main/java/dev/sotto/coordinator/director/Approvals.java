package dev.sotto.coordinator.director;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.PeersApproved;
import dev.sotto.schemas.RegistryEntry;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Who may be in a cohort together.
final class Approvals {
    private Approvals() {}

    /// Members of whom each has approved each other's present identity key, ascending: one after the
    /// other, the member with the fewest mutual approvals is left out until the rest agree.
    ///
    /// @param members  active, by organisation
    /// @param approved the last approvals of each
    static List<String> cohort(SortedMap<String, RegistryEntry.Enrolled> members, Map<String, PeersApproved> approved) {
        SortedMap<String, Map<String, Bytes>> pins = new TreeMap<>();
        members.keySet().forEach(id -> {
            PeersApproved list = approved.get(id);
            if (list != null) {
                Map<String, Bytes> own = new TreeMap<>();
                list.peers().forEach(peer -> own.put(peer.organisation(), peer.fingerprint()));
                pins.put(id, own);
            }
        });
        List<String> left = new ArrayList<>(pins.keySet());
        while (!left.isEmpty()) {
            String loneliest = left.stream()
                    .min(Comparator.comparingLong(id -> mutual(id, left, pins, members)))
                    .orElseThrow();
            if (mutual(loneliest, left, pins, members) == left.size() - 1) {
                return List.copyOf(left);
            }
            left.remove(loneliest);
        }
        return List.of();
    }

    private static long mutual(
            String id,
            List<String> left,
            Map<String, Map<String, Bytes>> pins,
            Map<String, RegistryEntry.Enrolled> members) {
        return left.stream()
                .filter(other ->
                        !other.equals(id) && approves(id, other, pins, members) && approves(other, id, pins, members))
                .count();
    }

    private static boolean approves(
            String from, String to, Map<String, Map<String, Bytes>> pins, Map<String, RegistryEntry.Enrolled> members) {
        RegistryEntry.Enrolled member = members.get(to);
        Bytes pinned = pins.getOrDefault(from, Map.of()).get(to);
        return member != null
                && pinned != null
                && Enc.sha256(member.identityKey()).equals(pinned);
    }
}

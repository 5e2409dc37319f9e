package dev.sotto.coordinator.director;

import dev.sotto.coordinator.slots.SlotRecord;
import dev.sotto.schemas.Bytes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// What the slots have told, as the director counts it: something holds when every slot that has chunks says so.
///
/// Used on the director's thread.
final class Tally {
    private final Map<Integer, SlotRecord.Delivered> delivered = new HashMap<>();
    private final Map<Integer, SlotRecord.Summed> summed = new HashMap<>();
    private Optional<SlotRecord.Scalars> scalars = Optional.empty();
    private Optional<SlotRecord.Failed> failed = Optional.empty();

    /// A record of `slots`, in the order of its partition. What a slot says replaces what it said before.
    void take(SlotRecord record) {
        switch (record) {
            case SlotRecord.Delivered now -> delivered.put(now.slot(), now);
            case SlotRecord.Summed now -> summed.put(now.slot(), now);
            case SlotRecord.Scalars now -> scalars = Optional.of(now);
            case SlotRecord.Failed now -> failed = Optional.of(now);
            case SlotRecord.Asked asked -> {}
        }
    }

    /// Whether all have looked at every chunk that was there when this was asked.
    boolean hasAnswered(Bytes question, Bytes t2, int slots) {
        return ofAttempt(t2).stream()
                        .filter(now -> now.slot() < slots && now.question().equals(question))
                        .count()
                == slots;
    }

    /// The members whose chunks are all in, in every slot, each with its manifest's hash.
    SortedMap<String, Bytes> delivered(Bytes t2, int slots) {
        Map<SlotRecord.Delivery, Integer> counts = new HashMap<>();
        for (SlotRecord.Delivered now : ofAttempt(t2)) {
            for (SlotRecord.Delivery delivery : now.deliveries()) {
                if (now.slot() < slots) {
                    counts.merge(new SlotRecord.Delivery(delivery.member(), delivery.manifest(), 0), 1, Integer::sum);
                }
            }
        }
        SortedMap<String, Bytes> all = new TreeMap<>();
        counts.forEach((delivery, count) -> {
            if (count == slots) {
                all.put(delivery.member(), delivery.manifest());
            }
        });
        return all;
    }

    /// Bytes of a member's chunks.
    long bytes(Bytes t2, String member) {
        return ofAttempt(t2).stream()
                .flatMap(now -> now.deliveries().stream())
                .filter(delivery -> delivery.member().equals(member))
                .mapToLong(SlotRecord.Delivery::bytes)
                .sum();
    }

    private List<SlotRecord.Delivered> ofAttempt(Bytes t2) {
        return delivered.values().stream().filter(now -> now.t2().equals(t2)).toList();
    }

    /// The sum of the scalars, sealed.
    Optional<Bytes> scalars(Bytes t4) {
        return scalars.filter(now -> now.t4().equals(t4)).map(SlotRecord.Scalars::sealed);
    }

    /// Every slot's part, sealed, in the order of slots; nothing before all are there.
    Optional<List<Bytes>> parts(Bytes t4, int slots) {
        List<Bytes> parts = new ArrayList<>();
        for (int slot = 0; slot < slots; slot++) {
            SlotRecord.Summed now = summed.get(slot);
            if (now == null || !now.t4().equals(t4)) {
                return Optional.empty();
            }
            parts.add(now.sealed());
        }
        return Optional.of(parts);
    }

    /// Why the sum cannot be used, if a slot says so.
    Optional<String> failed(Bytes t4) {
        return failed.filter(now -> now.t4().equals(t4)).map(SlotRecord.Failed::reason);
    }
}

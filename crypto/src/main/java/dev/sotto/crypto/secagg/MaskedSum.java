package dev.sotto.crypto.secagg;

import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// The running sum of masked chunks of one attempt. Nothing is kept per member but which chunks it has
/// added.
///
/// Memory is the size of one packed update, whatever the number of members. Not thread-safe.
public final class MaskedSum {
    private final RoundOpened opened;
    private final Map<String, List<byte[]>> sums = new HashMap<>();
    private final Map<String, Set<String>> added = new HashMap<>();

    /// Zero.
    public MaskedSum(Opened opened) {
        this.opened = opened.message();
        for (VectorLayout vector : this.opened.layout()) {
            Ring ring = Parameters.ring(this.opened, vector);
            List<byte[]> chunks = new ArrayList<>();
            for (int index = 0; index < ring.chunks(vector.size()); index++) {
                chunks.add(new byte[ring.chunkSize(vector.size(), index) * ring.wordBytes()]);
            }
            sums.put(vector.name(), chunks);
        }
    }

    /// Adds a chunk that [Manifest#chunk] has verified. A duplicate is ignored.
    public void add(String member, UpdateChunk chunk) {
        if (added.computeIfAbsent(member, key -> new HashSet<>()).add(place(chunk))) {
            byte[] masked = chunk.masked().toArray();
            ring(chunk).add(sum(chunk), 0, masked, masked.length);
        }
    }

    /// Takes out again a chunk of a member that did not survive, read once more from the log.
    public void remove(String member, UpdateChunk chunk) {
        if (added.getOrDefault(member, new HashSet<>()).remove(place(chunk))) {
            byte[] masked = chunk.masked().toArray();
            ring(chunk).subtract(sum(chunk), 0, masked, masked.length);
        }
    }

    /// Whether every chunk of a member is in.
    public boolean isComplete(String member) {
        int all = sums.values().stream().mapToInt(List::size).sum();
        return added.getOrDefault(member, Set.of()).size() == all;
    }

    /// Members of whom any chunk is in.
    public Set<String> members() {
        Set<String> members = new HashSet<>();
        added.forEach((member, chunks) -> {
            if (!chunks.isEmpty()) {
                members.add(member);
            }
        });
        return members;
    }

    /// The unmasked sum of exactly these survivors. The masked one is gone afterwards.
    ///
    /// @throws IllegalStateException if other members' chunks are in, or a survivor's are missing: the
    ///   caller's bug
    public UnmaskedSum unmask(Survivors survivors, Unmasker unmasker) {
        if (!members().equals(Set.copyOf(survivors.ids()))
                || !survivors.ids().stream().allMatch(this::isComplete)) {
            throw new IllegalStateException("the sum holds " + members() + ", not all of " + survivors.ids());
        }
        for (VectorLayout vector : opened.layout()) {
            List<byte[]> chunks = Objects.requireNonNull(sums.get(vector.name()));
            for (int index = 0; index < chunks.size(); index++) {
                unmasker.unmask(vector, index, chunks.get(index));
            }
        }
        added.clear();
        return new UnmaskedSum(survivors, Map.copyOf(sums));
    }

    private static String place(UpdateChunk chunk) {
        return chunk.vector() + "/" + chunk.index();
    }

    private byte[] sum(UpdateChunk chunk) {
        return Objects.requireNonNull(sums.get(chunk.vector())).get(chunk.index());
    }

    private Ring ring(UpdateChunk chunk) {
        return opened.layout().stream()
                .filter(vector -> vector.name().equals(chunk.vector()))
                .map(vector -> Parameters.ring(opened, vector))
                .findFirst()
                .orElseThrow();
    }
}

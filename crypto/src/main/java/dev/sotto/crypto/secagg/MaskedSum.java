package dev.sotto.crypto.secagg;

import dev.sotto.crypto.ring.Ring;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/// The running sum of masked chunks of one attempt. Nothing is kept per member but which chunks it has
/// added.
///
/// Memory is the size of one packed update, whatever the number of members. Not thread-safe.
public final class MaskedSum {
    private final RoundOpened opened;
    private final Sample sample;
    private final Map<String, SortedMap<Integer, byte[]>> sums = new HashMap<>();
    private final Map<String, Set<String>> added = new HashMap<>();

    /// Zero.
    public MaskedSum(Opened opened) {
        this(opened, new Sample.All());
    }

    /// Zero, for the chunks of a sample only: others are ignored.
    public MaskedSum(Opened opened, Sample sample) {
        this.opened = opened.message();
        this.sample = sample;
        for (VectorLayout vector : this.opened.layout()) {
            Ring ring = Parameters.ring(this.opened, vector);
            SortedMap<Integer, byte[]> chunks = new TreeMap<>();
            for (int index = 0; index < ring.chunks(vector.size()); index++) {
                if (sample.holds(vector.name(), index)) {
                    chunks.put(index, new byte[ring.chunkSize(vector.size(), index) * ring.wordBytes()]);
                }
            }
            sums.put(vector.name(), chunks);
        }
    }

    /// Adds a chunk that [Manifest#chunk] has verified. A duplicate is ignored.
    public void add(String member, UpdateChunk chunk) {
        if (sample.holds(chunk.vector(), chunk.index())
                && added.computeIfAbsent(member, key -> new HashSet<>()).add(place(chunk))) {
            byte[] masked = chunk.masked().toArray();
            ring(chunk).add(sum(chunk), masked, masked.length);
        }
    }

    /// Takes out again a chunk of a member that did not survive, read once more from the log.
    public void remove(String member, UpdateChunk chunk) {
        if (added.getOrDefault(member, new HashSet<>()).remove(place(chunk))) {
            byte[] masked = chunk.masked().toArray();
            ring(chunk).subtract(sum(chunk), masked, masked.length);
        }
    }

    /// Whether every chunk of a member is in.
    public boolean isComplete(String member) {
        int all = sums.values().stream().mapToInt(Map::size).sum();
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
    /// @param threads from 1: how many chunks are unmasked at the same time; the sum does not depend on it
    /// @throws IllegalStateException if other members' chunks are in, or a survivor's are missing: the
    ///   caller's bug
    public UnmaskedSum unmask(Survivors survivors, Unmasker unmasker, int threads) {
        if (!members().equals(Set.copyOf(survivors.ids()))
                || !survivors.ids().stream().allMatch(this::isComplete)) {
            throw new IllegalStateException("the sum holds " + members() + ", not all of " + survivors.ids());
        }
        for (VectorLayout vector : opened.layout()) {
            List<Map.Entry<Integer, byte[]>> chunks =
                    List.copyOf(Objects.requireNonNull(sums.get(vector.name())).entrySet());
            Chunks.each(chunks, threads, chunk -> unmasker.unmask(vector, chunk.getKey(), chunk.getValue()));
        }
        added.clear();
        return new UnmaskedSum(survivors, Map.copyOf(sums));
    }

    private static String place(UpdateChunk chunk) {
        return chunk.vector() + "/" + chunk.index();
    }

    private byte[] sum(UpdateChunk chunk) {
        SortedMap<Integer, byte[]> chunks = Objects.requireNonNull(sums.get(chunk.vector()));
        return Objects.requireNonNull(chunks.get(chunk.index()));
    }

    private Ring ring(UpdateChunk chunk) {
        return opened.layout().stream()
                .filter(vector -> vector.name().equals(chunk.vector()))
                .map(vector -> Parameters.ring(opened, vector))
                .findFirst()
                .orElseThrow();
    }
}

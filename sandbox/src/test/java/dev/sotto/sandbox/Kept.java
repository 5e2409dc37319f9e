package dev.sotto.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.sandbox.Tail.Seen;
import dev.sotto.sandbox.demo.Federation;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.RoundClosed;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/// What must hold of a federation's logs, whatever has happened to whom.
final class Kept {
    private Kept() {}

    /// Nobody has said two different things in one place.
    static void nothingTwice(Tail tail) {
        tail.versions()
                .forEach((what, versions) -> assertThat(versions)
                        .as(what + " was said in so many ways")
                        .isOne());
    }

    /// One version for each round, in order, and all of it is there.
    static void versionsAreWhole(Tail tail, Map<String, Object> operator) throws Exception {
        List<Long> versions = new ArrayList<>();
        Set<Long> rounds = new TreeSet<>();
        for (Seen seen : tail.all(message -> message.type() == MessageType.ROUND_CLOSED)) {
            if (rounds.add(seen.round())) {
                versions.add(RoundClosed.parse(seen.envelope().payload()).version());
            }
        }
        for (int i = 0; i < versions.size(); i++) {
            assertThat(versions.get(i)).as("version of the round number " + i).isEqualTo(i + 1L);
        }
        assertThat(rounds).hasSize(versions.size());
        Map<Long, Set<Integer>> chunks = new TreeMap<>();
        Map<Long, Integer> counts = new TreeMap<>();
        String models = new dev.sotto.schemas.Topics(Federation.ID).models();
        for (ConsumerRecord<byte[], byte[]> record : Topics.read(operator, models)) {
            ModelChunk chunk = ModelChunk.parse(Bytes.of(record.value()));
            counts.put(chunk.version(), chunk.count());
            chunks.computeIfAbsent(chunk.version(), any -> new TreeSet<>()).add(chunk.index());
        }
        for (long version : versions) {
            assertThat(chunks.get(version))
                    .as("chunks of version " + version)
                    .hasSize(Objects.requireNonNull(counts.get(version)));
        }
    }

    /// Of every version every chunk but the header, which a director that goes on writes again in the same bytes. An
    /// attempt that was aborted when slots had made their chunks already leaves those, under a key of their own.
    static void chunksAreThereOnce(Tail tail, Map<String, Object> operator) throws Exception {
        Map<Long, Set<Long>> unmasked = new TreeMap<>();
        for (Seen seen : tail.all(message -> message.type() == MessageType.UNMASK_REQUESTED)) {
            unmasked.computeIfAbsent(seen.round() + 1, any -> new TreeSet<>()).add(seen.attempt());
        }
        String models = new dev.sotto.schemas.Topics(Federation.ID).models();
        Map<String, Object> committed = new HashMap<>(operator);
        committed.put("isolation.level", "read_committed");
        Map<String, Integer> counts = new TreeMap<>();
        for (ConsumerRecord<byte[], byte[]> record : Topics.read(committed, models)) {
            counts.merge(new String(record.key(), StandardCharsets.US_ASCII), 1, Integer::sum);
        }
        counts.keySet().removeIf(key -> key.endsWith("/0"));
        assertThat(counts).isNotEmpty().allSatisfy((key, count) -> {
            long version = Long.parseLong(key.substring(0, key.indexOf('/')));
            int attempts = unmasked.getOrDefault(version, Set.of()).size();
            assertThat(count).as("records of chunk " + key).isBetween(1, Math.max(1, attempts));
        });
    }
}

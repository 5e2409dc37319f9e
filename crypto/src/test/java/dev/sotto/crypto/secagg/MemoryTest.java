package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.model.ModelHeader;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.Limits;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.TensorLayout;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.VectorLayout;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

/// What is held in memory grows with the chunk or with the vector, never with the members' number of vectors.
/// Live byte arrays are counted after a full collection, as `jcmd GC.class_histogram` does it.
class MemoryTest {
    private static final int CHUNKS = 4;
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);

    private static Federation federation(int members) {
        VectorLayout adapter = new VectorLayout(
                "adapter", true, List.of(new TensorLayout("a", List.of(CHUNKS, Limits.CHUNK / 3), -2)));
        Federation federation = new Federation(members, 41);
        federation.vectors = List.of(adapter);
        int size = (int) adapter.size();
        federation.version = new ModelVersion(0, new ModelHeader(Optional.empty(), size), new float[size], List.of());
        return federation;
    }

    /// In all live byte arrays.
    private static long liveBytes() {
        try {
            String histogram = (String) ManagementFactory.getPlatformMBeanServer()
                    .invoke(
                            new ObjectName("com.sun.management:type=DiagnosticCommand"),
                            "gcClassHistogram",
                            new Object[] {new String[0]},
                            new String[] {String[].class.getName()});
            return histogram
                    .lines()
                    .map(line -> line.trim().split("\\s+"))
                    .filter(columns -> columns.length > 3 && columns[3].equals("[B"))
                    .mapToLong(columns -> Long.parseLong(columns[2]))
                    .findFirst()
                    .orElseThrow();
        } catch (javax.management.JMException e) {
            throw new AssertionError(e);
        }
    }

    /// The coordinator's sum: one packed vector, however many members it holds.
    @Test
    void maskedSum_ofManyMembers_holdsOneVector() {
        Federation federation = federation(3);
        Opened opened = new Opened(Federation.NAME, federation.next(0, ADAPTER_0), ADAPTER_0);
        for (int members : new int[] {3, 20}) {
            long before = liveBytes();
            MaskedSum sum = new MaskedSum(opened);
            for (int member = 0; member < members; member++) {
                for (int index = 0; index < CHUNKS; index++) {
                    sum.add(
                            "org-" + member,
                            new UpdateChunk("adapter", index, federation.randomness.bytes(Limits.CHUNK)));
                }
            }
            long held = liveBytes() - before;
            assertThat(sum.members()).hasSize(members);
            assertThat(held).isBetween((long) CHUNKS * Limits.CHUNK, (long) CHUNKS * Limits.CHUNK + Limits.CHUNK / 10);
        }
    }

    /// A member that masks and spools: a chunk for each thread, however many it has spooled.
    @Test
    void masking_manyChunks_holdsOneForEachThread() {
        for (int threads = 1; threads <= 2; threads++) {
            Federation federation = federation(3);
            federation.threads = threads;
            federation.nodes.values().forEach(Federation.Node::start);
            List<Long> live = new ArrayList<>();
            federation.node(0).spooled = Optional.of(chunk -> {
                live.add(liveBytes());
                // It is measured, not kept: what would be sent is not there.
                federation.dead.add("org-a");
            });
            federation.open(federation.next(0, ADAPTER_0));
            federation.run();
            assertThat(live).hasSize(CHUNKS + 1);
            long scalars = live.removeLast();
            long most = (threads + 1L) * Limits.CHUNK;
            assertThat(live).allSatisfy(now -> assertThat(now - scalars).isBetween(Limits.CHUNK / 2L, most));
        }
    }

    @Test
    void chunksInOrder_anyNumberOfThreads_keepsOrderAndHoldsNoMore() {
        for (int threads = 1; threads <= 5; threads++) {
            int most = threads;
            AtomicInteger held = new AtomicInteger();
            List<Integer> taken = new ArrayList<>();
            Chunks.inOrder(
                    17,
                    threads,
                    index -> {
                        assertThat(held.incrementAndGet()).isLessThanOrEqualTo(most);
                        return index;
                    },
                    index -> {
                        held.decrementAndGet();
                        taken.add(index);
                    });
            assertThat(taken).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
        }
    }

    /// Same draws, same bytes, same version: on one thread and on several.
    @Test
    void round_onSeveralThreads_sendsTheSameBytes() {
        List<Envelope> sent = new ArrayList<>();
        for (int threads : new int[] {1, 3}) {
            Federation federation = federation(4);
            federation.threads = threads;
            federation.nodes.values().forEach(Federation.Node::start);
            federation.dies.put("org-b", MessageType.SHARES_DEALT);
            federation.open(federation.next(1, ADAPTER_0));
            federation.run();
            List<Envelope> all = new ArrayList<>(federation.chunks());
            all.addAll(federation.control);
            assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
            if (sent.isEmpty()) {
                sent.addAll(all);
            }
            assertThat(all).isEqualTo(sent);
        }
    }
}

package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MessageType;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// After a round no live object holds what only the round may know: the dump of the heap, as
/// `jcmd GC.heap_dump` writes it, is searched for every secret that was drawn and every one derived from it.
///
/// Garbage that was not yet collected is not looked at: the JDK's and Bouncy Castle's ciphers leave copies
/// there that are not ours to wipe.
@Tag("slow")
class HeapTest {
    private static final byte CLOAK = 0x5a;

    @TempDir
    private Path folder = Path.of("");

    @Test
    void roundWithADropout_closed_leavesNoSecretInLiveObjects() throws Exception {
        Federation federation = new Federation(4, 31);
        // Kept cloaked: this list must not be what is found.
        List<byte[]> drawn = new ArrayList<>();
        federation.drawn = bytes -> {
            if (bytes.length == 32) {
                drawn.add(cloaked(bytes));
            }
        };
        federation.dies.put("org-d", MessageType.SHARES_DEALT);
        var opened = federation.next(1, Bytes.zeros(32));
        drawn.clear();
        federation.open(opened);
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        // The dead process is gone, with its memory.
        federation.node(3).state.close();

        byte[] planted = new byte[32];
        java.util.Arrays.fill(planted, (byte) 0x77);
        Set<String> found = search(drawn, federation, planted);
        assertThat(found).as("the search finds what is there, and nothing else").containsExactly("planted");
        assertThat(planted[0]).isEqualTo((byte) 0x77);
    }

    private Set<String> search(List<byte[]> drawn, Federation federation, byte[] planted) throws IOException {
        Path dump = folder.resolve("heap.hprof");
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpHeap(dump.toString(), true);
        Map<Long, List<Map.Entry<String, byte[]>>> wanted = new HashMap<>();
        want(wanted, "planted", planted);
        Opened opened = opened(federation);
        int masters = 0;
        for (int i = 0; i < drawn.size(); i++) {
            byte[] raw = cloaked(drawn.get(i));
            want(wanted, "draw " + i, raw);
            for (Federation.Node node : federation.nodes.values()) {
                for (String kind : List.of("m", "b", "channel")) {
                    try (Secret fresh = Secret.take(raw.clone());
                            Secret made = opened.context().draw(node.salt, fresh, opened.t0(), node.id, kind);
                            Secret seed = opened.context().maskSeed(made, opened.t0(), node.id)) {
                        want(wanted, kind + " of " + node.id, made.expose(InsecureSecretAccess.get()));
                        want(wanted, "mask seed of " + node.id, seed.expose(InsecureSecretAccess.get()));
                        if (kind.equals("m") && isMaskKey(federation, node.id, Federation.PRIMITIVES.kemKey(seed))) {
                            masters++;
                        }
                    }
                }
            }
        }
        assertThat(masters)
                .as("every member's master is among those that are searched for")
                .isEqualTo(4);
        return scan(dump, wanted);
    }

    private static Opened opened(Federation federation) {
        return federation.node(0).outputs.stream()
                .filter(output -> output instanceof MemberOutput.Closed)
                .map(output -> ((MemberOutput.Closed) output).unmasking().orElseThrow())
                .map(unmasking -> unmasking.survivors().routed().roster().opened())
                .findFirst()
                .orElseThrow();
    }

    private static boolean isMaskKey(Federation federation, String id, Bytes key) {
        return federation.inboxes.stream()
                .filter(envelope -> envelope.type() == MessageType.KEYS_ADVERTISED
                        && envelope.sender().equals(id))
                .anyMatch(envelope -> {
                    try {
                        return dev.sotto.schemas.KeysAdvertised.parse(envelope.payload())
                                .maskKey()
                                .equals(key);
                    } catch (dev.sotto.schemas.MalformedMessage e) {
                        throw new AssertionError(e);
                    }
                });
    }

    private static void want(Map<Long, List<Map.Entry<String, byte[]>>> wanted, String name, byte[] bytes) {
        wanted.computeIfAbsent(ByteBuffer.wrap(bytes).getLong(), any -> new ArrayList<>())
                .add(Map.entry(name, bytes.clone()));
    }

    private static Set<String> scan(Path file, Map<Long, List<Map.Entry<String, byte[]>>> wanted) throws IOException {
        Set<String> found = new TreeSet<>();
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
            long window = 0;
            for (int end = 0; end < all.limit(); end++) {
                window = window << 8 | all.get(end) & 0xff;
                int start = end - 7;
                if (start >= 0 && start + 32 <= all.limit() && wanted.containsKey(window)) {
                    byte[] here = new byte[32];
                    all.get(start, here);
                    wanted.get(window).stream()
                            .filter(one -> java.util.Arrays.equals(one.getValue(), here))
                            .forEach(one -> found.add(one.getKey()));
                }
            }
        }
        return found;
    }

    private static byte[] cloaked(byte[] bytes) {
        byte[] other = bytes.clone();
        for (int i = 0; i < other.length; i++) {
            other[i] ^= CLOAK;
        }
        return other;
    }
}

package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.HotSpotDiagnosticMXBean;
import dev.sotto.crypto.bc.BouncyCastlePrimitives;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.MessageType;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The dump of the heap, as `jcmd GC.heap_dump` writes it, is searched for what only a round may know: every secret
/// that was drawn, dealt, or derived from one, at three moments of a round in which a member drops out.
///
/// Both sides are searched. In live objects there may be nothing. In garbage there may be what HKDF gave: the JDK's
/// `Mac` leaves a copy of each result there that is not ours to wipe. Every test has secrets of its own, so that none
/// finds what another has searched for.
@Tag("slow")
class HeapTest {
    private static final byte CLOAK = 0x5a;
    private static final List<String> SURVIVORS = List.of("org-a", "org-b", "org-c");
    private static final String DROPPED = "org-d";

    @TempDir
    private Path folder = Path.of("");

    /// Of no other test, which may have left the same secrets in its garbage.
    private static int seed = 0x48454150;

    /// What [Federation#PRIMITIVES] remembers of public bytes lives on, and would be searched too.
    private final Federation federation = new Federation(4, seed++, new BouncyCastlePrimitives());
    /// Kept cloaked: this list must not be what is found.
    private final List<byte[]> drawn = new ArrayList<>();

    private final byte[] planted = new byte[32];

    @BeforeEach
    void open() {
        federation.dies.put(DROPPED, MessageType.SHARES_DEALT);
        var opened = federation.next(1, Bytes.zeros(32));
        federation.drawn = bytes -> {
            if (bytes.length == 32) {
                drawn.add(cloaked(bytes));
            }
        };
        federation.open(opened);
        Arrays.fill(planted, (byte) 0x77);
    }

    /// This also shows that the search finds shares where they are.
    @Test
    void delivered_membersHoldSharesAndNothingElse() throws Exception {
        Routed routed = delivered();
        Set<String> expected = new TreeSet<>();
        for (String dealer : federation.ids) {
            for (String receiver : SURVIVORS) {
                for (String part : List.of("share of b", "salt of b", "share of m", "salt of m")) {
                    if (!dealer.equals(receiver)) {
                        expected.add(part + " of " + dealer + " for " + receiver);
                    }
                }
            }
        }
        Set<String> found = search(routed, true);
        assertThat(found).contains("planted").containsAll(expected);
        found.removeAll(expected);
        found.remove("planted");
        // Of its own shares it keeps that of its self mask, with its salt.
        assertThat(found).hasSameSizeAs(SURVIVORS).allMatch(name -> name.startsWith("draw "));
    }

    /// Members have revealed, and have wiped; the director has most of their shares, in boxes.
    @Test
    void revealed_nobodyHoldsASecret() throws Exception {
        Routed routed = delivered();
        until(phase -> phase instanceof Phase.Reveal reveal && reveal.received().size() == 2);
        assertThat(search(routed, true)).containsExactly("planted");
    }

    @Test
    void closed_nobodyHoldsASecret() throws Exception {
        Routed routed = delivered();
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        // The round key's seed is what members get at the end; whoever gets it closes it.
        federation
                .nodes
                .values()
                .forEach(node -> node.outputs.forEach(output -> {
                    if (output instanceof MemberOutput.Closed closed) {
                        closed.roundSeed().ifPresent(Secret::close);
                    }
                }));
        List<String> fromHkdf = List.of("master", "self", "mask seed", "channel seed", "pair", "seed of the round key");
        assertThat(search(routed, false))
                .as("garbage too")
                .contains("planted")
                .allMatch(name -> name.equals("planted") || fromHkdf.stream().anyMatch(name::startsWith));
        assertThat(search(routed, true)).containsExactly("planted");
    }

    private Routed delivered() {
        until(phase -> phase instanceof Phase.Updates);
        // The dead process is gone, with its memory.
        federation.node(3).state.close();
        return ((Phase.Updates) federation.state.phase()).routed();
    }

    private void until(Predicate<Phase> reached) {
        while (!reached.test(federation.state.phase())) {
            if (federation.pending.isEmpty()) {
                federation.now = federation.now.plusSeconds(1);
                federation.direct(new DirectorState.Input.Tick());
            } else {
                federation.direct(federation.pending.removeFirst());
            }
        }
    }

    /// What is there, by name.
    ///
    /// @param live whether garbage is left out
    private Set<String> search(Routed routed, boolean live) throws Exception {
        Path dump = folder.resolve("heap.hprof");
        ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class).dumpHeap(dump.toString(), live);
        // From here on the secrets are in plain: nothing of this may be alive when the heap is dumped.
        Wanted wanted = new Wanted();
        wanted.add("planted", planted);
        wanted.addAttempt(routed);
        Set<String> found = wanted.scan(dump);
        Files.delete(dump);
        assertThat(planted[0]).isEqualTo((byte) 0x77);
        return found;
    }

    private static byte[] cloaked(byte[] bytes) {
        byte[] other = bytes.clone();
        for (int i = 0; i < other.length; i++) {
            other[i] ^= CLOAK;
        }
        return other;
    }

    /// What is searched for, by its first 8 bytes.
    private final class Wanted {
        private final Map<Long, List<Map.Entry<String, byte[]>>> all = new HashMap<>();
        /// Whether anything begins with these two bytes: asked at every byte of the dump.
        private final boolean[] begins = new boolean[1 << 16];

        /// By its last name, if it has several.
        void add(String name, byte[] bytes) {
            List<Map.Entry<String, byte[]>> candidates =
                    all.computeIfAbsent(ByteBuffer.wrap(bytes).getLong(), any -> new ArrayList<>());
            begins[ByteBuffer.wrap(bytes).getShort() & 0xffff] = true;
            candidates.removeIf(before -> Arrays.equals(before.getValue(), bytes));
            candidates.add(Map.entry(name, bytes.clone()));
        }

        void add(String name, Secret secret) {
            add(name, secret.expose(InsecureSecretAccess.get()));
        }

        /// Everything that the members of an attempt had, from what they drew.
        void addAttempt(Routed routed) throws Exception {
            Roster roster = routed.roster();
            RoundContext context = roster.context();
            add(
                    "seed of the round key",
                    context.roundKeySeed(
                            federation.roundSecret, roster.opened().message().nonce()));
            Map<String, Secret> masters = new HashMap<>();
            Map<String, Secret> selfMasks = new HashMap<>();
            Map<String, Secret> channels = new HashMap<>();
            for (int i = 0; i < drawn.size(); i++) {
                Secret fresh = Secret.take(cloaked(drawn.get(i)));
                add("draw " + i, fresh);
                for (Roster.Member member : roster.members()) {
                    Secret salt = Objects.requireNonNull(federation.nodes.get(member.id())).salt;
                    Secret m = context.draw(salt, fresh, roster.opened().t0(), member.id(), "m");
                    Secret b = context.draw(salt, fresh, roster.opened().t0(), member.id(), "b");
                    Secret channel = context.draw(salt, fresh, roster.opened().t0(), member.id(), "channel");
                    Secret seed = context.maskSeed(m, roster.opened().t0(), member.id());
                    if (Federation.PRIMITIVES.kemKey(seed).equals(member.maskKey())) {
                        masters.put(member.id(), m);
                        add("master of " + member.id(), m);
                        add("mask seed of " + member.id(), seed);
                    }
                    if (context.commitment(roster.t1(), member.id(), RoundContext.Kind.SELF, b)
                            .equals(routed.dealer(member.id()).selfCommitment())) {
                        selfMasks.put(member.id(), b);
                        add("self mask of " + member.id(), b);
                        add(
                                "self stream of " + member.id(),
                                context.selfStreamKey(b, routed.t2(), member.id(), "adapter"));
                    }
                    if (Federation.PRIMITIVES.kemKey(channel).equals(member.channelKey())) {
                        channels.put(member.id(), channel);
                        add("channel seed of " + member.id(), channel);
                    }
                }
            }
            assertThat(List.of(masters, selfMasks, channels))
                    .as("every member's secrets are among those that are searched for")
                    .allMatch(secrets -> secrets.keySet().equals(Set.copyOf(roster.ids())));
            for (String dealer : roster.ids()) {
                for (String other : roster.ids()) {
                    if (!dealer.equals(other)) {
                        addShares(
                                dealer,
                                other,
                                ReceivedShares.open(
                                        Federation.PRIMITIVES,
                                        routed,
                                        dealer,
                                        other,
                                        Objects.requireNonNull(channels.get(other))));
                    }
                    if (dealer.compareTo(other) < 0) {
                        addPair(routed, Objects.requireNonNull(masters.get(dealer)), dealer, other);
                    }
                }
            }
        }

        private void addShares(String dealer, String receiver, ReceivedShares shares) {
            String suffix = " of " + dealer + " for " + receiver;
            add("share of b" + suffix, shares.selfShare());
            add("salt of b" + suffix, shares.selfSalt());
            add("share of m" + suffix, shares.maskShare());
            add("salt of m" + suffix, shares.maskSalt());
        }

        private void addPair(Routed routed, Secret master, String first, String second) throws InvalidKey {
            RoundContext context = routed.roster().context();
            Bytes key = routed.roster().member(second).maskKey();
            Secret coins = context.coins(master, routed.roster().t1(), first, second, key);
            add("coins of " + first + " to " + second, coins);
            Encapsulation made = Federation.PRIMITIVES.encapsulate(key, coins);
            add("KEM secret of " + first + " and " + second, made.secret());
            Secret seed = context.pairSeed(made.secret(), routed.t2(), first, second, made.ciphertext());
            add("pair seed of " + first + " and " + second, seed);
            add(
                    "pair stream of " + first + " and " + second,
                    context.pairStreamKey(seed, routed.t2(), first, second, "adapter"));
        }

        Set<String> scan(Path file) throws IOException {
            Set<String> found = new TreeSet<>();
            try (FileChannel channel = FileChannel.open(file)) {
                ByteBuffer dump = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size());
                long window = 0;
                for (int end = 0; end < dump.limit(); end++) {
                    window = window << 8 | dump.get(end) & 0xff;
                    if (begins[(int) (window >>> 48)] && end >= 7) {
                        for (Map.Entry<String, byte[]> one : all.getOrDefault(window, List.of())) {
                            byte[] here = new byte[Math.min(one.getValue().length, dump.limit() - (end - 7))];
                            dump.get(end - 7, here);
                            if (Arrays.equals(here, one.getValue())) {
                                found.add(one.getKey());
                            }
                        }
                    }
                }
            }
            return found;
        }
    }
}

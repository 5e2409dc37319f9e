package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.SurvivorsSealed;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Random schedules of crashes, restarts, silences, operators' aborts and lifts over several attempts, with a
/// clock that only the test moves. Every member's update is its own, so a sum tells who is in it. A failure
/// prints its seed and its operations.
///
/// `-Dsotto.schedules=N` runs N of them (default 60).
///
/// Must hold after every attempt: a closed round sums exactly the sealed survivors; a version moves by one
/// per closed round; a member signs one message of a type per attempt; what was spent is never sent again;
/// one survivor set per adapter, but for a lift; shares are revealed by confirmers only.
@Tag("slow")
class ScheduleTest {
    private static final int SCHEDULES = Integer.getInteger("sotto.schedules", 60);
    private static final int ATTEMPTS = 5;
    private static final List<MessageType> DEATHS = List.of(
            MessageType.KEYS_ADVERTISED,
            MessageType.SHARES_DEALT,
            MessageType.UPDATE_MANIFEST,
            MessageType.SURVIVORS_CONFIRMED,
            MessageType.SHARES_REVEALED);

    @Test
    void schedules_ofCrashesAndRestarts_keepEveryInvariant() {
        int closed = 0;
        int aborted = 0;
        for (int seed = 0; seed < SCHEDULES; seed++) {
            Schedule schedule = new Schedule(seed);
            schedule.run();
            closed += schedule.closed;
            aborted += schedule.aborted;
        }
        // The schedules reach both ends, and often.
        assertThat(closed).isGreaterThan(SCHEDULES);
        assertThat(aborted).isGreaterThan(SCHEDULES / 4);
    }

    private static final class Schedule {
        private final SplittableRandom random;
        private final Federation federation;
        private final List<String> operations = new ArrayList<>();
        private final Set<Bytes> spent = new HashSet<>();
        private final Map<Bytes, List<List<String>>> confirmedSets = new HashMap<>();
        private Bytes adapter = Bytes.zeros(32);
        private int closed;
        private int aborted;

        Schedule(int seed) {
            random = new SplittableRandom(seed);
            int members = 4 + random.nextInt(3);
            federation = new Federation(members, seed);
            operations.add("seed " + seed + ", " + members + " members");
        }

        void run() {
            try {
                for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
                    attempt();
                }
            } catch (AssertionError | RuntimeException e) {
                throw new AssertionError(String.join("; ", operations), e);
            }
        }

        private void attempt() {
            federation.dies.clear();
            for (String id : federation.ids) {
                if (federation.dead.contains(id)) {
                    if (random.nextInt(4) > 0) {
                        say("restart " + id);
                        node(id).restart();
                    }
                } else if (random.nextInt(6) == 0) {
                    MessageType last = DEATHS.get(random.nextInt(DEATHS.size()));
                    say(id + " dies after " + last);
                    federation.dies.put(id, last);
                }
                node(id).spool.clear();
            }
            federation.updates.clear();
            long before = federation.version.version();
            federation.open(federation.next(1, adapter));
            int abortAfter = random.nextInt(6) == 0 ? random.nextInt(25) : -1;
            if (abortAfter >= 0) {
                say("operator aborts after " + abortAfter + " inputs");
                for (int i = 0; i < abortAfter && !federation.pending.isEmpty(); i++) {
                    federation.direct(federation.pending.removeFirst());
                }
                federation.direct(new Input.Abort("Operator", "schedule", List.of()));
            }
            federation.run();
            Envelope end = federation.control.getLast();
            long round = federation.state.chain().round();
            long number = federation.state.chain().attempt();
            say("round " + round + " attempt " + number + " " + end.type());
            check(round, number);
            if (end.type() == MessageType.ROUND_CLOSED) {
                closed++;
                assertThat(federation.version.version()).isEqualTo(before + 1);
                sumsExactly(sealed());
                adapter = federation.version.digest(Federation.NAME);
            } else {
                aborted++;
                assertThat(federation.version.version()).isEqualTo(before);
                maybeLift();
            }
        }

        /// U3 of the attempt that ended last.
        private List<String> sealed() {
            return federation.control.reversed().stream()
                    .filter(envelope -> envelope.type() == MessageType.SURVIVORS_SEALED)
                    .findFirst()
                    .map(ScheduleTest::survivors)
                    .orElseThrow();
        }

        private void sumsExactly(List<String> survivors) {
            assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(survivors.size());
            double[] plain = federation.plainMean(survivors);
            for (int i = 0; i < plain.length; i++) {
                assertThat(federation.mean[i]).isCloseTo(plain[i], org.assertj.core.api.Assertions.within(1e-3));
            }
        }

        private void check(long round, long attempt) {
            for (Federation.Node node : federation.nodes.values()) {
                List<Envelope> signed = node.journal.signed(round, attempt);
                assertThat(signed.stream().map(Envelope::type).toList()).doesNotHaveDuplicates();
                boolean confirmed = has(signed, MessageType.SURVIVORS_CONFIRMED);
                assertThat(has(signed, MessageType.SHARES_REVEALED) && !confirmed)
                        .as(node.id + " reveals without having confirmed")
                        .isFalse();
                signed.stream()
                        .filter(envelope -> envelope.type() == MessageType.UPDATE_MANIFEST)
                        .forEach(manifest -> assertThat(spent.add(Enc.sha256(manifest.payload())))
                                .as(node.id + " sends a vector again")
                                .isTrue());
                if (confirmed) {
                    List<List<String>> sets =
                            confirmedSets.computeIfAbsent(Enc.hash(adapter, node.id), any -> new ArrayList<>());
                    List<String> now = node.journal.confirmed(adapter).orElseThrow();
                    if (!sets.contains(now)) {
                        sets.add(now);
                    }
                    assertThat(sets.size())
                            .as(node.id + " confirms " + sets)
                            .isLessThanOrEqualTo(node.journal.lifted(adapter).isPresent() ? 2 : 1);
                }
            }
        }

        private static boolean has(List<Envelope> signed, MessageType type) {
            return signed.stream().anyMatch(envelope -> envelope.type() == type);
        }

        /// Some operators do what a NeedsLift abort asks for.
        private void maybeLift() {
            List<String> sealed = federation.state.sealed().get(adapter);
            List<String> alive = federation.ids.stream()
                    .filter(id -> !federation.dead.contains(id))
                    .toList();
            if (sealed == null || sealed.equals(alive) || random.nextInt(2) == 0) {
                return;
            }
            say("lift to " + alive);
            for (String id : alive) {
                if (sealed.contains(id) && random.nextInt(5) > 0) {
                    node(id).step(new MemberInput.Lift(new dev.sotto.schemas.SurvivorsLifted(adapter, sealed, alive)));
                }
            }
        }

        private Federation.Node node(String id) {
            return java.util.Objects.requireNonNull(federation.nodes.get(id));
        }

        private void say(String operation) {
            operations.add(operation);
        }
    }

    private static List<String> survivors(Envelope envelope) {
        try {
            return SurvivorsSealed.parse(envelope.payload()).survivors().stream()
                    .map(NamedHash::organisation)
                    .toList();
        } catch (dev.sotto.schemas.MalformedMessage e) {
            throw new AssertionError(e);
        }
    }
}

package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Random schedules of a federation whose parts run each at its own pace: members read `control` late, train for
/// as long as they like, die and come back at any point; the broker delays, reorders and repeats what goes to
/// the director; the director dies and a successor folds the log; operators abort and lift; a clock that only
/// the schedule moves passes deadlines. Every member's update is its own, so a sum tells who is in it.
///
/// A schedule is a list of numbers, each of which picks one of the operations that are possible then. One that
/// fails is cut down as long as it fails, and printed.
///
/// `-Dsotto.schedules=N` runs N of them (default 40).
///
/// **Must hold at every moment**: a closed round sums exactly the sealed survivors, moves the version by one, and
/// recomputes from the log; a member signs one message of a type per attempt; what was spent is never sent
/// again; one survivor set per adapter, but for a lift; shares are revealed by confirmers only; nobody finds an
/// honest coordinator or an honest member at fault.
///
/// **Must hold in the end**, when everybody is back and nothing fails any more: the next attempts close a round.
@Tag("slow")
class ScheduleTest {
    private static final int SCHEDULES = Integer.getInteger("sotto.schedules", 40);
    private static final int LENGTH = 400;

    @Test
    void schedules_ofDelaysAndCrashes_keepEveryInvariantAndCloseInTheEnd() {
        Set<Operation> done = EnumSet.noneOf(Operation.class);
        Map<String, Integer> ends = new TreeMap<>();
        for (int seed = 0; seed < SCHEDULES; seed++) {
            int[] choices = new SplittableRandom(seed).ints(LENGTH, 0, 1 << 20).toArray();
            Schedule schedule = new Schedule(seed, choices);
            Optional<Throwable> failure = schedule.run();
            if (failure.isPresent()) {
                throw shrunk(seed, choices);
            }
            done.addAll(schedule.done);
            schedule.ends.forEach(end -> ends.merge(end, 1, Integer::sum));
        }
        // They reach what they are for.
        assertThat(done).containsAll(EnumSet.allOf(Operation.class));
        assertThat(ends).containsKeys("ROUND_CLOSED", "TOO_FEW", "Operator");
        assertThat(Objects.requireNonNull(ends.get("ROUND_CLOSED"))).isGreaterThan(SCHEDULES * 3 / 2);
    }

    /// The shortest failing part that leaving out stretches leads to.
    private static AssertionError shrunk(int seed, int[] choices) {
        int[] shortest = choices;
        for (int cut = choices.length / 2; cut > 0; cut /= 2) {
            for (int at = 0; at + cut <= shortest.length; ) {
                int[] shorter = new int[shortest.length - cut];
                System.arraycopy(shortest, 0, shorter, 0, at);
                System.arraycopy(shortest, at + cut, shorter, at, shorter.length - at);
                if (new Schedule(seed, shorter).run().isPresent()) {
                    shortest = shorter;
                } else {
                    at += cut;
                }
            }
        }
        Schedule schedule = new Schedule(seed, shortest);
        Throwable failure = schedule.run().orElseThrow();
        return new AssertionError(
                "seed " + seed + ", " + Arrays.toString(shortest) + ":\n" + String.join("\n", schedule.log), failure);
    }

    /// What may happen next, each as often as it is named in [Schedule#possible].
    private enum Operation {
        DELIVER,
        DELIVER_LATER_ONE,
        REPEAT,
        READ,
        FINISH_TRAINING,
        DIE,
        RESTART,
        RESTART_DIRECTOR,
        TIME_PASSES,
        OPEN,
        OPERATOR_ABORTS,
        LIFT
    }

    private static final class Schedule {
        private final Federation federation;
        private final int[] choices;
        /// How much more often things go on than fail.
        private final int calm;
        private final List<String> log = new ArrayList<>();
        private final Set<Operation> done = EnumSet.noneOf(Operation.class);
        private final List<String> ends = new ArrayList<>();
        private final Set<Bytes> spent = new HashSet<>();
        private final Map<Bytes, Set<List<String>>> confirmedSets = new HashMap<>();
        private final Map<String, Integer> checked = new HashMap<>();
        private List<String> survivors = List.of();

        Schedule(int seed, int[] choices) {
            this.choices = choices;
            calm = 16 << seed % 4;
            federation = new Federation(4 + seed % 3, seed);
            federation.asynchronous = true;
            federation.slow.addAll(federation.ids);
            federation.published = this::published;
        }

        Optional<Throwable> run() {
            try {
                for (int choice : choices) {
                    List<Operation> possible = possible();
                    perform(possible.get(choice % possible.size()), choice / possible.size());
                    checkMembers();
                }
                heal();
                return Optional.empty();
            } catch (AssertionError | RuntimeException e) {
                return Optional.of(e);
            }
        }

        private List<Operation> possible() {
            List<Operation> possible = new ArrayList<>();
            possible.add(Operation.TIME_PASSES);
            possible.add(Operation.RESTART_DIRECTOR);
            if (!federation.pending.isEmpty()) {
                possible.addAll(Collections.nCopies(calm, Operation.DELIVER));
                possible.add(Operation.DELIVER_LATER_ONE);
                possible.add(Operation.REPEAT);
            }
            if (!readers().isEmpty()) {
                possible.addAll(Collections.nCopies(calm, Operation.READ));
            }
            if (!training().isEmpty()) {
                possible.addAll(Collections.nCopies(calm, Operation.FINISH_TRAINING));
            }
            if (federation.dead.size() < federation.ids.size()) {
                possible.add(Operation.DIE);
            }
            if (!federation.dead.isEmpty()) {
                possible.addAll(Collections.nCopies(3, Operation.RESTART));
            }
            if (mayOpen()) {
                possible.addAll(Collections.nCopies(calm, Operation.OPEN));
            }
            if (federation.state.chain().open()) {
                possible.add(Operation.OPERATOR_ABORTS);
            }
            if (federation.state.sealed().containsKey(adapter())) {
                possible.add(Operation.LIFT);
            }
            if (possible.size() < calm) {
                // Nothing is left to do but to wait.
                possible.addAll(Collections.nCopies(calm, Operation.TIME_PASSES));
            }
            return possible;
        }

        private boolean mayOpen() {
            return !federation.state.chain().open()
                    && !federation.state.deciding()
                    && federation.pending.stream().noneMatch(Input.Open.class::isInstance);
        }

        private Bytes adapter() {
            return federation.version.version() == 0 ? Bytes.zeros(32) : federation.version.digest(Federation.NAME);
        }

        private List<Federation.Node> readers() {
            return federation.nodes.values().stream()
                    .filter(node -> !federation.dead.contains(node.id) && node.position < federation.control.size())
                    .toList();
        }

        private List<Federation.Node> training() {
            return federation.nodes.values().stream()
                    .filter(node -> !federation.dead.contains(node.id) && node.trained.isPresent())
                    .toList();
        }

        private static <T> T one(List<T> list, int choice) {
            return list.get(choice % list.size());
        }

        private void perform(Operation operation, int choice) {
            done.add(operation);
            switch (operation) {
                case DELIVER -> direct(federation.pending.removeFirst(), "deliver");
                case DELIVER_LATER_ONE -> {
                    List<Input> waiting = new ArrayList<>(federation.pending);
                    Input later = one(waiting, choice);
                    // A decision is the director's own and overtakes everything.
                    if (!(waiting.getFirst() instanceof Input.Decision)) {
                        boolean _ = federation.pending.remove(later);
                        direct(later, "deliver before its turn");
                    }
                }
                case REPEAT -> {
                    if (one(new ArrayList<>(federation.pending), choice) instanceof Input.Received again) {
                        say("repeat " + again.envelope().type() + " of "
                                + again.envelope().sender());
                        federation.pending.addLast(again);
                    }
                }
                case READ -> {
                    Federation.Node node = one(readers(), choice);
                    say(node.id + " reads "
                            + federation.control.get(node.position).type());
                    boolean _ = node.readNext();
                }
                case FINISH_TRAINING -> {
                    Federation.Node node = one(training(), choice);
                    say(node.id + " has trained");
                    node.finish();
                }
                case DIE -> {
                    String id = one(federation.ids, choice);
                    say(id + " dies");
                    federation.dead.add(id);
                }
                case RESTART -> {
                    String id = one(federation.dead.stream().sorted().toList(), choice);
                    say(id + " restarts");
                    node(id).restart();
                }
                case RESTART_DIRECTOR -> {
                    say("the director restarts");
                    federation.restartDirector();
                }
                case TIME_PASSES -> {
                    federation.now = federation.now.plusSeconds(1 + choice % 12);
                    direct(new Input.Tick(), "time passes");
                }
                case OPEN -> {
                    say("open");
                    federation.open(federation.next(1, adapter()));
                }
                case OPERATOR_ABORTS -> {
                    if (choice % 3 == 0) {
                        direct(new Input.Abort("Operator", "schedule", List.of()), "operator aborts");
                    }
                }
                case LIFT -> lift(choice);
            }
        }

        private void direct(Input input, String what) {
            say(what
                    + switch (input) {
                        case Input.Received received ->
                            " " + received.envelope().type() + " of "
                                    + received.envelope().sender();
                        case Input.Delivered delivered -> " chunks of " + delivered.member();
                        case Input.Decision decision -> " " + decision.decided().type();
                        default -> "";
                    });
            federation.direct(input);
        }

        /// One member's operator lifts the rule towards those who live now.
        private void lift(int choice) {
            List<String> sealed =
                    Objects.requireNonNull(federation.state.sealed().get(adapter()));
            List<String> alive = federation.ids.stream()
                    .filter(id -> !federation.dead.contains(id))
                    .toList();
            if (alive.size() >= 3 && !alive.equals(sealed)) {
                Federation.Node node = node(one(alive, choice));
                say(node.id + " lifts " + sealed + " to " + alive);
                node.step(new MemberInput.Lift(new SurvivorsLifted(adapter(), sealed, alive)));
            }
        }

        // ---- what must hold ----

        private void published(Envelope envelope) {
            say("  published " + envelope.type());
            try {
                switch (envelope.type()) {
                    case SURVIVORS_SEALED ->
                        survivors = SurvivorsSealed.parse(envelope.payload()).survivors().stream()
                                .map(NamedHash::organisation)
                                .toList();
                    case ROUND_CLOSED -> {
                        ends.add("ROUND_CLOSED");
                        closed(RoundClosed.parse(envelope.payload()));
                    }
                    case ROUND_ABORTED ->
                        ends.add(RoundAborted.parse(envelope.payload()).reason());
                    default -> {}
                }
            } catch (MalformedMessage e) {
                throw new AssertionError(e);
            }
        }

        private void closed(RoundClosed closed) {
            assertThat(closed.version()).isEqualTo(federation.before.version() + 1);
            assertThat(closed.modelDigest()).isEqualTo(federation.version.digest(Federation.NAME));
            assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(survivors.size());
            double[] plain = federation.plainMean(survivors);
            for (int i = 0; i < plain.length; i++) {
                assertThat(federation.mean[i]).isCloseTo(plain[i], within(1e-3));
            }
        }

        private void checkMembers() {
            assertThat(federation.disputes).isEmpty();
            assertThat(federation.refusedByDirector)
                    .extracting(PeerMisbehaved::reason)
                    .doesNotContain(Refusal.EQUIVOCATION, Refusal.MALFORMED, Refusal.COMMITMENT);
            for (Federation.Node node : federation.nodes.values()) {
                assertThat(node.refused)
                        .as("%s refuses an honest coordinator", node.id)
                        .isEmpty();
                List<MemberOutput> fresh = node.outputs.subList(checked.getOrDefault(node.id, 0), node.outputs.size());
                for (MemberOutput output : List.copyOf(fresh)) {
                    if (output instanceof MemberOutput.Closed closed) {
                        recomputes(closed);
                    }
                }
                checked.put(node.id, node.outputs.size());
                Chain chain = node.state.chain();
                checkSigned(node, node.journal.signed(chain.round(), chain.attempt()));
            }
        }

        private void checkSigned(Federation.Node node, List<Envelope> signed) {
            assertThat(signed.stream().map(Envelope::type).toList()).doesNotHaveDuplicates();
            boolean confirmed = has(signed, MessageType.SURVIVORS_CONFIRMED);
            assertThat(has(signed, MessageType.SHARES_REVEALED) && !confirmed)
                    .as(node.id + " reveals without having confirmed")
                    .isFalse();
            for (Envelope envelope : signed) {
                if (envelope.type() == MessageType.UPDATE_MANIFEST && spent.add(Enc.sha256(envelope.encode()))) {
                    assertThat(spent.add(Enc.sha256(envelope.payload())))
                            .as(node.id + " sends a vector again")
                            .isTrue();
                }
            }
            Bytes adapter = adapter();
            node.journal.confirmed(adapter).ifPresent(now -> {
                Set<List<String>> sets =
                        confirmedSets.computeIfAbsent(Enc.hash(adapter, node.id), any -> new HashSet<>());
                sets.add(now);
                assertThat(sets.size())
                        .as(node.id + " confirms " + sets)
                        .isLessThanOrEqualTo(node.journal.lifted(adapter).isPresent() ? 2 : 1);
            });
        }

        private static boolean has(List<Envelope> signed, MessageType type) {
            return signed.stream().anyMatch(envelope -> envelope.type() == type);
        }

        /// A member that revealed recomputes the round, while its version is the present one.
        private void recomputes(MemberOutput.Closed closed) {
            if (closed.unmasking().isEmpty() || closed.message().version() != federation.version.version()) {
                return;
            }
            try (Secret seed = closed.roundSeed().map(Secret::copy).orElseThrow()) {
                Recomputation.check(
                        Federation.PRIMITIVES,
                        federation.directory,
                        closed.unmasking().get(),
                        seed,
                        federation.inboxes,
                        federation.chunks(),
                        new Sample.All(),
                        federation.before,
                        federation.version,
                        federation.step,
                        closed.message());
            } catch (PeerMisbehaved e) {
                throw new AssertionError("an honest round does not recompute", e);
            }
        }

        /// Everybody comes back and nothing fails any more.
        private void heal() {
            say("all is well again");
            federation.slow.clear();
            List.copyOf(federation.dead).forEach(id -> node(id).restart());
            federation.restartDirector();
            long version = federation.version.version();
            // The attempt that was open may have lost too many; what is next must not.
            for (int attempt = 0; attempt < 3 && federation.version.version() == version; attempt++) {
                if (mayOpen()) {
                    federation.open(federation.next(1, adapter()));
                }
                settle();
            }
            assertThat(federation.version.version()).as("a round closes").isGreaterThan(version);
        }

        private void settle() {
            for (int idle = 0; idle < 400; idle++) {
                boolean moved = true;
                while (moved) {
                    moved = !federation.pending.isEmpty();
                    if (moved) {
                        direct(federation.pending.removeFirst(), "deliver");
                    }
                    for (Federation.Node node : federation.nodes.values()) {
                        while (node.readNext()) {
                            moved = true;
                        }
                        node.finish();
                    }
                    checkMembers();
                }
                if (!federation.state.chain().open() && !federation.state.deciding()) {
                    return;
                }
                federation.now = federation.now.plusSeconds(1);
                federation.direct(new Input.Tick());
            }
            throw new AssertionError("the attempt hangs in " + federation.state.phase());
        }

        private Federation.Node node(String id) {
            return Objects.requireNonNull(federation.nodes.get(id));
        }

        private void say(String operation) {
            log.add(operation);
        }
    }
}

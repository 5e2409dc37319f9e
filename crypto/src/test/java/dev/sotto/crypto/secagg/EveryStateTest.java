package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ChannelOpened;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.UnmaskRequested;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Every state of both machines × every message, well signed and over the transcript where the machine stands.
/// Either the state expects it, or the machine refuses it by name or ignores it, and does nothing.
@Tag("slow")
class EveryStateTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);
    private static final String MEMBER = "org-b";
    private static final String OTHER = "org-c";

    private static Message parse(Envelope envelope) {
        try {
            return Message.parse(envelope.type(), envelope.payload());
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private static Set<Class<?>> all(Class<?> sealed) {
        return new HashSet<>(Arrays.asList(sealed.getPermittedSubclasses()));
    }

    /// One real message of every type that a round of such a federation knows: of the coordinator, and of `OTHER`.
    private static Map<MessageType, Message> script(boolean coordinator) {
        Federation federation = new Federation(4, 11);
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        Map<MessageType, Message> script = new EnumMap<>(MessageType.class);
        if (coordinator) {
            federation.control.forEach(envelope -> script.put(envelope.type(), parse(envelope)));
            script.put(
                    MessageType.ROUND_ABORTED,
                    new RoundAborted("Operator", "", List.of(), List.of(), Optional.empty()));
            assertThat(script).hasSize(7);
        } else {
            federation.inboxes.stream()
                    .filter(envelope -> envelope.sender().equals(OTHER))
                    .forEach(envelope -> script.put(envelope.type(), parse(envelope)));
            federation.chunks().stream()
                    .filter(envelope -> envelope.sender().equals(OTHER))
                    .forEach(envelope -> script.put(envelope.type(), parse(envelope)));
            script.put(MessageType.ROUND_DECLINED, new RoundDeclined("POLICY", ""));
            script.put(MessageType.COMPLAINT, new Complaint("org-d", "SEALED_SHARE"));
            script.put(MessageType.CHANNEL_OPENED, new ChannelOpened(Bytes.zeros(32)));
            script.put(MessageType.DISPUTED, new Disputed("OTHER_RESULT", List.of()));
            script.put(
                    MessageType.SURVIVORS_LIFTED,
                    new SurvivorsLifted(
                            ADAPTER_0, List.of("org-a", "org-b", "org-c"), List.of("org-b", "org-c", "org-d")));
            assertThat(script).hasSize(11);
        }
        return script;
    }

    private static void work(Federation federation) {
        federation.direct(federation.pending.isEmpty() ? new Input.Tick() : federation.pending.removeFirst());
        if (federation.pending.isEmpty()) {
            federation.now = federation.now.plusSeconds(1);
        }
    }

    // ---- the member ----

    private static final List<String> MEMBER_STATES = List.of(
            "Idle", "Advertised", "Dealt", "Training", "Delivered", "Confirmed", "Revealed", "Bystander", "Complained");

    private static Federation.Node named(Federation federation, String id) {
        return Objects.requireNonNull(federation.nodes.get(id));
    }

    private static Federation.Node node(Federation federation) {
        return named(federation, MEMBER);
    }

    /// A federation whose member stands in that state.
    private static Federation memberIn(String state) {
        Federation federation = new Federation(4, 11);
        if (state.equals("Idle")) {
            return federation;
        }
        if (state.equals("Training")) {
            federation.slow.add(MEMBER);
        }
        if (state.equals("Bystander")) {
            node(federation).rules =
                    new MemberRules(Set.copyOf(federation.ids), 3, 3, 1, opened -> Optional.of("not on Wednesdays"));
            node(federation).start();
        }
        if (state.equals("Complained")) {
            federation.lying.put(
                    OTHER,
                    envelope -> envelope.type() == MessageType.SHARES_DEALT ? spoiled(federation, envelope) : envelope);
        }
        federation.open(federation.next(1, ADAPTER_0));
        for (int i = 0; i < 1000; i++) {
            if (node(federation).state.getClass().getSimpleName().equals(state)) {
                return federation;
            }
            work(federation);
        }
        throw new AssertionError("never " + state);
    }

    private static Envelope spoiled(Federation federation, Envelope envelope) {
        SharesDealt dealt = (SharesDealt) parse(envelope);
        List<Bytes> boxes = new ArrayList<>(dealt.boxes());
        byte[] box = boxes.get(1).toArray();
        box[box.length - 1] ^= 1;
        boxes.set(1, Bytes.of(box));
        return named(federation, OTHER)
                .identity
                .sign(
                        new SharesDealt(
                                boxes,
                                dealt.ciphertexts(),
                                dealt.maskCommitment(),
                                dealt.selfCommitment(),
                                dealt.maskShareCommitments(),
                                dealt.selfShareCommitments()),
                        envelope.transcript());
    }

    private static RoundOpened continuing(RoundOpened o, Bytes previous) {
        return Terms.changed(o, terms -> terms.previous = previous);
    }

    @Test
    void member_everyMessageOfControlInEveryState_isExpectedOrRefusedByName() {
        Map<MessageType, Message> script = script(true);
        Set<Class<?>> seen = new HashSet<>();
        for (String state : MEMBER_STATES) {
            for (Message message : script.values()) {
                Federation federation = memberIn(state);
                Federation.Node node = node(federation);
                seen.add(node.state.getClass());
                Chain chain = node.state.chain();
                boolean expected = chain.open()
                        ? message.type() == chain.expected() || message instanceof RoundAborted
                        : message instanceof RoundOpened;
                if (expected) {
                    continue;
                }
                List<Envelope> signed = node.journal.signed(0, 1);
                node.refused.clear();
                Message lie = message instanceof RoundOpened opened ? continuing(opened, chain.head()) : message;
                node.step(new MemberInput.Read(federation.coordinator.sign(lie, chain.head()), federation.inboxes));

                assertThat(node.refused)
                        .as("%s in state %s", message.type(), state)
                        .isNotEmpty()
                        .allMatch(fault -> fault.reason() == Refusal.UNEXPECTED_MESSAGE
                                && fault.who().equals("coordinator"));
                assertThat(node.journal.signed(0, 1))
                        .as("%s in state %s", message.type(), state)
                        .filteredOn(envelope -> !signed.contains(envelope))
                        .allMatch(envelope -> envelope.type() == MessageType.ROUND_DECLINED
                                || envelope.type() == MessageType.DISPUTED);
                if (message instanceof RoundClosed && chain.open()) {
                    assertThat(node.journal.signed(0, 1, MessageType.DISPUTED))
                            .as("a version out of nothing is disputed in state %s", state)
                            .isPresent();
                }
            }
        }
        assertThat(seen).isEqualTo(all(MemberState.class));
    }

    @Test
    void member_everyMessageOfMembersOnControl_isRefusedAndChangesNothing() {
        Map<MessageType, Message> script = script(false);
        for (String state : MEMBER_STATES) {
            Federation federation = memberIn(state);
            Federation.Node node = node(federation);
            MemberState before = node.state;
            for (Message message : script.values()) {
                node.refused.clear();
                Envelope sent = named(federation, OTHER)
                        .identity
                        .sign(message, before.chain().head());
                node.step(new MemberInput.Read(sent, federation.inboxes));
                assertThat(node.refused).extracting(PeerMisbehaved::reason).containsExactly(Refusal.UNKNOWN_SENDER);
                assertThat(node.state).isSameAs(before);
            }
        }
    }

    @Test
    void member_everyOwnInputInEveryState_signsNothingTwice() {
        for (String state : MEMBER_STATES) {
            Federation federation = memberIn(state);
            Federation.Node node = node(federation);
            MemberState before = node.state;
            node.step(new MemberInput.Lift(new SurvivorsLifted(
                    Bytes.zeros(32), List.of("org-a", "org-b", "org-c"), List.of("org-b", "org-c", "org-d"))));
            assertThat(node.state)
                    .as("nothing was confirmed, so nothing is lifted")
                    .isSameAs(before);
            if (!state.equals("Training")) {
                node.step(new MemberInput.Trained(federation.randomUpdate(), new Spool() {
                    @Override
                    public void write(Envelope chunk) {
                        throw new AssertionError("masks an update in state " + state);
                    }

                    @Override
                    public void seal() {}
                }));
                assertThat(node.state).isSameAs(before);
            }
            node.step(new MemberInput.GaveUp("Operator", "stop"));
            node.step(new MemberInput.GaveUp("Operator", "stop"));
            boolean takesPart = !Set.of("Idle", "Bystander").contains(state);
            assertThat(node.state.getClass()).isEqualTo(takesPart ? MemberState.Bystander.class : before.getClass());
            assertThat(node.journal.signed(0, 1).stream().map(Envelope::type).toList())
                    .doesNotHaveDuplicates();
        }
    }

    // ---- the director ----

    private static final List<Class<? extends Phase>> PHASES = List.of(
            Phase.Between.class,
            Phase.Judging.class,
            Phase.Past.class,
            Phase.Keys.class,
            Phase.Shares.class,
            Phase.Updates.class,
            Phase.Confirmation.class,
            Phase.Reveal.class,
            Phase.Summing.class);

    /// What counts in a phase, of a member that has not said it yet.
    private static Set<MessageType> expected(Class<? extends Phase> phase) {
        // Of an attempt that is open: declining. At any time: lifting, and evidence.
        Set<MessageType> expected = new TreeSet<>(Set.of(MessageType.SURVIVORS_LIFTED, MessageType.DISPUTED));
        if (phase != Phase.Between.class && phase != Phase.Judging.class) {
            expected.add(MessageType.ROUND_DECLINED);
        }
        if (phase == Phase.Keys.class) {
            expected.add(MessageType.KEYS_ADVERTISED);
        } else if (phase == Phase.Shares.class) {
            expected.add(MessageType.SHARES_DEALT);
        } else if (phase == Phase.Updates.class) {
            expected.addAll(Set.of(MessageType.UPDATE_MANIFEST, MessageType.COMPLAINT));
        } else if (phase == Phase.Confirmation.class) {
            expected.add(MessageType.SURVIVORS_CONFIRMED);
        } else if (phase == Phase.Reveal.class) {
            expected.add(MessageType.SHARES_REVEALED);
        } else if (phase == Phase.Judging.class) {
            expected.add(MessageType.CHANNEL_OPENED);
        }
        return expected;
    }

    /// A federation whose director has just come to that phase.
    private static Federation directorIn(Class<? extends Phase> phase) {
        Federation federation = new Federation(4, 11);
        federation.slow.addAll(federation.ids);
        if (phase == Phase.Between.class) {
            return federation;
        }
        federation.open(federation.next(1, ADAPTER_0));
        if (phase == Phase.Past.class) {
            work(federation);
            federation.state = federation
                    .director
                    .step(DirectorState.START, new Input.Ended(federation.leader.getFirst()), federation.now)
                    .state();
            return federation;
        }
        for (int i = 0; i < 1000; i++) {
            if (phase.isInstance(federation.state.phase())) {
                federation.pending.clear();
                return federation;
            }
            work(federation);
            if (federation.state.phase() instanceof Phase.Updates updates) {
                if (phase == Phase.Judging.class) {
                    federation.direct(new Input.Received(named(federation, OTHER)
                            .identity
                            .sign(
                                    new Complaint("org-d", "SEALED_SHARE"),
                                    updates.routed().t2())));
                } else if (phase != Phase.Updates.class) {
                    federation.nodes.values().forEach(Federation.Node::finish);
                }
            }
            if (phase == Phase.Summing.class && federation.state.phase() instanceof Phase.Summing) {
                federation.pending.clear();
                return federation;
            }
        }
        throw new AssertionError("never " + phase);
    }

    @Test
    void director_everyMessageInEveryPhase_isExpectedOrRefusedOrIgnored() {
        Map<MessageType, Message> script = new EnumMap<>(script(false));
        assertThat(new HashSet<Class<?>>(PHASES)).isEqualTo(all(Phase.class));
        for (Class<? extends Phase> phase : PHASES) {
            Federation federation = directorIn(phase);
            DirectorState before = federation.state;
            for (Message message : script.values()) {
                Envelope sent = named(federation, OTHER)
                        .identity
                        .sign(message, before.chain().head());
                DirectorState.Transition next =
                        federation.director.step(before, new Input.Received(sent), federation.now);
                String what = message.type() + " in " + phase.getSimpleName();
                if (expected(phase).contains(message.type())) {
                    boolean counts = !next.state().equals(before)
                            || !next.outputs().isEmpty()
                            || message instanceof SurvivorsLifted;
                    assertThat(counts).as(what).isTrue();
                    continue;
                }
                assertThat(next.state()).as(what).isSameAs(before);
                assertThat(next.outputs())
                        .as(what)
                        .allMatch(output -> output instanceof Output.Refused refused
                                && refused.fault().who().equals(OTHER));
            }
        }
    }

    @Test
    void director_everyMessageOfTheCoordinatorInAnInbox_isRefusedOrIgnored() {
        Map<MessageType, Message> script = script(true);
        for (Class<? extends Phase> phase : PHASES) {
            Federation federation = directorIn(phase);
            DirectorState before = federation.state;
            for (Message message : script.values()) {
                Envelope sent =
                        federation.coordinator.sign(message, before.chain().head());
                DirectorState.Transition next =
                        federation.director.step(before, new Input.Received(sent), federation.now);
                assertThat(next.state()).as("%s in %s", message.type(), phase).isSameAs(before);
                assertThat(next.outputs()).allMatch(Output.Refused.class::isInstance);
            }
        }
    }

    @Test
    void director_everyInputOfItsCallerInEveryPhase_closesOnlyWhatWasSummed() {
        for (Class<? extends Phase> phase : PHASES) {
            Federation federation = directorIn(phase);
            DirectorState before = federation.state;
            DirectorState.Transition closing = federation.director.step(
                    before, new Input.Close(1, Bytes.zeros(32), Bytes.zeros(32)), federation.now);
            assertThat(closing.outputs()).as("Close in %s", phase).hasSize(phase == Phase.Summing.class ? 1 : 0);
            DirectorState.Transition delivered =
                    federation.director.step(before, new Input.Delivered(OTHER, Bytes.zeros(32)), federation.now);
            assertThat(delivered.state().phase())
                    .as("Delivered without a manifest in %s", phase)
                    .isEqualTo(before.phase());
            DirectorState.Transition opening = federation.director.step(
                    before, new Input.Open(new Federation(4, 11).next(1, ADAPTER_0)), federation.now);
            assertThat(opening.outputs()).as("Open in %s", phase).hasSize(phase == Phase.Between.class ? 1 : 0);
        }
    }

    // ---- what the exhaustive tests found ----

    /// A coordinator that closes a round which nobody confirmed, to put a version of its own making in place.
    @Test
    void closed_withoutASum_isDisputedByAllAlsoByThoseWhoTookNoPart() {
        Federation federation = memberIn("Bystander");
        RoundClosed made = (RoundClosed) Objects.requireNonNull(script(true).get(MessageType.ROUND_CLOSED));
        Envelope lie =
                federation.coordinator.sign(made, node(federation).state.chain().head());
        federation.nodes.values().forEach(node -> {
            node.read(lie);
            assertThat(node.journal.signed(0, 1, MessageType.DISPUTED))
                    .as(node.id)
                    .isPresent();
        });
    }

    /// It asks with confirmations that nobody can accept, is declined by all, and closes all the same.
    @Test
    void closed_afterAnUnmaskRequestThatAllDeclined_isDisputedAlsoAfterARestart() {
        Federation federation = memberIn("Confirmed");
        RoundClosed made = (RoundClosed) Objects.requireNonNull(script(true).get(MessageType.ROUND_CLOSED));
        Federation.Node node = node(federation);
        Bytes t3 = node.state.chain().head();
        Envelope forged = federation.coordinator.sign(
                new UnmaskRequested(List.of(named(federation, OTHER)
                        .identity
                        .sign(new SurvivorsConfirmed(), t3)
                        .encode())),
                t3);
        node.read(forged);
        federation.control.add(forged);
        node.restart();
        assertThat(node.state).isInstanceOf(MemberState.Bystander.class);
        node.read(federation.coordinator.sign(made, node.state.chain().head()));
        assertThat(node.journal.signed(0, 1, MessageType.DISPUTED)).isPresent();
    }

    /// What its own policy forbids, the others may do without it: it does not accuse an honest coordinator.
    @Test
    void closed_withoutAMemberWhosePolicyForbadeIt_isNotDisputedAlsoAfterARestart() {
        Federation federation = new Federation(6, 12);
        Federation.Node node = node(federation);
        node.rules = new MemberRules(Set.copyOf(federation.ids), 6, 3, 1, opened -> Optional.empty());
        node.start();
        federation.dead.add("org-f");
        federation.open(federation.next(2, ADAPTER_0));
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(node.refused).extracting(PeerMisbehaved::reason).containsExactly(Refusal.POLICY);
        node.restart();
        assertThat(node.journal.signed(0, 1, MessageType.DISPUTED)).isEmpty();
        assertThat(federation.disputes).isEmpty();
    }

    /// A complaint that comes when the survivors are sealed is late: nobody is accused, and the key stays closed.
    @Test
    void closed_afterAComplaintThatCameTooLate_isNotDisputed() {
        Federation federation = new Federation(6, 12);
        Federation.Node node = node(federation);
        federation.lying.put(
                OTHER,
                envelope -> envelope.type() == MessageType.SHARES_DEALT ? spoiled(federation, envelope) : envelope);
        federation.disturb = inputs -> inputs.removeIf(input ->
                input instanceof Input.Received received && received.envelope().type() == MessageType.COMPLAINT);
        federation.open(federation.next(2, ADAPTER_0));
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(node.journal.signed(0, 1, MessageType.COMPLAINT)).isPresent();
        assertThat(node.journal.signed(0, 1).stream().map(Envelope::type))
                .doesNotContain(MessageType.DISPUTED, MessageType.CHANNEL_OPENED, MessageType.ROUND_DECLINED);
    }
}

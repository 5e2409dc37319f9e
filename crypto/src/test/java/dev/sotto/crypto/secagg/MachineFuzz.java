package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.BoxRefused;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.fuzz.Program;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// Both state machines in whole rounds, among an adversary's messages: recorded ones of the same round, earlier or
/// later, as they were or with a field changed, signed anew by a key that the adversary has, or not.
///
/// Must hold whatever it does: no unchecked exception; the attempt ends by a typed reason; a member signs one
/// message of a type per attempt, and reveals for every member of U2 one kind of share; and unless the
/// adversary is the coordinator, the next attempt closes.
public final class MachineFuzz {
    private static final int MEMBERS = 4;
    private static final int SEED = 7;
    private static final int MOST_INJECTIONS = 24;

    private static final Primitives REMEMBERED = new RememberedPrimitives(Federation.PRIMITIVES);

    /// An honest round of the same federation in which one member drops out after it dealt its shares; as
    /// randomness is seeded, what is yet to be said is in it too.
    private static final List<Envelope> RECORDED = record();

    private final Federation federation = new Federation(MEMBERS, SEED, REMEMBERED);
    private final Program program;
    private final Mutant mutant;
    private final List<Identity> keys;
    private final Set<List<Object>> revealed = new HashSet<>();
    private int injections;

    private MachineFuzz(Program program, boolean coordinatorToo, int members) {
        this.program = program;
        this.mutant = new Mutant(program);
        List<Identity> held = new ArrayList<>();
        for (int i = MEMBERS - members; i < MEMBERS; i++) {
            held.add(federation.node(i).identity);
        }
        if (coordinatorToo) {
            held.addFirst(federation.coordinator);
        }
        this.keys = List.copyOf(held);
        federation.dies.put(federation.ids.get(1), MessageType.SHARES_DEALT);
        for (Federation.Node node : federation.nodes.values()) {
            federation.lying.put(node.id, sent -> published(node, sent));
        }
    }

    private static List<Envelope> record() {
        Federation federation = new Federation(MEMBERS, SEED, REMEMBERED);
        federation.dies.put(federation.ids.get(1), MessageType.SHARES_DEALT);
        federation.open(federation.next(1, Bytes.zeros(32)));
        federation.run();
        return Stream.of(federation.control, federation.inboxes, federation.chunks())
                .flatMap(List::stream)
                .toList();
    }

    /// The director among members whose keys the adversary all has, and whose messages it drops, doubles and
    /// reorders.
    ///
    /// @return true: it takes whatever comes
    public static boolean director(byte[] input) {
        MachineFuzz fuzz = new MachineFuzz(new Program(input), false, MEMBERS);
        fuzz.federation.disturb = fuzz::disturb;
        boolean closed = fuzz.attempt(Bytes.zeros(32));
        assertThat(closed || fuzz.injections > 0)
                .as("the attempt that nobody disturbs closes")
                .isTrue();
        fuzz.federation.disturb = pending -> {};
        assertThat(fuzz.another()).as("the attempt after it closes").isTrue();
        return true;
    }

    /// Members among messages of one of them, of the network, and if the first byte is odd of the coordinator.
    ///
    /// @return true: they take whatever comes
    public static boolean member(byte[] input) {
        Program program = new Program(input);
        boolean coordinatorToo = program.below(2) == 1;
        MachineFuzz fuzz = new MachineFuzz(program, coordinatorToo, 1);
        for (int i = 0; i < MEMBERS - 1; i++) {
            Federation.Node node = fuzz.federation.node(i);
            fuzz.federation.tampered.put(node.id, envelope -> fuzz.between(node, envelope));
        }
        boolean closed = fuzz.attempt(Bytes.zeros(32));
        assertThat(closed || fuzz.injections > 0)
                .as("the attempt that nobody disturbs closes")
                .isTrue();
        fuzz.federation.tampered.clear();
        boolean next = fuzz.another();
        assertThat(next || coordinatorToo).as("the attempt after it closes").isTrue();
        return true;
    }

    /// A member that recomputes the recorded round, of which the broker loses, doubles and reorders messages and
    /// to which members and, if the first byte is odd, the coordinator add theirs.
    ///
    /// @return true: it takes whatever comes, and finds nothing but what the honest coordinator made
    public static boolean recomputation(byte[] input) {
        Program program = new Program(input);
        boolean coordinatorToo = program.below(2) == 1;
        MachineFuzz fuzz = new MachineFuzz(program, coordinatorToo, MEMBERS - 1);
        fuzz.attempt(Bytes.zeros(32));
        fuzz.recompute(coordinatorToo);
        return true;
    }

    private void recompute(boolean coordinatorToo) {
        MemberOutput.Closed closed = federation.node(0).outputs.stream()
                .filter(MemberOutput.Closed.class::isInstance)
                .map(MemberOutput.Closed.class::cast)
                .findFirst()
                .orElseThrow();
        List<Envelope> inboxes = new ArrayList<>(federation.inboxes);
        List<Envelope> chunks = new ArrayList<>(federation.chunks());
        RoundClosed message = closed.message();
        while (injects()) {
            List<Envelope> list = program.below(2) == 0 ? inboxes : chunks;
            int at = program.below(list.size());
            switch (program.below(4)) {
                case 0 -> list.set(at, junk());
                case 1 -> list.add(list.get(at));
                case 2 -> Collections.swap(list, at, program.below(list.size()));
                default -> list.add(at, junk());
            }
        }
        if (coordinatorToo) {
            try {
                message = RoundClosed.parse(mutant.of(MessageType.ROUND_CLOSED, message.encode()));
            } catch (MalformedMessage e) {
                // Refused before anything is recomputed.
            }
        }
        try {
            Recomputation.check(
                    REMEMBERED,
                    federation.directory,
                    closed.unmasking().orElseThrow(),
                    closed.roundSeed().orElseThrow(),
                    inboxes,
                    chunks,
                    new Sample.All(),
                    federation.before,
                    federation.version,
                    federation.step,
                    message);
            assertThat(message.modelDigest()).isEqualTo(closed.message().modelDigest());
            assertThat(message.aggregateDigest()).isEqualTo(closed.message().aggregateDigest());
        } catch (PeerMisbehaved fault) {
            assertThat(injections > 0 || coordinatorToo)
                    .as("nothing was changed, yet " + fault.getMessage())
                    .isTrue();
        }
    }

    private boolean attempt(Bytes adapter) {
        federation.open(federation.next(1, adapter));
        federation.run();
        Envelope end = federation.control.getLast();
        assertThat(end.type()).isIn(MessageType.ROUND_CLOSED, MessageType.ROUND_ABORTED);
        for (Federation.Node node : federation.nodes.values()) {
            for (long round = 0; round < 3; round++) {
                for (long attempt = 1; attempt < 4; attempt++) {
                    assertThat(node.journal.signed(round, attempt).stream()
                                    .map(Envelope::type)
                                    .toList())
                            .doesNotHaveDuplicates();
                }
            }
        }
        return end.type() == MessageType.ROUND_CLOSED;
    }

    /// An honest attempt on another adapter, for which everybody starts anew.
    private boolean another() {
        federation.dies.clear();
        federation.updates.clear();
        for (Federation.Node node : federation.nodes.values()) {
            node.spool.clear();
            node.restart();
        }
        return attempt(Enc.hash("another adapter"));
    }

    /// What the broker holds for the director, and what others put between.
    private void disturb(Deque<Input> pending) {
        while (injects()) {
            List<Input> all = new ArrayList<>(pending);
            switch (program.below(5)) {
                case 0 -> pending.addFirst(new Input.Received(junk()));
                case 1 -> pending.addLast(new Input.Received(junk()));
                case 2 -> pending.addLast(program.of(all));
                case 3 -> {
                    // Decisions and openings are its own: nobody else writes the leader's log.
                    Input one = program.of(all);
                    if (one instanceof Input.Received || one instanceof Input.Delivered) {
                        pending.remove(one);
                        pending.addLast(one);
                    }
                }
                default -> {
                    Input one = all.getLast();
                    if (all.size() > 1 && one instanceof Input.Received) {
                        pending.removeLast();
                    }
                }
            }
        }
    }

    /// What happens to a member before it reads the next message of `control`.
    private Envelope between(Federation.Node node, Envelope genuine) {
        while (injects()) {
            switch (program.below(8)) {
                case 0 -> node.step(new MemberInput.Missed(junk()));
                case 1 -> node.step(new MemberInput.GaveUp("Operator", "stopped"));
                case 2 -> node.step(new MemberInput.Lift(lift()));
                case 3 ->
                    node.step(new MemberInput.Dispute(
                            new PeerMisbehaved(Refusal.OTHER_RESULT, "coordinator", "a sum that is none")));
                case 4 -> {
                    return junk();
                }
                case 5 -> federation.inboxes.add(program.below(federation.inboxes.size() + 1), junk());
                default -> node.step(new MemberInput.Read(junk(), federation.inboxes));
            }
        }
        return genuine;
    }

    private boolean injects() {
        return !program.isOver() && program.below(4) != 0 && injections++ < MOST_INJECTIONS;
    }

    private SurvivorsLifted lift() {
        List<String> fewer = federation.ids.subList(0, 1 + program.below(MEMBERS - 1));
        return new SurvivorsLifted(Bytes.zeros(32), federation.ids, fewer);
    }

    /// A message of the adversary.
    private Envelope junk() {
        List<Envelope> known = new ArrayList<>(RECORDED);
        known.addAll(federation.control);
        known.addAll(federation.inboxes);
        Envelope source = program.of(known);
        return switch (program.below(4)) {
            case 0 -> source;
            case 1 -> envelope(source);
            case 2 -> signed(source.type(), source.payload(), source);
            default -> signed(source.type(), mutant.of(source.type(), source.payload()), source);
        };
    }

    /// Over the transcript that the source has, or the one that the director or a member has reached, by a key
    /// that the adversary holds: what another would have signed stays unsigned.
    private Envelope signed(MessageType type, Bytes payload, Envelope source) {
        Bytes transcript = switch (program.below(3)) {
            case 0 -> source.transcript();
            case 1 -> federation.state.chain().head();
            default -> federation.node(program.below(MEMBERS)).state.chain().head();
        };
        try {
            Message message = Message.parse(type, payload);
            List<Identity> able = keys.stream()
                    .filter(key -> type.fromCoordinator() == key.name().equals("coordinator"))
                    .toList();
            if (!able.isEmpty()) {
                // Its own name first, so that most messages come from whom they would come from.
                Optional<Identity> same = able.stream()
                        .filter(key -> key.name().equals(source.sender()))
                        .findFirst();
                return same.filter(key -> program.below(4) != 3)
                        .orElseGet(() -> program.of(able))
                        .sign(message, transcript);
            }
        } catch (MalformedMessage e) {
            // Sent as it is.
        }
        return new Envelope(
                type,
                source.federation(),
                source.sender(),
                source.keyFingerprint(),
                transcript,
                payload,
                source.signature());
    }

    /// One field of the envelope changed.
    private Envelope envelope(Envelope source) {
        MessageType type = source.type();
        String sender = source.sender();
        Bytes transcript = source.transcript();
        Bytes payload = source.payload();
        Bytes signature = source.signature();
        switch (program.below(5)) {
            case 0 -> type = program.of(List.of(MessageType.values()));
            case 1 -> sender = program.of(federation.ids);
            case 2 -> transcript = Bytes.zeros(32);
            case 3 -> payload = mutant.of(type, payload);
            default -> signature = Bytes.zeros(64);
        }
        if (type.fromCoordinator() != sender.equals("coordinator")) {
            sender = type.fromCoordinator() ? "coordinator" : federation.ids.getFirst();
        }
        return new Envelope(type, source.federation(), sender, source.keyFingerprint(), transcript, payload, signature);
    }

    /// Sees what a member publishes.
    private Envelope published(Federation.Node node, Envelope sent) {
        if (sent.type() == MessageType.SHARES_REVEALED && node.state instanceof MemberState.Revealed reached) {
            Survivors survivors = reached.unmasking().survivors();
            RoundOpened opened = survivors.routed().roster().opened().message();
            assertThat(revealed.add(List.of(node.id, opened.round(), opened.attempt())))
                    .as(node.id + " reveals once")
                    .isTrue();
            checkRevealed(node.id, sent, survivors, reached.unmasking().t4());
        }
        return sent;
    }

    private void checkRevealed(String member, Envelope sent, Survivors survivors, Bytes t4) {
        RoundOpened opened = survivors.routed().roster().opened().message();
        RoundContext context = new RoundContext(Federation.NAME, opened.round(), opened.attempt());
        try (Secret seed = context.roundKeySeed(federation.roundSecret, opened.nonce())) {
            if (!REMEMBERED.kemKey(seed).equals(opened.roundKey())) {
                return;
            }
            Bytes box = SharesRevealed.parse(sent.payload()).box();
            try (Secret plain = REMEMBERED.open(seed, context.revealInfo(t4, member), box)) {
                RevealedShares shares = RevealedShares.parse(Bytes.of(plain.expose(InsecureSecretAccess.get())));
                assertThat(owners(shares.selfShares())).isEqualTo(survivors.ids());
                assertThat(owners(shares.maskShares())).isEqualTo(survivors.dropped());
                assertThat(Collections.disjoint(survivors.ids(), survivors.dropped()))
                        .isTrue();
            }
        } catch (MalformedMessage | BoxRefused e) {
            throw new AssertionError("a member reveals what nobody can open", e);
        }
    }

    private static List<String> owners(List<RevealedShares.Share> shares) {
        return shares.stream().map(RevealedShares.Share::owner).toList();
    }
}

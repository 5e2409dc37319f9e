package dev.sotto.crypto.secagg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ChannelOpened;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.UnmaskRequested;
import dev.sotto.schemas.UpdateChunk;
import dev.sotto.schemas.UpdateManifest;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// One test per refusal of protocol §5's table: a coordinator or a member that signs what it must not.
class RefusalTest {
    private static final Bytes ADAPTER_0 = Bytes.zeros(32);
    private static final String VICTIM = "org-b";

    private final Federation federation = new Federation(4, 11);

    private static Message parse(Envelope envelope) {
        try {
            return Message.parse(envelope.type(), envelope.payload());
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    private static Envelope decode(Bytes bytes) {
        try {
            return Envelope.decode(bytes);
        } catch (MalformedMessage e) {
            throw new AssertionError(e);
        }
    }

    /// A malicious coordinator tells the victim something else, well signed.
    private <M extends Message> void coordinatorTells(Class<M> type, UnaryOperator<M> lie) {
        federation.tampered.put(VICTIM, envelope -> {
            Message message = parse(envelope);
            return type.isInstance(message)
                    ? federation.coordinator.sign(lie.apply(type.cast(message)), envelope.transcript())
                    : envelope;
        });
    }

    /// A malicious member publishes something else, well signed.
    private <M extends Message> void memberPublishes(String who, Class<M> type, UnaryOperator<M> lie) {
        Identity identity = Objects.requireNonNull(federation.nodes.get(who)).identity;
        federation.lying.put(who, envelope -> {
            Message message = parse(envelope);
            return type.isInstance(message)
                    ? identity.sign(lie.apply(type.cast(message)), envelope.transcript())
                    : envelope;
        });
    }

    private void runRound() {
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
    }

    private Federation.Node victim() {
        return Objects.requireNonNull(federation.nodes.get(VICTIM));
    }

    private void assertVictimRefused(Refusal reason) {
        assertThat(victim().refused).extracting(PeerMisbehaved::reason).contains(reason);
        assertThat(victim().refused).extracting(PeerMisbehaved::who).contains("coordinator");
    }

    private void assertVictimDeclined(Refusal reason) {
        assertVictimRefused(reason);
        assertThat(victim().journal.signed(0, 1))
                .filteredOn(envelope -> envelope.type() == MessageType.ROUND_DECLINED)
                .singleElement()
                .satisfies(envelope ->
                        assertThat(((RoundDeclined) parse(envelope)).reason()).isEqualTo(reason.name()));
    }

    private void assertNeverSigned(MessageType type) {
        assertThat(victim().journal.signed(0, 1)).noneMatch(envelope -> envelope.type() == type);
    }

    private static RoundOpened with(RoundOpened o, int threshold, int maxDropouts, int minSurvivors, Bytes previous) {
        return Terms.changed(o, terms -> {
            terms.threshold = threshold;
            terms.maxDropouts = maxDropouts;
            terms.minSurvivors = minSurvivors;
            terms.previous = previous;
        });
    }

    // 1 RoundOpened

    @Test
    void roundOpened_infeasibleParameters_isDeclined() {
        int[][] infeasible = {{2, 1, 3}, {4, 1, 3}, {3, 1, 2}, {3, 2, 3}};
        for (int[] numbers : infeasible) {
            Federation fresh = new Federation(4, 12);
            fresh.tampered.put(
                    VICTIM,
                    envelope -> parse(envelope) instanceof RoundOpened o
                            ? fresh.coordinator.sign(
                                    with(o, numbers[0], numbers[1], numbers[2], o.previous()), envelope.transcript())
                            : envelope);
            fresh.open(fresh.next(1, ADAPTER_0));
            fresh.run();
            assertThat(Objects.requireNonNull(fresh.nodes.get(VICTIM)).refused)
                    .extracting(PeerMisbehaved::reason)
                    .contains(Refusal.INFEASIBLE_PARAMETERS);
        }
    }

    @Test
    void roundOpened_moreColludersAssumedByTheMember_isDeclined() {
        victim().rules = new MemberRules(victim().rules.approved(), 3, 3, 2, opened -> Optional.empty());
        victim().start();
        runRound();
        assertVictimDeclined(Refusal.INFEASIBLE_PARAMETERS);
    }

    @Test
    void roundOpened_smallerThanPolicyOrForbidden_isDeclinedWithTheReason() {
        victim().rules = new MemberRules(
                victim().rules.approved(), 3, 3, 1, opened -> Optional.of("rank 8 is not allowed here"));
        victim().start();
        runRound();
        assertVictimDeclined(Refusal.POLICY);
        assertThat(victim().refused.getFirst()).hasMessageContaining("rank 8 is not allowed here");
    }

    @Test
    void roundOpened_unapprovedOrganisation_isDeclined() {
        victim().rules = new MemberRules(Set.of("org-a", "org-b", "org-c"), 3, 3, 1, opened -> Optional.empty());
        victim().start();
        runRound();
        assertVictimDeclined(Refusal.UNAPPROVED_ORGANISATION);
        assertNeverSigned(MessageType.KEYS_ADVERTISED);
    }

    @Test
    void roundOpened_onAnotherLog_isRefused() {
        Bytes elsewhere = Enc.sha256(Bytes.utf8("fork"));
        federation.tampered.put(
                VICTIM,
                envelope -> parse(envelope) instanceof RoundOpened o
                        ? federation.coordinator.sign(
                                with(o, o.threshold(), o.maxDropouts(), o.minSurvivors(), elsewhere), elsewhere)
                        : envelope);
        runRound();
        assertVictimRefused(Refusal.FORKED_LOG);
        assertThat(victim().journal.signed(0, 1)).isEmpty();
    }

    @Test
    void roundOpened_replayOfAnOldRound_isRefused() {
        runRound();
        Envelope old = federation.control.getFirst();
        victim().read(old);
        assertVictimRefused(Refusal.FORKED_LOG);
    }

    // 2 KeysAdvertised

    @Test
    void keysAdvertised_invalidKey_isRefused() {
        memberPublishes(
                VICTIM,
                KeysAdvertised.class,
                keys -> new KeysAdvertised(Bytes.zeros(1216), keys.maskKey(), keys.previous()));
        runRound();
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.INVALID_KEY);
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
    }

    @Test
    void keysAdvertised_otherLog_isRefused() {
        memberPublishes(
                VICTIM,
                KeysAdvertised.class,
                keys -> new KeysAdvertised(keys.channelKey(), keys.maskKey(), Enc.sha256(Bytes.EMPTY)));
        runRound();
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.FORKED_LOG);
    }

    @Test
    void keysAdvertised_forgedByAnotherIdentity_isRefused() {
        Identity other = federation.node(0).identity;
        federation.lying.put(VICTIM, envelope -> {
            Envelope forged = other.sign(parse(envelope), envelope.transcript());
            return new Envelope(
                    forged.type(),
                    forged.federation(),
                    VICTIM,
                    envelope.keyFingerprint(),
                    forged.transcript(),
                    forged.payload(),
                    forged.signature());
        });
        runRound();
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.BAD_SIGNATURE);
    }

    @Test
    void keysAdvertised_secondDifferentOne_isEquivocation() {
        Federation.Node liar = federation.node(0);
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Keys keys
                && keys.received().containsKey("org-a"))) {
            federation.direct(federation.pending.removeFirst());
        }
        Bytes t0 = federation.state.chain().head();
        try (Secret one = federation.randomness.secret(32);
                Secret two = federation.randomness.secret(32)) {
            federation.pending.addFirst(new DirectorState.Input.Received(liar.identity.sign(
                    new KeysAdvertised(
                            Federation.PRIMITIVES.kemKey(one), Federation.PRIMITIVES.kemKey(two), Bytes.zeros(32)),
                    t0)));
        }
        federation.run();
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.EQUIVOCATION);
    }

    /// The round goes on without whoever repeats a key: its roster must be one that all accept.
    @Test
    void keysAdvertised_repeatedHalves_areRefusedWhenTheyCome() {
        memberPublishes(
                "org-d",
                KeysAdvertised.class,
                keys -> new KeysAdvertised(keys.maskKey(), keys.maskKey(), keys.previous()));
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertThat(federation.refusedByDirector)
                .anyMatch(fault ->
                        fault.reason() == Refusal.REPEATED_KEY && fault.who().equals("org-d"));
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(3);
    }

    @Test
    void keysAdvertised_halfOfAPeersKey_isRefusedWhenItComes() {
        memberPublishes("org-d", KeysAdvertised.class, keys -> {
            KeysAdvertised peer = (KeysAdvertised) parse(federation.inboxes.getFirst());
            int split = keys.channelKey().size() - 32;
            byte[] mixed = keys.channelKey().toArray();
            System.arraycopy(peer.maskKey().toArray(), split, mixed, split, 32);
            return new KeysAdvertised(Bytes.of(mixed), keys.maskKey(), keys.previous());
        });
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertThat(federation.refusedByDirector)
                .anyMatch(fault ->
                        fault.reason() == Refusal.REPEATED_KEY && fault.who().equals("org-d"));
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
    }

    /// Nobody answers, in whichever phase: the attempt is aborted, and the next one works.
    @Test
    @Tag("slow")
    void director_everybodySilent_abortsInEveryPhase() {
        for (MessageType last : List.of(
                MessageType.ROUND_DECLINED,
                MessageType.KEYS_ADVERTISED,
                MessageType.SHARES_DEALT,
                MessageType.UPDATE_MANIFEST,
                MessageType.SURVIVORS_CONFIRMED)) {
            Federation silent = new Federation(4, 5);
            if (last == MessageType.ROUND_DECLINED) {
                silent.dead.addAll(silent.ids);
            } else {
                silent.ids.forEach(id -> silent.dies.put(id, last));
            }
            silent.open(silent.next(1, ADAPTER_0));
            silent.run();
            assertThat(parse(silent.control.getLast()))
                    .as("%s", last)
                    .isInstanceOfSatisfying(
                            RoundAborted.class,
                            aborted -> assertThat(aborted.reason()).isEqualTo("TOO_FEW"));
        }
    }

    @Test
    void complaint_aboutOneself_isRefused() {
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        Routed routed = ((Phase.Updates) federation.state.phase()).routed();
        federation.direct(new DirectorState.Input.Received(
                federation.node(0).identity.sign(new Complaint("org-a", "SEALED_SHARE"), routed.t2())));
        assertThat(federation.refusedByDirector).extracting(PeerMisbehaved::who).contains("org-a");
        assertThat(Director.liar(Federation.PRIMITIVES, routed, "org-a", "org-a", Bytes.zeros(32)))
                .isEqualTo("org-a");
        federation.run();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
    }

    // 3 RosterSealed

    private void rosterOf(UnaryOperator<List<Bytes>> change) {
        coordinatorTells(
                RosterSealed.class, roster -> new RosterSealed(change.apply(new ArrayList<>(roster.keysAdvertised()))));
    }

    private Bytes resigned(Bytes signed, Identity identity) {
        Envelope envelope = decode(signed);
        try (Secret one = federation.randomness.secret(32);
                Secret two = federation.randomness.secret(32)) {
            return identity.sign(
                            new KeysAdvertised(
                                    Federation.PRIMITIVES.kemKey(one),
                                    Federation.PRIMITIVES.kemKey(two),
                                    Bytes.zeros(32)),
                            envelope.transcript())
                    .encode();
        }
    }

    @Test
    void rosterSealed_memberOutsideTheFederation_isDeclined() {
        Identity stranger =
                new Identity(Federation.PRIMITIVES, Federation.NAME, "org-z", federation.randomness.secret(32));
        rosterOf(entries -> {
            entries.add(resigned(entries.getFirst(), stranger));
            return entries;
        });
        runRound();
        assertVictimDeclined(Refusal.UNKNOWN_SENDER);
        assertNeverSigned(MessageType.SHARES_DEALT);
    }

    @Test
    void rosterSealed_forgedKeys_isDeclined() {
        rosterOf(entries -> {
            Envelope real = decode(entries.getFirst());
            Envelope forged = decode(resigned(entries.getFirst(), federation.node(2).identity));
            entries.set(
                    0,
                    new Envelope(
                                    real.type(),
                                    real.federation(),
                                    real.sender(),
                                    real.keyFingerprint(),
                                    real.transcript(),
                                    forged.payload(),
                                    forged.signature())
                            .encode());
            return entries;
        });
        runRound();
        assertVictimDeclined(Refusal.BAD_SIGNATURE);
    }

    @Test
    void rosterSealed_ownEntryAltered_isDeclined() {
        rosterOf(entries -> {
            entries.set(1, resigned(entries.get(1), victim().identity));
            return entries;
        });
        runRound();
        assertVictimDeclined(Refusal.OWN_MESSAGE_ALTERED);
    }

    @Test
    void rosterSealed_ownEntryMissing_sitsOut() {
        rosterOf(entries -> {
            entries.remove(1);
            return entries;
        });
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Shares)) {
            federation.direct(federation.pending.removeFirst());
        }
        assertThat(victim().state).isInstanceOf(MemberState.Bystander.class);
        assertNeverSigned(MessageType.SHARES_DEALT);
    }

    @Test
    void rosterSealed_tooFew_isDeclined() {
        rosterOf(entries -> entries.subList(0, 2));
        runRound();
        assertVictimDeclined(Refusal.TOO_FEW);
    }

    @Test
    void rosterSealed_notAscendingOrTwice_isDeclined() {
        rosterOf(entries -> {
            Collections.swap(entries, 2, 3);
            return entries;
        });
        runRound();
        assertVictimDeclined(Refusal.NOT_A_SUBSET);
    }

    // 4 SharesDealt

    @Test
    void sharesDealt_wrongCounts_isRefused() {
        memberPublishes(
                VICTIM,
                SharesDealt.class,
                dealt -> new SharesDealt(
                        dealt.boxes(),
                        dealt.ciphertexts().subList(1, dealt.ciphertexts().size()),
                        dealt.maskCommitment(),
                        dealt.selfCommitment(),
                        dealt.maskShareCommitments(),
                        dealt.selfShareCommitments()));
        runRound();
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.WRONG_COUNTS);
    }

    @Test
    void sharesDealt_invalidOrRepeatedCiphertext_isRefused() {
        for (boolean repeat : new boolean[] {true, false}) {
            Federation fresh = new Federation(4, 13);
            Identity identity = fresh.node(1).identity;
            fresh.lying.put(VICTIM, envelope -> {
                if (!(parse(envelope) instanceof SharesDealt dealt)) {
                    return envelope;
                }
                List<Bytes> ciphertexts = new ArrayList<>(dealt.ciphertexts());
                ciphertexts.set(0, repeat ? ciphertexts.get(1) : Bytes.zeros(1120));
                return identity.sign(
                        new SharesDealt(
                                dealt.boxes(),
                                ciphertexts,
                                dealt.maskCommitment(),
                                dealt.selfCommitment(),
                                dealt.maskShareCommitments(),
                                dealt.selfShareCommitments()),
                        envelope.transcript());
            });
            fresh.open(fresh.next(1, ADAPTER_0));
            fresh.run();
            assertThat(fresh.refusedByDirector)
                    .extracting(PeerMisbehaved::reason)
                    .contains(repeat ? Refusal.REPEATED_KEY : Refusal.INVALID_KEY);
        }
    }

    // 5 SharesRouted

    @Test
    void sharesRouted_otherSharesThanPublished_isDeclined() {
        coordinatorTells(SharesRouted.class, routed -> {
            List<NamedHash> dealers = new ArrayList<>(routed.dealers());
            dealers.set(0, new NamedHash(dealers.getFirst().organisation(), Bytes.zeros(32)));
            return new SharesRouted(dealers);
        });
        runRound();
        assertVictimDeclined(Refusal.EQUIVOCATION);
        assertNeverSigned(MessageType.UPDATE_MANIFEST);
    }

    @Test
    void sharesRouted_memberOutsideTheRoster_isDeclined() {
        coordinatorTells(SharesRouted.class, routed -> {
            List<NamedHash> dealers = new ArrayList<>(routed.dealers());
            dealers.add(new NamedHash("org-z", Bytes.zeros(32)));
            return new SharesRouted(dealers);
        });
        runRound();
        assertVictimDeclined(Refusal.NOT_A_SUBSET);
    }

    @Test
    void sharesRouted_ownSharesAltered_isDeclined() {
        coordinatorTells(SharesRouted.class, routed -> {
            List<NamedHash> dealers = new ArrayList<>(routed.dealers());
            dealers.set(1, new NamedHash(VICTIM, Bytes.zeros(32)));
            return new SharesRouted(dealers);
        });
        runRound();
        assertVictimDeclined(Refusal.OWN_MESSAGE_ALTERED);
    }

    @Test
    void sharesRouted_tooFew_isDeclined() {
        coordinatorTells(
                SharesRouted.class, routed -> new SharesRouted(routed.dealers().subList(0, 2)));
        runRound();
        assertVictimDeclined(Refusal.TOO_FEW);
    }

    @Test
    void sharesRouted_withoutThisMember_sitsOut() {
        Predicate<NamedHash> isVictim = named -> named.organisation().equals(VICTIM);
        coordinatorTells(
                SharesRouted.class,
                routed -> new SharesRouted(
                        routed.dealers().stream().filter(isVictim.negate()).toList()));
        runRound();
        assertNeverSigned(MessageType.UPDATE_MANIFEST);
        assertNeverSigned(MessageType.ROUND_DECLINED);
    }

    @Test
    void sharesRouted_boxThatDoesNotOpen_isComplainedOfAndTheDealerIsFoundToLie() {
        memberPublishes("org-a", SharesDealt.class, dealt -> {
            List<Bytes> boxes = new ArrayList<>(dealt.boxes());
            byte[] box = boxes.getFirst().toArray();
            box[box.length - 1] ^= 1;
            boxes.set(0, Bytes.of(box));
            return new SharesDealt(
                    boxes,
                    dealt.ciphertexts(),
                    dealt.maskCommitment(),
                    dealt.selfCommitment(),
                    dealt.maskShareCommitments(),
                    dealt.selfShareCommitments());
        });
        // The liar believes its own version; what it published is what the others see.
        Routed[] routed = new Routed[1];
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        routed[0] = ((Phase.Updates) federation.state.phase()).routed();
        federation.run();
        assertThat(victim().refused).extracting(PeerMisbehaved::who).contains("org-a");
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_ABORTED);
        List<Message> said =
                victim().journal.signed(0, 1).stream().map(RefusalTest::parse).toList();
        assertThat(said)
                .anyMatch(message -> message instanceof Complaint complaint
                        && complaint.accused().equals("org-a"));
        Bytes seed = said.stream()
                .filter(message -> message instanceof ChannelOpened)
                .map(message -> ((ChannelOpened) message).channelSeed())
                .findFirst()
                .orElseThrow();
        assertThat(federation.judgements).containsExactly(new DirectorState.Output.Judged("org-a", VICTIM, "org-a"));
        assertThat(federation.state.leftOut()).contains("org-a");
        assertThat(Director.liar(Federation.PRIMITIVES, routed[0], VICTIM, "org-c", seed))
                .isEqualTo(VICTIM);
        assertThat(Director.liar(Federation.PRIMITIVES, routed[0], VICTIM, "org-a", Bytes.zeros(32)))
                .isEqualTo(VICTIM);
    }

    @Test
    void complaint_withoutReason_isHeldAgainstTheComplainant() {
        // The victim's channel opens what org-a sealed; it complained all the same.
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        Routed routed = ((Phase.Updates) federation.state.phase()).routed();
        Envelope complaint = victim().identity.sign(new Complaint("org-a", "SEALED_SHARE"), routed.t2());
        federation.direct(new DirectorState.Input.Received(complaint));
        federation.run();
        assertThat(federation.judgements).containsExactly(new DirectorState.Output.Judged(VICTIM, VICTIM, "org-a"));
    }

    @Test
    void complaint_channelNeverOpened_isHeldAgainstTheComplainantWhenTimeIsUp() {
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        Routed routed = ((Phase.Updates) federation.state.phase()).routed();
        federation.dead.add(VICTIM);
        Envelope complaint = victim().identity.sign(new Complaint("org-a", "SEALED_SHARE"), routed.t2());
        federation.direct(new DirectorState.Input.Received(complaint));
        federation.run();
        assertThat(federation.state.leftOut()).contains(VICTIM);
    }

    @Test
    void director_complaintNotJudgedYet_opensNothing() {
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        Routed routed = ((Phase.Updates) federation.state.phase()).routed();
        federation.dead.add(VICTIM);
        federation.direct(new DirectorState.Input.Received(
                victim().identity.sign(new Complaint("org-a", "SEALED_SHARE"), routed.t2())));
        while (!(federation.state.phase() instanceof Phase.Judging)) {
            federation.direct(federation.pending.removeFirst());
        }
        Chain before = federation.state.chain();
        federation.direct(new DirectorState.Input.Open(federation.next(1, ADAPTER_0)));
        assertThat(federation.state.deciding()).isFalse();
        assertThat(federation.state.chain()).isEqualTo(before);
    }

    /// The attempt is over: a second end of it nobody would read.
    @Test
    void director_abortWhileAComplaintIsJudged_saysNothing() {
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
        Routed routed = ((Phase.Updates) federation.state.phase()).routed();
        federation.direct(new DirectorState.Input.Received(
                victim().identity.sign(new Complaint("org-a", "SEALED_SHARE"), routed.t2())));
        while (!(federation.state.phase() instanceof Phase.Judging)) {
            federation.direct(federation.pending.removeFirst());
        }
        Chain before = federation.state.chain();
        federation.direct(new DirectorState.Input.Abort("Operator", "stopped", List.of()));
        assertThat(federation.state.deciding()).isFalse();
        federation.run();
        assertThat(federation.state.chain()).isEqualTo(before);
        assertThat(federation.judgements).hasSize(1);
    }

    // 6 UpdateManifest and chunks

    private static Manifest manifest(Federation federation, int member) throws PeerMisbehaved {
        Phase.Updates updates = (Phase.Updates) federation.state.phase();
        Envelope sent = federation
                .node(member)
                .journal
                .signed(0, 1, MessageType.UPDATE_MANIFEST)
                .orElseThrow();
        return Manifest.verify(Federation.PRIMITIVES, federation.directory, updates.routed(), sent);
    }

    private void runUntilTraining() {
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Updates)) {
            federation.direct(federation.pending.removeFirst());
        }
    }

    @Test
    void chunk_notInTheManifest_isRefused() throws Exception {
        runUntilTraining();
        Manifest manifest = manifest(federation, 1);
        Envelope chunk = victim().spool.getFirst();
        assertThat(manifest.chunk(Federation.PRIMITIVES, federation.directory, chunk)
                        .index())
                .isZero();
        UpdateChunk real = (UpdateChunk) parse(chunk);
        byte[] altered = real.masked().toArray();
        altered[0] ^= 1;
        for (UpdateChunk other : List.of(
                new UpdateChunk(real.vector(), 0, Bytes.of(altered)),
                new UpdateChunk(real.vector(), 1, real.masked()),
                new UpdateChunk("control", 0, real.masked()))) {
            Envelope signed = victim().identity.sign(other, chunk.transcript());
            assertThatThrownBy(() -> manifest.chunk(Federation.PRIMITIVES, federation.directory, signed))
                    .isInstanceOfSatisfying(
                            PeerMisbehaved.class, e -> assertThat(e.reason()).isEqualTo(Refusal.OTHER_CHUNK));
        }
        assertThatThrownBy(() -> manifest.chunk(
                        Federation.PRIMITIVES,
                        federation.directory,
                        federation.node(2).spool.getFirst()))
                .isInstanceOf(PeerMisbehaved.class);
    }

    @Test
    void manifest_secondDifferentOne_isEquivocation() throws Exception {
        runUntilTraining();
        Bytes t2 = federation.state.chain().head();
        UpdateManifest real = (UpdateManifest)
                parse(victim().journal.signed(0, 1, MessageType.UPDATE_MANIFEST).orElseThrow());
        List<UpdateManifest.VectorHashes> other = new ArrayList<>(real.vectors());
        other.set(0, new UpdateManifest.VectorHashes("adapter", List.of(Bytes.zeros(32))));
        federation.pending.addLast(
                new DirectorState.Input.Received(victim().identity.sign(new UpdateManifest(other), t2)));
        while (federation.state.phase() instanceof Phase.Updates && !federation.pending.isEmpty()) {
            var input = federation.pending.removeFirst();
            if (!(input instanceof DirectorState.Input.Delivered)) {
                federation.direct(input);
            }
        }
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.EQUIVOCATION);
    }

    // 7 SurvivorsSealed

    private void survivorsOf(UnaryOperator<List<NamedHash>> change) {
        coordinatorTells(
                SurvivorsSealed.class, real -> new SurvivorsSealed(change.apply(new ArrayList<>(real.survivors()))));
    }

    @Test
    void survivorsSealed_memberOutsideU2_isDeclined() {
        survivorsOf(survivors -> {
            survivors.add(new NamedHash("org-z", Bytes.zeros(32)));
            return survivors;
        });
        runRound();
        assertVictimDeclined(Refusal.NOT_A_SUBSET);
        assertNeverSigned(MessageType.SURVIVORS_CONFIRMED);
    }

    @Test
    void survivorsSealed_tooFew_isDeclined() {
        survivorsOf(survivors -> survivors.subList(0, 2));
        runRound();
        assertVictimDeclined(Refusal.TOO_FEW);
    }

    @Test
    void survivorsSealed_ownManifestAltered_isDeclined() {
        survivorsOf(survivors -> {
            survivors.set(1, new NamedHash(VICTIM, Bytes.zeros(32)));
            return survivors;
        });
        runRound();
        assertVictimDeclined(Refusal.OWN_MESSAGE_ALTERED);
    }

    @Test
    void survivorsSealed_withoutThisMember_stopsAndDeletesTheSpool() {
        survivorsOf(survivors -> {
            survivors.remove(1);
            return survivors;
        });
        runRound();
        assertNeverSigned(MessageType.SURVIVORS_CONFIRMED);
        assertThat(victim().outputs).anyMatch(output -> output instanceof MemberOutput.DeleteSpool);
    }

    @Test
    void survivorsSealed_anotherSetOnTheSameAdapter_isDeclined() {
        // Attempt 1 is confirmed by everybody and then aborted; attempt 2 on the same adapter seals fewer.
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Confirmation)) {
            federation.direct(federation.pending.removeFirst());
        }
        federation.pending.clear();
        federation.direct(new DirectorState.Input.Abort("Operator", "test", List.of()));
        federation.run();
        federation.nodes.values().forEach(node -> node.spool.clear());
        survivorsOf(survivors -> {
            survivors.remove(3);
            return survivors;
        });
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
        assertVictimRefused(Refusal.OTHER_SURVIVORS);
        assertThat(victim().journal.signed(0, 2))
                .noneMatch(envelope -> envelope.type() == MessageType.SURVIVORS_CONFIRMED);
    }

    /// Attempt 1 seals everybody and is aborted after that; org-d is gone.
    private void sealEverybodyThenLoseOne() {
        federation.open(federation.next(1, ADAPTER_0));
        while (!(federation.state.phase() instanceof Phase.Confirmation)) {
            federation.direct(federation.pending.removeFirst());
        }
        federation.pending.clear();
        federation.direct(new DirectorState.Input.Abort("Operator", "test", List.of()));
        federation.run();
        federation.dead.add("org-d");
        federation.nodes.values().forEach(node -> node.spool.clear());
    }

    private void retry() {
        federation.nodes.values().forEach(node -> node.spool.clear());
        federation.open(federation.next(1, ADAPTER_0));
        federation.run();
    }

    private void lift(String member, List<String> confirmed, List<String> allowed) {
        Objects.requireNonNull(federation.nodes.get(member))
                .step(new MemberInput.Lift(new SurvivorsLifted(ADAPTER_0, confirmed, allowed)));
    }

    @Test
    void director_retryWhereOneOfTheSealedIsGone_abortsWithNeedsLiftAndNamesWhoMust() {
        sealEverybodyThenLoseOne();
        retry();
        assertThat(parse(federation.control.getLast())).isInstanceOfSatisfying(RoundAborted.class, aborted -> {
            assertThat(aborted.reason()).isEqualTo("NeedsLift");
            assertThat(aborted.detail()).contains("the operators of [org-a, org-b, org-c] must run: sotto lift");
        });
    }

    @Test
    void lift_byAllWhoAreInBothSets_letsExactlyThatPairThrough() {
        sealEverybodyThenLoseOne();
        List<String> rest = List.of("org-a", "org-b", "org-c");
        rest.forEach(member -> lift(member, federation.ids, rest));
        retry();
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
        assertThat(federation.totals.orElseThrow().survivors()).isEqualTo(3);
        assertThat(victim().journal.confirmed(ADAPTER_0)).contains(rest);
    }

    @Test
    void lift_byOnlySome_stillNeedsTheOthers() {
        sealEverybodyThenLoseOne();
        List<String> rest = List.of("org-a", "org-b", "org-c");
        lift("org-a", federation.ids, rest);
        retry();
        assertThat(parse(federation.control.getLast()))
                .isInstanceOfSatisfying(
                        RoundAborted.class,
                        aborted -> assertThat(aborted.detail()).contains("the operators of [org-b, org-c] must"));
    }

    @Test
    void lift_coordinatorSealsAThirdSet_isDeclined() {
        sealEverybodyThenLoseOne();
        List<String> rest = List.of("org-a", "org-b", "org-c");
        rest.forEach(member -> lift(member, federation.ids, rest));
        federation.dead.clear();
        survivorsOf(survivors -> {
            survivors.remove(0);
            return survivors;
        });
        retry();
        assertVictimRefused(Refusal.OTHER_SURVIVORS);
        assertThat(victim().journal.signed(0, 2))
                .noneMatch(envelope -> envelope.type() == MessageType.SURVIVORS_CONFIRMED);
    }

    @Test
    void lift_secondTimeOrOfASetNeverConfirmed_isRefusedToTheOperator() {
        sealEverybodyThenLoseOne();
        lift(VICTIM, List.of("org-a", VICTIM, "org-c"), federation.ids);
        assertThat(victim().outputs.getLast()).isInstanceOf(MemberOutput.NotLifted.class);
        assertThat(victim().journal.lifted(ADAPTER_0)).isEmpty();
        SurvivorsLifted first = new SurvivorsLifted(ADAPTER_0, federation.ids, List.of("org-a", VICTIM, "org-c"));
        victim().step(new MemberInput.Lift(first));
        victim().step(new MemberInput.Lift(first));
        List<MemberOutput> said = victim().outputs
                .subList(victim().outputs.size() - 2, victim().outputs.size());
        assertThat(said.getFirst()).isInstanceOf(MemberOutput.Publish.class).isEqualTo(said.getLast());
        lift(VICTIM, federation.ids, List.of("org-a", VICTIM, "org-d"));
        assertThat(victim().outputs.getLast()).isInstanceOf(MemberOutput.NotLifted.class);
        assertThat(victim().journal.lifted(ADAPTER_0)).contains(first);
    }

    @Test
    void lift_ofAnAdapterOnWhichNothingWasSealed_isNotRemembered() {
        Bytes other = Enc.sha256(Bytes.utf8("another adapter"));
        SurvivorsLifted lifted = new SurvivorsLifted(other, federation.ids, List.of("org-a", VICTIM, "org-c"));
        federation.direct(new DirectorState.Input.Received(victim().identity.sign(lifted, other)));
        assertThat(federation.state.lifted()).isEmpty();
        assertThat(federation.refusedByDirector).isEmpty();
        federation.direct(new DirectorState.Input.Received(
                federation.node(0).identity.sign(lifted, Enc.sha256(Bytes.utf8("not its digest")))));
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .containsExactly(Refusal.OTHER_TRANSCRIPT);
    }

    // Disputed

    @Test
    void disputed_peerSignedAnotherTranscript_publishesTheCoordinatorsMessage() throws Exception {
        // What the coordinator would show if it had opened another attempt to org-c.
        coordinatorTells(RosterSealed.class, roster -> {
            List<Bytes> keys = new ArrayList<>(roster.keysAdvertised());
            Envelope real = decode(keys.get(2));
            keys.set(
                    2,
                    federation
                            .node(2)
                            .identity
                            .sign(parse(real), Enc.sha256(Bytes.utf8("another T0")))
                            .encode());
            return new RosterSealed(keys);
        });
        runRound();
        assertVictimDeclined(Refusal.OTHER_TRANSCRIPT);
        Disputed disputed = (Disputed)
                parse(victim().journal.signed(0, 1, MessageType.DISPUTED).orElseThrow());
        assertThat(disputed.evidence()).hasSize(1);
        assertThat(decode(disputed.evidence().getFirst())).isEqualTo(federation.control.getFirst());
        assertThat(federation.disputes).contains(new DirectorState.Output.Disputed(VICTIM, "OTHER_TRANSCRIPT"));
    }

    @Test
    void disputed_closedRoundDoesNotRecompute_publishesRoundClosedOnce() {
        runRound();
        PeerMisbehaved fault = new PeerMisbehaved(Refusal.OTHER_RESULT, "coordinator", "test");
        victim().step(new MemberInput.Dispute(fault));
        victim().step(new MemberInput.Dispute(fault));
        assertThat(victim().journal.signed(0, 1))
                .filteredOn(envelope -> envelope.type() == MessageType.DISPUTED)
                .singleElement()
                .satisfies(envelope -> assertThat(((Disputed) parse(envelope)).evidence())
                        .containsExactly(federation.control.getLast().encode()));
    }

    // 9 UnmaskRequested

    private void confirmationsOf(UnaryOperator<List<Bytes>> change) {
        coordinatorTells(
                UnmaskRequested.class,
                request -> new UnmaskRequested(change.apply(new ArrayList<>(request.confirmations()))));
    }

    @Test
    void unmaskRequested_fewerThanThreshold_isDeclined() {
        confirmationsOf(confirmations -> confirmations.subList(0, 2));
        runRound();
        assertVictimDeclined(Refusal.TOO_FEW);
        assertNeverSigned(MessageType.SHARES_REVEALED);
    }

    @Test
    void unmaskRequested_oneConfirmationThreeTimes_isDeclined() {
        confirmationsOf(confirmations -> Collections.nCopies(3, confirmations.getFirst()));
        runRound();
        assertVictimDeclined(Refusal.TOO_FEW);
    }

    @Test
    void unmaskRequested_confirmationOfAnotherSet_isDeclined() {
        confirmationsOf(confirmations -> {
            confirmations.set(
                    0,
                    federation
                            .node(0)
                            .identity
                            .sign(new SurvivorsConfirmed(), Enc.sha256(Bytes.utf8("another T3")))
                            .encode());
            return confirmations;
        });
        runRound();
        assertVictimDeclined(Refusal.OTHER_TRANSCRIPT);
        assertNeverSigned(MessageType.SHARES_REVEALED);
    }

    @Test
    void unmaskRequested_confirmationByAnotherKey_isDeclined() {
        confirmationsOf(confirmations -> {
            Envelope real = decode(confirmations.getFirst());
            Envelope forged = federation.node(2).identity.sign(new SurvivorsConfirmed(), real.transcript());
            confirmations.set(
                    0,
                    new Envelope(
                                    real.type(),
                                    real.federation(),
                                    real.sender(),
                                    real.keyFingerprint(),
                                    real.transcript(),
                                    real.payload(),
                                    forged.signature())
                            .encode());
            return confirmations;
        });
        runRound();
        assertVictimDeclined(Refusal.BAD_SIGNATURE);
    }

    // 10 SharesRevealed

    @Test
    void sharesRevealed_thatDoNotOpen_areRefusedAndTheOthersSuffice() {
        memberPublishes(VICTIM, SharesRevealed.class, revealed -> {
            byte[] box = revealed.box().toArray();
            box[box.length - 1] ^= 1;
            return new SharesRevealed(Bytes.of(box));
        });
        runRound();
        assertThat(federation.refusedByDirector)
                .extracting(PeerMisbehaved::reason)
                .contains(Refusal.SEALED_SHARE);
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_CLOSED);
    }

    @Test
    void sharesDealt_otherMaskCommitment_isFoundWhenTheDealerDrops() {
        federation.dies.put("org-a", MessageType.SHARES_DEALT);
        memberPublishes(
                "org-a",
                SharesDealt.class,
                dealt -> new SharesDealt(
                        dealt.boxes(),
                        dealt.ciphertexts(),
                        Bytes.zeros(32),
                        dealt.selfCommitment(),
                        dealt.maskShareCommitments(),
                        dealt.selfShareCommitments()));
        runRound();
        assertThat(federation.refusedByDirector)
                .anyMatch(fault ->
                        fault.reason() == Refusal.COMMITMENT && fault.who().equals("org-a"));
        assertThat(federation.control.getLast().type()).isEqualTo(MessageType.ROUND_ABORTED);
    }
}

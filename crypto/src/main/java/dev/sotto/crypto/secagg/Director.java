package dev.sotto.crypto.secagg;

import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.DirectorState.Input;
import dev.sotto.crypto.secagg.DirectorState.Output;
import dev.sotto.crypto.secagg.DirectorState.Phase;
import dev.sotto.crypto.secagg.DirectorState.Transition;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ChannelOpened;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Decided;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RevealedShares;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundAborted;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundDeclined;
import dev.sotto.schemas.RoundOfOtherVersion;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SealedBox;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.UnmaskRequested;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Supplier;

/// The coordinator's side of a round (protocol §5): `step(state, input, now) → state, outputs`, without
/// I/O.
///
/// What it says goes through the leader's log first: a proposal is an [Output.Decide]; only when that
/// comes back as [Input.Decision] does the state move on and the message get signed. A successor that
/// reads the same log signs the same bytes.
///
/// The caller owns the secrets given here. Not thread-safe.
public final class Director {
    private static final String COMPLAINT = "Complaint";
    private static final String NEEDS_LIFT = "NeedsLift";

    private final Primitives primitives;
    private final Identity coordinator;
    private final Directory directory;
    private final Secret roundSecret;
    private final Randomness randomness;
    private final Patience.Grace grace;

    /// For one federation.
    ///
    /// @param roundSecret K
    /// @param grace       what those get at least who have not answered when n − maxDropouts have, or when t have
    ///   revealed
    public Director(
            Primitives primitives,
            Identity coordinator,
            Directory directory,
            Secret roundSecret,
            Randomness randomness,
            Patience.Grace grace) {
        this.primitives = primitives;
        this.coordinator = coordinator;
        this.directory = directory;
        this.roundSecret = roundSecret;
        this.randomness = randomness;
        this.grace = grace;
    }

    /// The public round key of an attempt, for its `RoundOpened`.
    public Bytes roundKey(long round, long attempt, Bytes nonce) {
        try (Secret seed = new RoundContext(directory.federation(), round, attempt).roundKeySeed(roundSecret, nonce)) {
            return primitives.kemKey(seed);
        }
    }

    /// Rebuilds the seeds of a confirmed sum from what members have revealed so far; what must be refused is passed
    /// over. The caller closes it.
    ///
    /// @param revealed `SharesRevealed`, at most one of a member
    /// @return nothing, if fewer than t are left
    /// @throws PeerMisbehaved blaming the dealer whose secret does not match what it signed
    public Optional<Unmasker> unmasker(Unmasking unmasking, Collection<Envelope> revealed) throws PeerMisbehaved {
        SortedMap<String, RevealedShares> shares = new TreeMap<>();
        try (Secret seed = seed(unmasking)) {
            for (Envelope envelope : revealed) {
                try {
                    shares.put(envelope.sender(), Unmasker.open(primitives, directory, unmasking, seed, envelope));
                } catch (PeerMisbehaved e) {
                    // The machine says so.
                }
            }
            return shares.size() < threshold(unmasking.survivors())
                    ? Optional.empty()
                    : Optional.of(Unmasker.rebuild(primitives, unmasking, shares));
        } finally {
            shares.values().forEach(RevealedShares::close);
        }
    }

    /// One step at time `now`.
    public Transition step(DirectorState state, Input input, Instant now) {
        try {
            return switch (input) {
                case Input.Decision decision -> decided(state, decision.decided(), Optional.of(now));
                case Input.Ended ended -> decided(state, ended.decided(), Optional.empty());
                case Input.Open open -> propose(state, open.message());
                case Input.Received received -> received(state, received.envelope(), now);
                case Input.Delivered delivered -> tick(delivered(state, delivered, now), now);
                case Input.Tick tick -> tick(state, now);
                case Input.Close close -> close(state, close);
                case Input.Abort abort -> abort(state, abort.reason(), abort.detail(), abort.evidence());
            };
        } catch (PeerMisbehaved fault) {
            return new Transition(state, List.of(new Output.Refused(fault)));
        }
    }

    // ---- what members send ----

    private Transition received(DirectorState state, Envelope envelope, Instant now) throws PeerMisbehaved {
        String who = envelope.sender();
        return switch (envelope.type()) {
            case ROUND_DECLINED ->
                state.chain().open()
                                && directory.verify(
                                                primitives,
                                                envelope,
                                                state.chain().head())
                                        instanceof RoundDeclined
                        ? tick(state.silent(who), now)
                        : wait(state);
            case COMPLAINT -> tick(complaint(state, envelope), now);
            case CHANNEL_OPENED -> judge(state, envelope);
            case SURVIVORS_LIFTED -> lifted(state, envelope);
            case DISPUTED -> disputed(state, envelope);
            default -> tick(receive(state, envelope, now), now);
        };
    }

    private DirectorState receive(DirectorState state, Envelope envelope, Instant now) throws PeerMisbehaved {
        String who = envelope.sender();
        return switch (state.phase()) {
            case Phase.Keys keys -> {
                Roster.Member member = Roster.advertised(primitives, directory, keys.opened(), envelope);
                once(keys.received(), envelope);
                requireFresh(keys, member);
                SortedMap<String, Envelope> received = put(keys.received(), who, envelope);
                yield state.with(new Phase.Keys(
                        keys.opened(),
                        received,
                        keys.patience()
                                .answered(
                                        received.size(),
                                        withoutDropouts(keys.opened().message()),
                                        now)));
            }
            case Phase.Shares shares -> {
                Routed.dealt(primitives, directory, shares.roster(), envelope);
                once(shares.received(), envelope);
                SortedMap<String, Envelope> received = put(shares.received(), who, envelope);
                RoundOpened opened = shares.roster().opened().message();
                yield state.with(new Phase.Shares(
                        shares.roster(),
                        received,
                        shares.patience().answered(received.size(), withoutDropouts(opened), now)));
            }
            case Phase.Updates updates -> {
                Manifest manifest = Manifest.verify(primitives, directory, updates.routed(), envelope);
                Manifest before = updates.manifests().get(who);
                if (before != null && !before.hash().equals(manifest.hash())) {
                    throw new PeerMisbehaved(Refusal.EQUIVOCATION, who, "sent a second, different manifest");
                }
                yield state.with(new Phase.Updates(
                        updates.routed(),
                        put(updates.manifests(), who, manifest),
                        updates.delivered(),
                        updates.complaint(),
                        updates.patience()));
            }
            case Phase.Confirmation confirmation -> {
                Unmasking.confirmed(primitives, directory, confirmation.survivors(), envelope);
                once(confirmation.received(), envelope);
                SortedMap<String, Envelope> received = put(confirmation.received(), who, envelope);
                RoundOpened opened =
                        confirmation.survivors().routed().roster().opened().message();
                yield state.with(new Phase.Confirmation(
                        confirmation.survivors(),
                        received,
                        confirmation.patience().answered(received.size(), withoutDropouts(opened), now)));
            }
            case Phase.Reveal reveal -> {
                try (Secret seed = seed(reveal.unmasking())) {
                    Unmasker.open(primitives, directory, reveal.unmasking(), seed, envelope)
                            .close();
                }
                once(reveal.received(), envelope);
                SortedMap<String, Envelope> received = put(reveal.received(), who, envelope);
                int threshold = threshold(reveal.unmasking().survivors());
                yield state.with(new Phase.Reveal(
                        reveal.unmasking(), received, reveal.patience().answered(received.size(), threshold, now)));
            }
            case Phase.Between between -> state;
            case Phase.Judging judging -> state;
            case Phase.Past past -> state;
            case Phase.Summing summing -> state;
        };
    }

    /// A key that repeats another's is refused when it comes: a roster that holds both nobody may accept.
    private static void requireFresh(Phase.Keys keys, Roster.Member member) throws PeerMisbehaved {
        Set<Bytes> halves = new HashSet<>();
        try {
            for (Envelope earlier : keys.received().values()) {
                if (!earlier.sender().equals(member.id())) {
                    KeysAdvertised theirs = KeysAdvertised.parse(earlier.payload());
                    boolean _ = Roster.addHalves(halves, theirs.channelKey(), theirs.maskKey());
                }
            }
        } catch (MalformedMessage e) {
            throw new IllegalStateException("it was verified when it came", e);
        }
        if (!Roster.addHalves(halves, member.channelKey(), member.maskKey())) {
            throw new PeerMisbehaved(Refusal.REPEATED_KEY, member.id(), "a half of its keys is there already");
        }
    }

    /// Of two verified messages: what belongs to another attempt is no second one.
    private static void once(Map<String, Envelope> received, Envelope envelope) throws PeerMisbehaved {
        Envelope before = received.get(envelope.sender());
        if (before != null && before.type() == envelope.type() && !before.equals(envelope)) {
            throw new PeerMisbehaved(
                    Refusal.EQUIVOCATION,
                    envelope.sender(),
                    "sent a second, different " + envelope.type().wireName());
        }
    }

    private DirectorState complaint(DirectorState state, Envelope envelope) throws PeerMisbehaved {
        if (!(state.phase() instanceof Phase.Updates updates)
                || !(directory.verify(primitives, envelope, updates.routed().t2()) instanceof Complaint complaint)) {
            return state;
        }
        if (!updates.routed().dealt().containsKey(envelope.sender())
                || !updates.routed().dealt().containsKey(complaint.accused())
                || complaint.accused().equals(envelope.sender())) {
            throw new PeerMisbehaved(Refusal.NOT_A_SUBSET, envelope.sender(), "complains outside U2, or about itself");
        }
        return state.with(new Phase.Updates(
                updates.routed(), updates.manifests(), updates.delivered(), Optional.of(envelope), updates.patience()));
    }

    /// A complainant has opened its channel key: who lied, the dealer or the complainant.
    private Transition judge(DirectorState state, Envelope envelope) throws PeerMisbehaved {
        if (!(state.phase() instanceof Phase.Judging judging)
                || !envelope.sender().equals(judging.complainant())
                || !(directory.verify(primitives, envelope, state.chain().head()) instanceof ChannelOpened opened)) {
            return wait(state);
        }
        String liar =
                liar(primitives, judging.routed(), judging.complainant(), judging.accused(), opened.channelSeed());
        return judged(state, judging, liar);
    }

    /// Who lied once a complainant has opened its channel key: the dealer or the complainant. Anyone can tell.
    ///
    /// @param routed      U2 of the aborted attempt
    /// @param complainant who complained about `accused`
    /// @param channelSeed as it published it
    public static String liar(
            Primitives primitives, Routed routed, String complainant, String accused, Bytes channelSeed) {
        if (complainant.equals(accused)) {
            return complainant;
        }
        try (Secret seed = Secret.take(channelSeed.toArray())) {
            if (!primitives
                    .kemKey(seed)
                    .equals(routed.roster().member(complainant).channelKey())) {
                return complainant;
            }
            ReceivedShares.open(primitives, routed, accused, complainant, seed).close();
            return complainant;
        } catch (PeerMisbehaved fault) {
            return accused;
        }
    }

    private static Transition judged(DirectorState state, Phase.Judging judging, String liar) {
        return new Transition(
                state.judged(liar), List.of(new Output.Judged(liar, judging.complainant(), judging.accused())));
    }

    private Transition lifted(DirectorState state, Envelope envelope) throws PeerMisbehaved {
        SurvivorsLifted claimed;
        try {
            claimed = SurvivorsLifted.parse(envelope.payload());
        } catch (MalformedMessage e) {
            throw new PeerMisbehaved(Refusal.MALFORMED, envelope.sender(), String.valueOf(e.getMessage()));
        }
        var _ = directory.verify(primitives, envelope, claimed.adapterDigest());
        // Of adapters on which nothing was sealed there is nothing to lift, and nothing to remember.
        return wait(
                state.sealed().containsKey(claimed.adapterDigest()) ? state.lifted(envelope.sender(), claimed) : state);
    }

    private Transition disputed(DirectorState state, Envelope envelope) throws PeerMisbehaved {
        // Over whatever transcript it had: that it is another one may be what it says.
        return directory.verify(primitives, envelope, envelope.transcript()) instanceof Disputed disputed
                ? new Transition(state, List.of(new Output.Disputed(envelope.sender(), disputed.reason())))
                : wait(state);
    }

    private DirectorState delivered(DirectorState state, Input.Delivered input, Instant now) {
        if (!(state.phase() instanceof Phase.Updates updates)) {
            return state;
        }
        Manifest manifest = updates.manifests().get(input.member());
        if (manifest == null || !manifest.hash().equals(input.manifestHash())) {
            return state;
        }
        SortedMap<String, Bytes> delivered = put(updates.delivered(), input.member(), input.manifestHash());
        RoundOpened opened = updates.routed().roster().opened().message();
        return state.with(new Phase.Updates(
                updates.routed(),
                updates.manifests(),
                delivered,
                updates.complaint(),
                updates.patience().answered(delivered.size(), withoutDropouts(opened), now)));
    }

    // ---- what the director proposes ----

    private Transition propose(DirectorState state, RoundOpened message) {
        MemberRules none = new MemberRules(Set.of(), 3, 3, 0, opened -> Optional.empty());
        Optional<String> infeasible = Parameters.infeasible(message, none);
        if (infeasible.isPresent()) {
            throw new IllegalArgumentException(infeasible.get());
        }
        if (state.deciding()
                || state.phase() instanceof Phase.Judging
                || !state.chain().isNext(message)) {
            return new Transition(state, List.of());
        }
        return decide(state, message);
    }

    private Transition decide(DirectorState state, Message message) {
        Decided decided = new Decided(message.type(), state.chain().head(), message.encode());
        return new Transition(state.deciding(true), List.of(new Output.Decide(decided)));
    }

    private Transition tick(DirectorState state, Instant now) {
        if (state.deciding()) {
            return new Transition(state, List.of());
        }
        return switch (state.phase()) {
            case Phase.Keys keys ->
                due(state, keys.opened().message().cohort(), keys.received().keySet(), keys.patience(), now)
                        ? enough(
                                state,
                                keys.received().size(),
                                keys.opened().fewest(),
                                MessageType.ROSTER_SEALED,
                                () -> roster(keys))
                        : wait(state);
            case Phase.Shares shares ->
                due(state, shares.roster().ids(), shares.received().keySet(), shares.patience(), now)
                        ? enough(
                                state,
                                shares.received().size(),
                                shares.roster().opened().fewest(),
                                MessageType.SHARES_ROUTED,
                                () -> routed(shares))
                        : wait(state);
            case Phase.Updates updates -> updates(state, updates, now);
            case Phase.Confirmation confirmation ->
                due(
                                state,
                                confirmation.survivors().ids(),
                                confirmation.received().keySet(),
                                confirmation.patience(),
                                now)
                        ? enough(
                                state,
                                confirmation.received().size(),
                                threshold(confirmation.survivors()),
                                MessageType.UNMASK_REQUESTED,
                                () -> new UnmaskRequested(confirmation.received().values().stream()
                                        .map(Envelope::encode)
                                        .toList()))
                        : wait(state);
            case Phase.Reveal reveal -> revealed(state, reveal, now);
            case Phase.Between between -> wait(state);
            case Phase.Judging judging ->
                now.isBefore(judging.ends()) ? wait(state) : judged(state, judging, judging.complainant());
            case Phase.Past past -> wait(state);
            case Phase.Summing summing -> wait(state);
        };
    }

    private static Transition wait(DirectorState state) {
        return new Transition(state, List.of());
    }

    /// Everybody asked has answered or is silent, or time is up.
    private static boolean due(
            DirectorState state,
            Collection<String> asked,
            Collection<String> answered,
            Patience patience,
            Instant now) {
        return !now.isBefore(patience.ends())
                || asked.stream()
                        .allMatch(id -> answered.contains(id) || state.silent().contains(id));
    }

    /// The message is made only if there is enough for it: of nobody's answers there is none.
    private Transition enough(DirectorState state, int got, int fewest, MessageType type, Supplier<Message> message) {
        return got >= fewest
                ? decide(state, message.get())
                : abort(
                        state,
                        Refusal.TOO_FEW.name(),
                        got + " members for " + type.wireName() + ", need " + fewest,
                        List.of());
    }

    private static int withoutDropouts(RoundOpened opened) {
        return opened.cohort().size() - opened.maxDropouts();
    }

    private static int threshold(Survivors survivors) {
        return survivors.routed().roster().opened().message().threshold();
    }

    private static Message roster(Phase.Keys keys) {
        return new RosterSealed(
                keys.received().values().stream().map(Envelope::encode).toList());
    }

    private static Message routed(Phase.Shares shares) {
        return new SharesRouted(hashes(shares.received()));
    }

    private static List<NamedHash> hashes(Map<String, Envelope> received) {
        return received.entrySet().stream()
                .map(entry -> new NamedHash(
                        entry.getKey(), Enc.sha256(entry.getValue().encode())))
                .toList();
    }

    /// Seals when all of U2 delivered or are silent, or when time is up. On an adapter whose survivors were
    /// sealed before, exactly those (protocol §5, "One survivor set per adapter").
    private Transition updates(DirectorState state, Phase.Updates updates, Instant now) {
        Opened opened = updates.routed().roster().opened();
        if (updates.complaint().isPresent()) {
            return abort(
                    state,
                    COMPLAINT,
                    updates.complaint().get().sender() + " could not open a share that was dealt to it",
                    List.of(updates.complaint().get().encode()));
        }
        List<String> before = state.sealed().get(opened.message().adapterDigest());
        boolean due = due(state, updates.routed().ids(), updates.delivered().keySet(), updates.patience(), now);
        if (before != null) {
            if (updates.delivered().keySet().containsAll(before)) {
                return decide(state, survivors(updates, before));
            }
            return due ? sealAnother(state, updates, before) : wait(state);
        }
        return due
                ? enough(
                        state,
                        updates.delivered().size(),
                        opened.fewest(),
                        MessageType.SURVIVORS_SEALED,
                        () -> survivors(updates, updates.delivered().keySet()))
                : wait(state);
    }

    /// Other survivors than before on the same adapter: only where the operators of all who were in both
    /// sets have lifted the rule for exactly this pair.
    private Transition sealAnother(DirectorState state, Phase.Updates updates, List<String> before) {
        Opened opened = updates.routed().roster().opened();
        Map<String, SurvivorsLifted> lifted =
                state.lifted().getOrDefault(opened.message().adapterDigest(), Map.of());
        Set<String> delivered = updates.delivered().keySet();
        Optional<List<String>> allowed = lifted.values().stream()
                .filter(lift -> lift.confirmed().equals(before))
                .map(SurvivorsLifted::allowed)
                .filter(set -> set.size() >= opened.fewest()
                        && delivered.containsAll(set)
                        && unlifted(lifted, before, set).isEmpty())
                .findFirst();
        if (allowed.isPresent()) {
            return decide(state, survivors(updates, allowed.get()));
        }
        List<String> possible = List.copyOf(delivered);
        if (possible.size() < opened.fewest()) {
            return enough(
                    state,
                    possible.size(),
                    opened.fewest(),
                    MessageType.SURVIVORS_SEALED,
                    () -> survivors(updates, possible));
        }
        return abort(
                state,
                NEEDS_LIFT,
                "survivors " + before + " were sealed on this adapter, now " + possible + " delivered; to seal "
                        + "these instead, the operators of " + unlifted(lifted, before, possible)
                        + " must run: sotto lift " + String.join(",", possible),
                List.of());
    }

    private static List<String> unlifted(
            Map<String, SurvivorsLifted> lifted, List<String> before, List<String> wanted) {
        return wanted.stream()
                .filter(before::contains)
                .filter(member -> {
                    SurvivorsLifted lift = lifted.get(member);
                    return lift == null
                            || !lift.confirmed().equals(before)
                            || !lift.allowed().equals(wanted);
                })
                .toList();
    }

    private static Message survivors(Phase.Updates updates, Collection<String> ids) {
        return new SurvivorsSealed(updates.delivered().entrySet().stream()
                .filter(entry -> ids.contains(entry.getKey()))
                .map(entry -> new NamedHash(entry.getKey(), entry.getValue()))
                .toList());
    }

    private Transition revealed(DirectorState state, Phase.Reveal reveal, Instant now) {
        int threshold = threshold(reveal.unmasking().survivors());
        if (!due(state, reveal.unmasking().survivors().ids(), reveal.received().keySet(), reveal.patience(), now)) {
            return wait(state);
        }
        if (reveal.received().size() < threshold) {
            return abort(
                    state,
                    Refusal.TOO_FEW.name(),
                    reveal.received().size() + " members revealed, need " + threshold,
                    List.of());
        }
        try (Secret seed = seed(reveal.unmasking())) {
            Unmasker unmasker = Unmasker.rebuild(
                    primitives,
                    directory,
                    reveal.unmasking(),
                    seed,
                    reveal.received().values());
            return new Transition(
                    state.with(new Phase.Summing(reveal.unmasking(), hashes(reveal.received()))),
                    List.of(new Output.Unmask(reveal.unmasking(), unmasker)));
        } catch (PeerMisbehaved fault) {
            // Each share was checked against its dealer's own commitment, so nobody else can be at fault; with the
            // round's seed anyone opens what is in the log and sees the same.
            Transition aborted = abort(
                    state,
                    fault.reason().name(),
                    String.valueOf(fault.getMessage()),
                    List.of(),
                    Optional.of(fault.who()));
            List<Output> outputs = new ArrayList<>(List.of(new Output.Refused(fault)));
            outputs.addAll(aborted.outputs());
            return new Transition(aborted.state(), outputs);
        }
    }

    private Transition close(DirectorState state, Input.Close close) {
        if (state.deciding() || !(state.phase() instanceof Phase.Summing summing)) {
            return wait(state);
        }
        return decide(
                state,
                new RoundClosed(
                        close.version(),
                        close.modelDigest(),
                        close.aggregateDigest(),
                        seeds(summing.unmasking()),
                        summing.revealed()));
    }

    private Transition abort(DirectorState state, String reason, String detail, List<Bytes> evidence) {
        return abort(state, reason, detail, evidence, Optional.empty());
    }

    private Transition abort(
            DirectorState state, String reason, String detail, List<Bytes> evidence, Optional<String> blamed) {
        if (state.deciding() || !state.chain().open()) {
            return wait(state);
        }
        List<SealedBox> seeds = switch (state.phase()) {
            case Phase.Reveal reveal -> seeds(reveal.unmasking());
            case Phase.Summing summing -> seeds(summing.unmasking());
            default -> List.of();
        };
        return decide(state, new RoundAborted(reason, detail, evidence, seeds, blamed));
    }

    private List<SealedBox> seeds(Unmasking unmasking) {
        Roster roster = unmasking.survivors().routed().roster();
        List<SealedBox> boxes = new ArrayList<>();
        try (Secret seed = seed(unmasking)) {
            for (Map.Entry<String, Bytes> member : new TreeMap<>(directory.deliveryKeys()).entrySet()) {
                Bytes info = roster.context().closedInfo(unmasking.t4(), member.getKey());
                boxes.add(new SealedBox(member.getKey(), primitives.seal(member.getValue(), info, seed, randomness)));
            }
        } catch (InvalidKey e) {
            throw new IllegalStateException("delivery keys are checked at enrolment", e);
        }
        return boxes;
    }

    private Secret seed(Unmasking unmasking) {
        Opened opened = unmasking.survivors().routed().roster().opened();
        return opened.context().roundKeySeed(roundSecret, opened.message().nonce());
    }

    // ---- what was decided ----

    /// @param now nothing for an attempt that has ended
    private Transition decided(DirectorState state, Decided decided, Optional<Instant> now) throws PeerMisbehaved {
        if (!decided.transcript().equals(state.chain().head())) {
            // An earlier director's proposal, overtaken: the log keeps it, nobody signs it.
            return wait(state);
        }
        Message message;
        try {
            message = Message.parse(decided.type(), decided.payload());
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the leader's log holds what no director writes", e);
        }
        if (message instanceof RoundOfOtherVersion other) {
            throw new IllegalStateException(
                    "the leader's log: " + Roster.otherProtocol(other).getMessage());
        }
        Envelope envelope = coordinator.sign(message, decided.transcript());
        Chain chain = message instanceof RoundOpened opened
                ? state.chain().next(envelope, opened)
                : state.chain().next(envelope);
        Map<Bytes, List<String>> sealed = new HashMap<>(state.sealed());
        Phase phase = now.isPresent()
                ? phase(state, message, chain.head(), now.get(), sealed)
                : past(state.phase(), message, sealed);
        Set<String> silent = chain.open() ? state.silent() : Set.of();
        List<String> eligible = message instanceof RoundOpened opened ? opened.eligible() : state.eligible();
        return new Transition(
                new DirectorState(
                        phase, chain, false, silent, sealed, state.lifted(), eligible, leftOut(state, message)),
                List.of(new Output.Publish(envelope)));
    }

    /// Told by the log alone: a judgement shows in who is eligible for the attempt after it.
    private static Set<String> leftOut(DirectorState state, Message message) {
        Set<String> leftOut = new HashSet<>(state.leftOut());
        switch (message) {
            case RoundOpened opened
            when opened.attempt() > 1 -> {
                leftOut.addAll(state.eligible());
                opened.eligible().forEach(leftOut::remove);
            }
            case RoundAborted aborted -> aborted.blamed().ifPresent(leftOut::add);
            case RoundClosed closed -> leftOut.clear();
            default -> {}
        }
        return leftOut;
    }

    private static Phase past(Phase before, Message message, Map<Bytes, List<String>> sealed) {
        return switch (message) {
            case RoundOpened opened -> new Phase.Past(opened);
            case RoundClosed closed -> new Phase.Between();
            case RoundAborted aborted -> new Phase.Between();
            case SurvivorsSealed survivors
            when before instanceof Phase.Past past -> {
                sealed.put(
                        past.opened().adapterDigest(),
                        survivors.survivors().stream()
                                .map(NamedHash::organisation)
                                .toList());
                yield before;
            }
            default -> before;
        };
    }

    private Phase phase(DirectorState state, Message message, Bytes t, Instant now, Map<Bytes, List<String>> sealed)
            throws PeerMisbehaved {
        return switch (message) {
            case RoundOpened opened ->
                new Phase.Keys(
                        new Opened(directory.federation(), opened, t),
                        new TreeMap<>(),
                        Patience.from(now, opened.deadlines().keys(), grace.keys()));
            case RosterSealed roster
            when state.phase() instanceof Phase.Keys keys ->
                new Phase.Shares(
                        Roster.verify(primitives, directory, keys.opened(), roster, t, 1),
                        new TreeMap<>(),
                        Patience.from(now, keys.opened().message().deadlines().shares(), grace.words()));
            case SharesRouted routed
            when state.phase() instanceof Phase.Shares shares ->
                new Phase.Updates(
                        Routed.verify(
                                primitives,
                                directory,
                                shares.roster(),
                                routed,
                                t,
                                shares.received().values()),
                        new TreeMap<>(),
                        new TreeMap<>(),
                        Optional.empty(),
                        Patience.from(
                                now,
                                shares.roster().opened().message().deadlines().training(),
                                grace.updates()));
            case SurvivorsSealed survivors
            when state.phase() instanceof Phase.Updates updates -> {
                RoundOpened opened = updates.routed().roster().opened().message();
                Survivors verified = Survivors.verify(updates.routed(), survivors, t);
                sealed.put(opened.adapterDigest(), verified.ids());
                yield new Phase.Confirmation(
                        verified,
                        new TreeMap<>(),
                        Patience.from(now, opened.deadlines().confirmation(), grace.words()));
            }
            case UnmaskRequested request
            when state.phase() instanceof Phase.Confirmation confirmation -> {
                RoundOpened opened =
                        confirmation.survivors().routed().roster().opened().message();
                yield new Phase.Reveal(
                        Unmasking.verify(primitives, directory, confirmation.survivors(), request, t),
                        new TreeMap<>(),
                        Patience.from(now, opened.deadlines().reveal(), grace.words()));
            }
            case RoundClosed closed -> new Phase.Between();
            case RoundAborted aborted
            when state.phase() instanceof Phase.Updates updates && isComplaint(aborted) ->
                judging(updates.routed(), aborted, now);
            case RoundAborted aborted -> new Phase.Between();
            default ->
                throw new IllegalStateException("the leader's log decides "
                        + message.type().wireName() + " in phase "
                        + state.phase().getClass().getSimpleName());
        };
    }

    /// Whether an abort leaves a complaint to be judged: its attempt is over, but not yet without
    /// consequence for the next one.
    public static boolean isComplaint(RoundAborted aborted) {
        return aborted.reason().equals(COMPLAINT);
    }

    private static Phase judging(Routed routed, RoundAborted aborted, Instant now) {
        try {
            Envelope complaint = Envelope.decode(aborted.evidence().getFirst());
            return new Phase.Judging(
                    routed,
                    complaint.sender(),
                    Complaint.parse(complaint.payload()).accused(),
                    now.plusSeconds(
                            routed.roster().opened().message().deadlines().shares()));
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the leader's log holds what no director writes", e);
        }
    }

    private static <V> SortedMap<String, V> put(SortedMap<String, V> map, String key, V value) {
        SortedMap<String, V> copy = new TreeMap<>(map);
        copy.put(key, value);
        return copy;
    }
}

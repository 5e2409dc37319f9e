package dev.sotto.crypto.secagg;

import dev.sotto.crypto.fixedpoint.NotFinite;
import dev.sotto.crypto.mask.RoundContext;
import dev.sotto.crypto.mask.RoundContext.Kind;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.Encapsulation;
import dev.sotto.crypto.primitive.InsecureSecretAccess;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Randomness;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.MemberState.Transition;
import dev.sotto.crypto.shamir.Shamir;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.ChannelOpened;
import dev.sotto.schemas.Complaint;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.KeysAdvertised;
import dev.sotto.schemas.Limits;
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
import dev.sotto.schemas.SharesDealt;
import dev.sotto.schemas.SharesRevealed;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsConfirmed;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UnmaskRequested;
import dev.sotto.schemas.UpdateManifest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;

/// The member's side of a round (protocol §5): `step(state, input) → state, outputs`, without I/O.
///
/// It reads every message of `control` in order, takes part where its rules allow, and declines with a
/// reason where they do not. A message that is not the coordinator's changes nothing. After a restart
/// begin at [MemberState.Idle] and read `control` from its start: an attempt in which the journal knows a
/// message of ours is sat out, and what was signed is sent again as it was.
///
/// Deviation from protocol §5: a restarted member whose spool was complete does not confirm, which is
/// allowed.
///
/// Not thread-safe. The caller owns identity, delivery seed and salt, and closes them.
public final class Member {
    private static final int SEED = 32;

    private final Primitives primitives;
    private final Identity identity;
    private final Secret deliverySeed;
    private final Secret drawSalt;
    private final Directory directory;
    private final MemberRules rules;
    private final Randomness randomness;
    private final Journal journal;
    private final int threads;
    private final String me;

    /// For one organisation.
    ///
    /// @param deliverySeed X-Wing, made at enrolment
    /// @param drawSalt     secret, made at enrolment
    /// @param threads      from 1: how many chunks of an update are encoded and masked at the same time, each
    ///   held in memory; what is sent does not depend on it
    public Member(
            Primitives primitives,
            Identity identity,
            Secret deliverySeed,
            Secret drawSalt,
            Directory directory,
            MemberRules rules,
            Randomness randomness,
            Journal journal,
            int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads are " + threads + ", must be 1 or more");
        }
        this.primitives = primitives;
        this.identity = identity;
        this.deliverySeed = deliverySeed;
        this.drawSalt = drawSalt;
        this.directory = directory;
        this.rules = rules;
        this.randomness = randomness;
        this.journal = journal;
        this.threads = threads;
        this.me = identity.name();
    }

    /// One step. The given state must not be used again.
    public Transition step(MemberState state, MemberInput input) {
        return switch (input) {
            case MemberInput.Read read -> read(state, read.envelope(), read.dealt(), true);
            case MemberInput.Missed missed -> read(state, missed.envelope(), List.of(), false);
            case MemberInput.Trained trained -> trained(state, trained);
            case MemberInput.GaveUp gaveUp -> gaveUp(state, gaveUp);
            case MemberInput.Lift lift -> lift(state, lift.lifted());
            case MemberInput.Dispute dispute ->
                new Transition(state, dispute(state.chain(), state.chain().last(), dispute.fault()));
        };
    }

    private Transition read(MemberState state, Envelope envelope, List<Envelope> dealt, boolean inTime) {
        Message message;
        try {
            if (!envelope.sender().equals(Topics.COORDINATOR)) {
                throw new PeerMisbehaved(Refusal.UNKNOWN_SENDER, envelope.sender(), "does not write control");
            }
            if (envelope.type() == MessageType.ROUND_OPENED
                    && !state.chain().open()
                    && !envelope.transcript().equals(state.chain().head())) {
                throw Roster.coordinator(Refusal.FORKED_LOG, "a round was opened on another log than this member's");
            }
            message = directory.verify(primitives, envelope, state.chain().head());
            state.chain().requireOrder(message);
        } catch (PeerMisbehaved fault) {
            return new Transition(state, List.of(new MemberOutput.Refused(fault)));
        }
        if (message instanceof RoundOfOtherVersion other) {
            return otherVersion(state.chain().next(envelope, other), other, inTime);
        }
        Chain chain = message instanceof RoundOpened opened
                ? state.chain().next(envelope, opened)
                : state.chain().next(envelope);
        if (message instanceof RoundOpened && !inTime) {
            return new Transition(new MemberState.Bystander(chain, "it ended before this member read it"), List.of());
        }
        try {
            return switch (message) {
                case RoundOpened opened -> opened(state.chain(), chain, opened);
                case RoundClosed closed -> closed(state, chain, closed);
                case RoundAborted aborted -> aborted(state, chain, aborted);
                default -> attempt(state, chain, message, dealt);
            };
        } catch (PeerMisbehaved fault) {
            state.close();
            Transition declined = decline(chain, fault, isProof(message, fault.reason()));
            if (fault.reason() != Refusal.OTHER_TRANSCRIPT) {
                return declined;
            }
            // A peer has signed another transcript of this attempt: the message before this one was not
            // the same for both, and two such messages are the proof.
            List<MemberOutput> outputs = new ArrayList<>(declined.outputs());
            outputs.addAll(dispute(chain, state.chain().last(), fault));
            return new Transition(declined.state(), outputs);
        }
    }

    /// What comes after it in its attempt this program cannot follow: the caller ends, and says so.
    private Transition otherVersion(Chain chain, RoundOfOtherVersion opened, boolean inTime) {
        PeerMisbehaved fault = Roster.otherProtocol(opened);
        boolean asked = inTime && opened.cohort().contains(me);
        return asked && journal.signed(chain.round(), chain.attempt()).isEmpty()
                ? decline(chain, fault, false)
                : new Transition(
                        new MemberState.Bystander(chain, String.valueOf(fault.getMessage())),
                        List.of(new MemberOutput.Refused(fault)));
    }

    /// Whether a refusal shows that the coordinator broke a rule: what a member's own policy forbids, the others may
    /// do without it.
    private static boolean isProof(Message refused, Refusal reason) {
        return refused instanceof RoundOpened ? reason == Refusal.OTHER_COHORT : reason != Refusal.POLICY;
    }

    private Transition attempt(MemberState state, Chain chain, Message message, List<Envelope> dealt)
            throws PeerMisbehaved {
        Optional<PeerMisbehaved> skipped = state.chain().skipped(message.type());
        if (state instanceof MemberState.Bystander bystander) {
            return new Transition(
                    new MemberState.Bystander(
                            chain, bystander.why(), bystander.fault().or(() -> skipped)),
                    skipped.<MemberOutput>map(MemberOutput.Refused::new).stream()
                            .toList());
        }
        if (skipped.isPresent()) {
            throw skipped.get();
        }
        return switch (state) {
            case MemberState.Advertised advertised
            when message instanceof RosterSealed sealed -> deal(advertised, chain, sealed);
            case MemberState.Dealt dealtOut
            when message instanceof SharesRouted routed -> route(dealtOut, chain, routed, dealt);
            case MemberState.Delivered delivered
            when message instanceof SurvivorsSealed sealed -> confirm(delivered, chain, sealed);
            case MemberState.Training training
            when message instanceof SurvivorsSealed -> {
                training.close();
                yield new Transition(
                        new MemberState.Bystander(chain, "the survivors were sealed before this member had delivered"),
                        List.of());
            }
            case MemberState.Complained complained
            when message instanceof SurvivorsSealed -> {
                // The complaint came too late to end the attempt.
                complained.close();
                yield new Transition(
                        new MemberState.Bystander(chain, "the survivors were sealed before its complaint was heard"),
                        List.of());
            }
            case MemberState.Confirmed confirmed
            when message instanceof UnmaskRequested request -> reveal(confirmed, chain, request);
            default ->
                throw Roster.coordinator(
                        Refusal.UNEXPECTED_MESSAGE,
                        message.type().wireName() + " in state "
                                + state.getClass().getSimpleName());
        };
    }

    /// Step 1 and 2.
    private Transition opened(Chain before, Chain chain, RoundOpened message) throws PeerMisbehaved {
        Optional<PeerMisbehaved> unfair = SampledCohort.fault(before.closing(), message)
                .map(what -> Roster.coordinator(Refusal.OTHER_COHORT, what));
        if (!message.cohort().contains(me)) {
            String why = message.candidates().contains(me) ? "not drawn into the cohort" : "not in the cohort";
            return new Transition(
                    new MemberState.Bystander(chain, why, unfair),
                    unfair.<MemberOutput>map(MemberOutput.Refused::new).stream().toList());
        }
        if (unfair.isPresent()) {
            throw unfair.get();
        }
        List<Envelope> signed = journal.signed(message.round(), message.attempt());
        if (!signed.isEmpty()) {
            List<MemberOutput> outputs = new ArrayList<>();
            signed.forEach(envelope -> outputs.add(new MemberOutput.Publish(envelope)));
            if (signed.stream().anyMatch(envelope -> envelope.type() == MessageType.UPDATE_MANIFEST)) {
                outputs.add(new MemberOutput.SendSpool());
            }
            return new Transition(
                    new MemberState.Bystander(
                            chain, "restarted: the secrets of this attempt are gone", faultBefore(signed)),
                    outputs);
        }
        for (String organisation : message.cohort()) {
            if (!rules.approved().contains(organisation)) {
                throw Roster.coordinator(Refusal.UNAPPROVED_ORGANISATION, organisation + " is not approved here");
            }
        }
        Optional<String> infeasible = Parameters.infeasible(message, rules);
        if (infeasible.isPresent()) {
            throw Roster.coordinator(Refusal.INFEASIBLE_PARAMETERS, infeasible.get());
        }
        try {
            primitives.checkKemKey(message.roundKey());
        } catch (InvalidKey e) {
            throw Roster.coordinator(Refusal.INVALID_KEY, "round key: " + e.getMessage());
        }
        Optional<String> forbidden = rules.policy().apply(message);
        if (forbidden.isPresent()) {
            throw Roster.coordinator(Refusal.POLICY, forbidden.get());
        }
        Opened opened = new Opened(directory.federation(), message, chain.head());
        Secret master = draw(opened, "m");
        Secret selfMask = draw(opened, "b");
        Secret channelSeed = draw(opened, "channel");
        try (Secret maskSeed = opened.context().maskSeed(master, opened.t0(), me)) {
            Envelope keys = sign(
                    chain,
                    new KeysAdvertised(
                            primitives.kemKey(channelSeed), primitives.kemKey(maskSeed), message.previous()));
            return new Transition(
                    new MemberState.Advertised(chain, opened, keys, master, selfMask, channelSeed),
                    List.of(new MemberOutput.Publish(keys)));
        }
    }

    /// What it refused before it restarted, as it declined then: of a plan that it would not follow there are no
    /// keys.
    private static Optional<PeerMisbehaved> faultBefore(List<Envelope> signed) {
        boolean tookPart = signed.stream().anyMatch(envelope -> envelope.type() == MessageType.KEYS_ADVERTISED);
        Optional<Envelope> declined = signed.stream()
                .filter(envelope -> tookPart && envelope.type() == MessageType.ROUND_DECLINED)
                .findFirst();
        if (declined.isEmpty()) {
            return Optional.empty();
        }
        try {
            RoundDeclined said = RoundDeclined.parse(declined.get().payload());
            return Stream.of(Refusal.values())
                    .filter(reason -> reason != Refusal.POLICY && reason.name().equals(said.reason()))
                    .map(reason -> Roster.coordinator(reason, said.detail()))
                    .findFirst();
        } catch (MalformedMessage e) {
            throw new IllegalStateException("the journal holds what this member did not sign", e);
        }
    }

    private Secret draw(Opened opened, String kind) {
        try (Secret fresh = randomness.secret(SEED)) {
            return opened.context().draw(drawSalt, fresh, opened.t0(), me, kind);
        }
    }

    /// Step 3 and 4.
    private Transition deal(MemberState.Advertised state, Chain chain, RosterSealed sealed) throws PeerMisbehaved {
        Opened opened = state.opened();
        Roster roster = Roster.verify(primitives, directory, opened, sealed, chain.head(), opened.fewest());
        if (roster.indexOf(me) < 0) {
            state.close();
            return new Transition(new MemberState.Bystander(chain, "left out of the roster"), List.of());
        }
        if (!roster.member(me).signed().equals(state.sent().encode())) {
            throw Roster.coordinator(Refusal.OWN_MESSAGE_ALTERED, "the roster holds other keys than " + me + " sent");
        }
        if (roster.members().size() < rules.smallestCohort()) {
            throw Roster.coordinator(
                    Refusal.POLICY,
                    "the roster has " + roster.members().size() + " members, policy wants " + rules.smallestCohort());
        }
        RoundContext context = opened.context();
        Secret maskSeed = context.maskSeed(state.master(), opened.t0(), me);
        List<ReceivedShares> shares = split(roster, state.master(), state.selfMask());
        List<Bytes> boxes = new ArrayList<>();
        List<Bytes> ciphertexts = new ArrayList<>();
        List<Bytes> maskCommitments = new ArrayList<>();
        List<Bytes> selfCommitments = new ArrayList<>();
        Map<String, Secret> kemSecrets = new HashMap<>();
        int place = roster.indexOf(me);
        try {
            for (int i = 0; i < roster.members().size(); i++) {
                Roster.Member other = roster.members().get(i);
                ReceivedShares share = shares.get(i);
                maskCommitments.add(context.shareCommitment(
                        roster.t1(), me, other.id(), Kind.MASK, share.maskSalt(), share.maskShare()));
                selfCommitments.add(context.shareCommitment(
                        roster.t1(), me, other.id(), Kind.SELF, share.selfSalt(), share.selfShare()));
                if (i != place) {
                    try (Secret plain = share.plain()) {
                        Bytes info = context.shareInfo(roster.t1(), me, other.id());
                        boxes.add(primitives.seal(other.channelKey(), info, plain, randomness));
                    }
                    share.close();
                }
                if (i > place) {
                    try (Secret coins = context.coins(state.master(), roster.t1(), me, other.id(), other.maskKey())) {
                        Encapsulation made = primitives.encapsulate(other.maskKey(), coins);
                        ciphertexts.add(made.ciphertext());
                        kemSecrets.put(other.id(), made.secret());
                    }
                }
            }
        } catch (InvalidKey e) {
            throw new IllegalStateException("the roster's keys were checked", e);
        }
        SharesDealt dealt = new SharesDealt(
                boxes,
                ciphertexts,
                context.commitment(roster.t1(), me, Kind.MASK, state.master()),
                context.commitment(roster.t1(), me, Kind.SELF, state.selfMask()),
                maskCommitments,
                selfCommitments);
        state.master().close();
        shares.get(place).discardMask();
        Envelope sent = sign(chain, dealt);
        return new Transition(
                new MemberState.Dealt(
                        chain,
                        roster,
                        Enc.sha256(sent.encode()),
                        maskSeed,
                        state.selfMask(),
                        state.channelSeed(),
                        shares.get(place),
                        kemSecrets),
                List.of(new MemberOutput.Publish(sent)));
    }

    private List<ReceivedShares> split(Roster roster, Secret master, Secret selfMask) {
        int n = roster.members().size();
        int t = roster.opened().message().threshold();
        List<Secret> maskShares = Shamir.split(master, t, n, randomness);
        List<Secret> selfShares = Shamir.split(selfMask, t, n, randomness);
        List<ReceivedShares> shares = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            shares.add(new ReceivedShares(
                    me, maskShares.get(i), randomness.secret(SEED), selfShares.get(i), randomness.secret(SEED)));
        }
        return shares;
    }

    /// Step 5.
    private Transition route(MemberState.Dealt state, Chain chain, SharesRouted sealed, List<Envelope> inboxes)
            throws PeerMisbehaved {
        Roster roster = state.roster();
        Optional<Bytes> own = sealed.dealers().stream()
                .filter(named -> named.organisation().equals(me))
                .map(NamedHash::hash)
                .findFirst();
        if (own.isEmpty()) {
            state.close();
            return new Transition(new MemberState.Bystander(chain, "left out of U2"), List.of());
        }
        if (!own.get().equals(state.sentHash())) {
            throw Roster.coordinator(Refusal.OWN_MESSAGE_ALTERED, "U2 names other shares than " + me + " dealt");
        }
        Routed routed = Routed.verify(primitives, directory, roster, sealed, chain.head(), inboxes);
        SortedMap<String, ReceivedShares> shares = new TreeMap<>();
        Map<String, Secret> pairSeeds = new HashMap<>();
        try {
            for (String dealer : routed.ids()) {
                if (!dealer.equals(me)) {
                    shares.put(dealer, ReceivedShares.open(primitives, routed, dealer, me, state.channelSeed()));
                }
            }
        } catch (PeerMisbehaved fault) {
            shares.values().forEach(ReceivedShares::close);
            return complain(state, chain, fault);
        }
        shares.put(me, state.ownShare());
        for (String other : routed.ids()) {
            if (!other.equals(me)) {
                pairSeeds.put(other, pairSeed(state, routed, other));
            }
        }
        state.maskSeed().close();
        state.channelSeed().close();
        state.kemSecrets().values().forEach(Secret::close);
        return new Transition(
                new MemberState.Training(chain, routed.forget(), state.selfMask(), pairSeeds, shares),
                List.of(new MemberOutput.Train(routed.forget())));
    }

    private Secret pairSeed(MemberState.Dealt state, Routed routed, String other) {
        RoundContext context = routed.roster().context();
        Secret own = state.kemSecrets().get(other);
        if (own != null) {
            return context.pairSeed(own, routed.t2(), me, other, routed.ciphertext(me, other));
        }
        Bytes ciphertext = routed.ciphertext(other, me);
        try (Secret kem = primitives.decapsulate(state.maskSeed(), ciphertext)) {
            return context.pairSeed(kem, routed.t2(), other, me, ciphertext);
        } catch (InvalidKey e) {
            throw new IllegalStateException("the dealers' ciphertexts were checked", e);
        }
    }

    private Transition complain(MemberState.Dealt state, Chain chain, PeerMisbehaved fault) {
        Envelope complaint =
                sign(chain, new Complaint(fault.who(), fault.reason().name()));
        Secret channel = state.channelSeed().copy();
        state.close();
        return new Transition(
                new MemberState.Complained(chain, channel),
                List.of(new MemberOutput.Refused(fault), new MemberOutput.Publish(complaint)));
    }

    /// Step 6: the update is spent when its manifest leaves.
    private Transition trained(MemberState state, MemberInput.Trained input) {
        if (!(state instanceof MemberState.Training training)) {
            return new Transition(state, List.of());
        }
        try {
            UpdateManifest manifest =
                    new Masking(identity, training, randomness, threads).spool(input.update(), input.spool());
            training.selfMask().close();
            training.pairSeeds().values().forEach(Secret::close);
            Envelope sent = sign(training.chain(), manifest);
            return new Transition(
                    new MemberState.Delivered(
                            training.chain(), training.routed(), Enc.sha256(sent.encode()), training.shares()),
                    List.of(new MemberOutput.Publish(sent), new MemberOutput.SendSpool()));
        } catch (NotFinite e) {
            return gaveUp(state, new MemberInput.GaveUp("NotFinite", String.valueOf(e.getMessage())));
        }
    }

    /// Step 7 and 8.
    private Transition confirm(MemberState.Delivered state, Chain chain, SurvivorsSealed sealed) throws PeerMisbehaved {
        Survivors survivors = Survivors.verify(state.routed(), sealed, chain.head());
        int place = survivors.ids().indexOf(me);
        if (place < 0) {
            state.close();
            return new Transition(
                    new MemberState.Bystander(chain, "left out of the survivors"),
                    List.of(new MemberOutput.DeleteSpool()));
        }
        if (!survivors.survivors().get(place).hash().equals(state.manifestHash())) {
            throw Roster.coordinator(Refusal.OWN_MESSAGE_ALTERED, "U3 names another manifest than " + me + " sent");
        }
        Bytes adapter = state.routed().roster().opened().message().adapterDigest();
        Optional<List<String>> before = journal.confirmed(adapter);
        if (before.isPresent()
                && !before.get().equals(survivors.ids())
                && !isLifted(adapter, before.get(), survivors.ids())) {
            throw Roster.coordinator(
                    Refusal.OTHER_SURVIVORS,
                    "confirmed " + before.get() + " on this adapter, will not confirm " + survivors.ids());
        }
        journal.recordConfirmed(adapter, survivors.ids());
        Envelope sent = sign(chain, new SurvivorsConfirmed());
        return new Transition(
                new MemberState.Confirmed(chain, survivors, state.shares()), List.of(new MemberOutput.Publish(sent)));
    }

    private boolean isLifted(Bytes adapter, List<String> confirmed, List<String> wanted) {
        return journal.lifted(adapter)
                .filter(lifted ->
                        lifted.confirmed().equals(confirmed) && lifted.allowed().equals(wanted))
                .isPresent();
    }

    /// Signed over the adapter's digest, so that saying it again gives the same bytes.
    private Transition lift(MemberState state, SurvivorsLifted lifted) {
        Optional<SurvivorsLifted> before = journal.lifted(lifted.adapterDigest());
        Optional<List<String>> confirmed = journal.confirmed(lifted.adapterDigest());
        if (before.isPresent() && !before.get().equals(lifted)) {
            return notLifted(
                    state, "the rule was lifted once for " + before.get().allowed() + "; it cannot be lifted again");
        }
        if (before.isEmpty()) {
            if (confirmed.isEmpty() || !confirmed.get().equals(lifted.confirmed())) {
                return notLifted(state, "this member has not confirmed " + lifted.confirmed() + " on that adapter");
            }
            journal.recordLifted(lifted);
        }
        Envelope said = identity.sign(lifted, lifted.adapterDigest());
        return new Transition(state, List.of(new MemberOutput.Publish(said)));
    }

    private static Transition notLifted(MemberState state, String why) {
        return new Transition(state, List.of(new MemberOutput.NotLifted(why)));
    }

    /// Step 9 and 10: never both kinds of share for one member.
    private Transition reveal(MemberState.Confirmed state, Chain chain, UnmaskRequested request) throws PeerMisbehaved {
        Unmasking unmasking = Unmasking.verify(primitives, directory, state.survivors(), request, chain.head());
        List<RevealedShares.Share> selfShares = new ArrayList<>();
        List<RevealedShares.Share> maskShares = new ArrayList<>();
        state.shares().forEach((dealer, share) -> {
            if (state.survivors().ids().contains(dealer)) {
                selfShares.add(share.revealSelf());
            } else {
                maskShares.add(share.revealMask());
            }
        });
        Opened opened = state.survivors().routed().roster().opened();
        try (RevealedShares revealed = new RevealedShares(selfShares, maskShares);
                Secret plain = Secret.take(revealed.encode())) {
            Bytes info = opened.context().revealInfo(chain.head(), me);
            Envelope sent = sign(
                    chain, new SharesRevealed(primitives.seal(opened.message().roundKey(), info, plain, randomness)));
            return new Transition(new MemberState.Revealed(chain, unmasking), List.of(new MemberOutput.Publish(sent)));
        } catch (InvalidKey e) {
            throw new IllegalStateException("the round key was checked", e);
        } finally {
            state.close();
        }
    }

    private Transition closed(MemberState state, Chain chain, RoundClosed message) {
        Optional<Unmasking> unmasking =
                state instanceof MemberState.Revealed revealed ? Optional.of(revealed.unmasking()) : Optional.empty();
        // T4 is the head before RoundClosed, also for those who sat the attempt out.
        Bytes t4 = state.chain().head();
        RoundContext context = new RoundContext(directory.federation(), chain.round(), chain.attempt());
        Optional<Secret> seed = Attempt.roundSeed(primitives, context, t4, message.roundSeeds(), me, deliverySeed);
        Optional<PeerMisbehaved> fault =
                state instanceof MemberState.Bystander bystander ? bystander.fault() : Optional.empty();
        Optional<PeerMisbehaved> skipped = state.chain().skipped(message.type());
        List<MemberOutput> outputs = new ArrayList<>();
        skipped.ifPresent(found -> outputs.add(new MemberOutput.Refused(found)));
        fault.or(() -> skipped).ifPresent(found -> outputs.addAll(dispute(chain, chain.last(), found)));
        outputs.add(new MemberOutput.Closed(message, unmasking, seed));
        state.close();
        return new Transition(new MemberState.Idle(chain), outputs);
    }

    private Transition aborted(MemberState state, Chain chain, RoundAborted message) {
        List<MemberOutput> outputs = new ArrayList<>();
        if (state instanceof MemberState.Complained complained) {
            // Safe: it holds the signed abort, has complained, and has sent no manifest, confirmation or
            // share.
            Bytes seed = Bytes.of(complained.channelSeed().expose(InsecureSecretAccess.get()));
            outputs.add(new MemberOutput.Publish(sign(chain, new ChannelOpened(seed))));
        }
        outputs.add(new MemberOutput.Aborted(message.reason(), message.detail()));
        state.close();
        return new Transition(new MemberState.Idle(chain), outputs);
    }

    private Transition gaveUp(MemberState state, MemberInput.GaveUp input) {
        return switch (state) {
            case MemberState.Idle idle -> new Transition(idle, List.of());
            case MemberState.Bystander bystander -> new Transition(bystander, List.of());
            default -> {
                Envelope declined = sign(state.chain(), new RoundDeclined(input.reason(), input.detail()));
                state.close();
                yield new Transition(
                        new MemberState.Bystander(state.chain(), input.reason()),
                        List.of(new MemberOutput.Publish(declined)));
            }
        };
    }

    /// @param proof whether the coordinator broke a rule
    private Transition decline(Chain chain, PeerMisbehaved fault, boolean proof) {
        String detail = String.valueOf(fault.getMessage());
        Envelope declined = sign(
                chain,
                new RoundDeclined(
                        fault.reason().name(), detail.substring(0, Math.min(detail.length(), Limits.DETAIL / 4))));
        return new Transition(
                new MemberState.Bystander(chain, detail, proof ? Optional.of(fault) : Optional.empty()),
                List.of(new MemberOutput.Refused(fault), new MemberOutput.Publish(declined)));
    }

    /// Publishes the coordinator's message that this member holds, once per attempt.
    private List<MemberOutput> dispute(Chain chain, Optional<Envelope> held, PeerMisbehaved fault) {
        if (journal.signed(chain.round(), chain.attempt(), MessageType.DISPUTED).isPresent()) {
            return List.of();
        }
        // One that fills an envelope by itself is named by the log alone.
        List<Bytes> evidence =
                held.map(Envelope::encode).filter(bytes -> bytes.size() < Limits.ENVELOPE - Limits.DETAIL).stream()
                        .toList();
        return List.of(
                new MemberOutput.Publish(sign(chain, new Disputed(fault.reason().name(), evidence))));
    }

    /// Signs and records before anything can leave. A type is signed once per attempt: a machine that
    /// would sign again has a bug.
    private Envelope sign(Chain chain, Message message) {
        Optional<Envelope> before = journal.signed(chain.round(), chain.attempt(), message.type());
        if (before.isPresent()) {
            throw new IllegalStateException(
                    "would sign a second " + message.type().wireName());
        }
        Envelope envelope = identity.sign(message, chain.head());
        journal.recordSigned(chain.round(), chain.attempt(), envelope);
        return envelope;
    }
}

package dev.sotto.participant.audit;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
import dev.sotto.crypto.secagg.Control;
import dev.sotto.crypto.secagg.Directory;
import dev.sotto.crypto.secagg.MaskedSum;
import dev.sotto.crypto.secagg.MemberRules;
import dev.sotto.crypto.secagg.Parameters;
import dev.sotto.crypto.secagg.PeerMisbehaved;
import dev.sotto.crypto.secagg.Recomputation;
import dev.sotto.crypto.secagg.Refusal;
import dev.sotto.crypto.secagg.Registry;
import dev.sotto.crypto.secagg.Roster;
import dev.sotto.crypto.secagg.Routed;
import dev.sotto.crypto.secagg.Sample;
import dev.sotto.crypto.secagg.SampledCohort;
import dev.sotto.crypto.secagg.Survivors;
import dev.sotto.crypto.secagg.UnmaskedSum;
import dev.sotto.crypto.secagg.Unmasker;
import dev.sotto.crypto.secagg.Unmasking;
import dev.sotto.participant.audit.Finding.Evidence;
import dev.sotto.participant.audit.Finding.Outcome;
import dev.sotto.participant.audit.Finding.Place;
import dev.sotto.participant.model.ServerSide;
import dev.sotto.schemas.Bytes;
import dev.sotto.schemas.Disputed;
import dev.sotto.schemas.Envelope;
import dev.sotto.schemas.MalformedMessage;
import dev.sotto.schemas.Message;
import dev.sotto.schemas.MessageType;
import dev.sotto.schemas.ModelChunk;
import dev.sotto.schemas.ModelKeys;
import dev.sotto.schemas.NamedHash;
import dev.sotto.schemas.RosterSealed;
import dev.sotto.schemas.RoundClosed;
import dev.sotto.schemas.RoundOpened;
import dev.sotto.schemas.SharesRouted;
import dev.sotto.schemas.SurvivorsLifted;
import dev.sotto.schemas.SurvivorsSealed;
import dev.sotto.schemas.Topics;
import dev.sotto.schemas.UnmaskRequested;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.LongPredicate;

/// Replays rounds from a log, and says of every check what it showed: that it holds, that it does not, with the signed
/// messages that show it, or that what it needs is not there. Nothing is believed but the anchor's key: members' keys
/// are those of the coordinator's registry, compared with those that are pinned where there are any.
///
/// The mathematics is [Recomputation]'s; the protocol's rules are [Control]'s and [Attempt]'s.
///
/// Used once, by one thread.
public final class Audit {
    private static final MemberRules ANYONE = new MemberRules(Set.of(), 3, 3, 0, opened -> Optional.empty());

    /// What an auditor trusts.
    ///
    /// @param coordinatorKey Ed25519
    /// @param publicSeed     version 0 is made of it
    /// @param pinned         identity keys by organisation that somebody has compared, or nothing where nobody has
    /// @param verified       the digest of the last version that this organisation verified, if it did: a log that
    ///   ends before it was cut
    public record Anchor(
            String federation,
            Bytes coordinatorKey,
            Bytes publicSeed,
            Optional<Map<String, Bytes>> pinned,
            Optional<Bytes> verified) {}

    private final Primitives primitives;
    private final Anchor anchor;
    private final Log log;
    private final Keys keys;
    private final Consumer<Finding> told;
    private final int threads;
    private final Directory coordinator;
    private final Map<Bytes, Registry> registries = new HashMap<>();
    private Control control = Control.START;
    private Optional<ModelVersion> last = Optional.empty();

    /// For one log.
    ///
    /// @param told    hears each finding when there is one
    /// @param threads from 1: how many chunks are unmasked at the same time
    public Audit(Primitives primitives, Anchor anchor, Log log, Keys keys, Consumer<Finding> told, int threads) {
        this.primitives = primitives;
        this.anchor = anchor;
        this.log = log;
        this.keys = keys;
        this.told = told;
        this.threads = threads;
        this.coordinator = new Directory(anchor.federation(), anchor.coordinatorKey(), Map.of(), Map.of());
    }

    /// Audits the attempts of some rounds that have ended.
    ///
    /// @param rounds   which
    /// @param expected those of which the log must have the end, or it cannot be checked
    /// @return the rounds that were audited, ascending
    public Set<Long> run(LongPredicate rounds, Set<Long> expected) {
        Set<Long> found = new TreeSet<>();
        if (!registry()) {
            return found;
        }
        control();
        for (Attempt attempt : control.attempts()) {
            long round = attempt.opened().message().round();
            if (rounds.test(round)
                    && (attempt.closed().isPresent() || attempt.aborted().isPresent())) {
                new Walk(attempt).walk();
                found.add(round);
            }
        }
        for (long round : new TreeSet<>(expected)) {
            if (!found.contains(round)) {
                tell(
                        Check.CONTROL,
                        Outcome.UNCHECKED,
                        "round " + round + " has not ended in this log",
                        Optional.empty());
            }
        }
        return found;
    }

    // ---- the federation ----

    private boolean registry() {
        Registry registry = Registry.START;
        registries.put(registry.head(), registry);
        int entries = 0;
        for (Envelope entry : log.registry()) {
            try {
                registry = registry.next(primitives, coordinator, entry);
                registries.put(registry.head(), registry);
                entries++;
            } catch (PeerMisbehaved e) {
                tell(
                        Check.REGISTRY,
                        Outcome.FAILED,
                        "entry " + (entries + 1) + ": " + e.getMessage(),
                        Optional.of(evidence(e, List.of(entry))));
                return false;
            }
        }
        tell(
                Check.REGISTRY,
                Outcome.PASSED,
                entries + " entries signed and chained; " + registry.members().size() + " members, "
                        + registry.revoked().size() + " revoked",
                Optional.empty());
        return true;
    }

    private void control() {
        Set<Envelope> folded = new HashSet<>();
        int ignored = 0;
        for (Envelope envelope : log.control()) {
            if (folded.contains(envelope)) {
                continue;
            }
            try {
                Message message = coordinator.verify(primitives, envelope, envelope.transcript());
                if (message instanceof ModelKeys sealed) {
                    if (envelope.transcript().equals(sealed.modelDigest())) {
                        keys.remember(sealed);
                    }
                    continue;
                }
            } catch (PeerMisbehaved e) {
                // Not the coordinator's: whoever may write to the broker can put it there.
                ignored++;
                continue;
            }
            try {
                control = control.next(primitives, coordinator, envelope);
                folded.add(envelope);
            } catch (PeerMisbehaved e) {
                List<Envelope> shown = new ArrayList<>(List.of(envelope));
                folded.stream()
                        .filter(before -> before.transcript().equals(envelope.transcript()))
                        .forEach(shown::add);
                control.chain().last().filter(before -> !shown.contains(before)).ifPresent(shown::add);
                tell(
                        Check.CONTROL,
                        Outcome.FAILED,
                        "after " + folded.size() + " messages: " + e.getMessage()
                                + "; a message is missing or was changed there, and what follows is not audited",
                        Optional.of(evidence(e, shown)));
                return;
            }
        }
        Optional<Bytes> lost = anchor.verified()
                .filter(digest -> control.attempts().stream()
                        .flatMap(attempt -> attempt.closed().stream())
                        .noneMatch(closed -> closed.modelDigest().equals(digest)));
        if (lost.isPresent()) {
            tell(
                    Check.CONTROL,
                    Outcome.FAILED,
                    "this organisation has verified a version with digest "
                            + lost.get().hex() + " when it was made; no round in control made it: the log was cut",
                    Optional.of(new Evidence(
                            Topics.COORDINATOR,
                            Refusal.FORKED_LOG.name(),
                            control.chain().last().stream().toList())));
            return;
        }
        String open = control.chain().open()
                ? "; round " + control.chain().round() + " attempt "
                        + control.chain().attempt() + " is not over"
                : "";
        tell(
                Check.CONTROL,
                Outcome.PASSED,
                folded.size() + " messages of " + control.attempts().size() + " attempts signed and chained" + open
                        + (ignored == 0 ? "" : "; " + ignored + " records are not the coordinator's and say nothing"),
                Optional.empty());
    }

    private void tell(Check check, Outcome outcome, String detail, Optional<Evidence> evidence) {
        told.accept(new Finding(Optional.empty(), check, outcome, detail, evidence));
    }

    private static Evidence evidence(PeerMisbehaved fault, List<Envelope> messages) {
        return new Evidence(fault.who(), fault.reason().name(), messages);
    }

    // ---- an attempt ----

    /// A check did not hold or could not be made, and others rest on it.
    private static final class Stop extends Exception {
        private static final long serialVersionUID = 1;

        Stop(Check check) {
            super(check.wireName(), null, false, false);
        }
    }

    @FunctionalInterface
    private interface Work<T> {
        T get() throws PeerMisbehaved;
    }

    /// The checks of one attempt.
    private final class Walk {
        private final Attempt attempt;
        private final RoundOpened opened;
        private final Place place;
        private final Map<Check, Outcome> made = new EnumMap<>(Check.class);
        private final List<Envelope> inboxes = new ArrayList<>();

        Walk(Attempt attempt) {
            this.attempt = attempt;
            this.opened = attempt.opened().message();
            this.place = new Place(opened.round(), opened.attempt());
        }

        void walk() {
            Optional<RoundClosed> closed = attempt.closed();
            try {
                if (closed.isPresent()) {
                    closed(closed.get());
                } else {
                    aborted();
                }
            } catch (Stop stop) {
                if (closed.isPresent()) {
                    restsOn(stop);
                }
            }
            attempt.aborted()
                    .ifPresent(aborted -> pass(
                            Check.ABORT,
                            aborted.reason()
                                    + (aborted.detail().isEmpty() ? "" : ": " + aborted.detail())
                                    + aborted.blamed()
                                            .map(who -> "; " + who + " is blamed")
                                            .orElse("")));
        }

        private void closed(RoundClosed closed) throws Stop {
            Registry registry = parameters();
            identities(registry);
            Directory members = registry.directory(anchor.federation(), anchor.coordinatorKey());
            Roster roster = roster(members);
            readInboxes(roster.ids());
            once(members);
            disputes(members);
            Survivors survivors = survivors(shares(members, roster));
            oneSet(members);
            Unmasking unmasking = confirmations(members, survivors);
            Recomputation recomputation = manifests(members, unmasking, closed);
            MaskedSum masked = chunks(members, recomputation, survivors);
            UnmaskedSum sum = sum(recomputation, masked, survivors, closed);
            ServerOptimizer optimizer = ServerOptimizer.of(opened.plan().algorithm());
            Optional<ModelVersion> before = start(optimizer);
            Optional<ModelVersion> next = Optional.empty();
            if (before.isPresent() && ranges(before.get(), optimizer)) {
                next = step(
                        recomputation,
                        sum,
                        before.get(),
                        optimizer,
                        registry.members().size());
            }
            model(closed, next);
            restsOn(new Stop(before.isPresent() ? Check.RANGES : Check.START));
        }

        /// What an aborted attempt came to, as far as it did.
        private void aborted() throws Stop {
            Registry registry = parameters();
            identities(registry);
            Directory members = registry.directory(anchor.federation(), anchor.coordinatorKey());
            if (attempt.said(RosterSealed.class).isPresent()) {
                Roster roster = roster(members);
                readInboxes(roster.ids());
                once(members);
                disputes(members);
                if (attempt.said(SharesRouted.class).isPresent()) {
                    Routed routed = shares(members, roster);
                    if (attempt.said(SurvivorsSealed.class).isPresent()) {
                        Survivors survivors = survivors(routed);
                        if (attempt.said(UnmaskRequested.class).isPresent()) {
                            oneSet(members);
                            var _ = confirmations(members, survivors);
                        }
                    }
                }
            }
        }

        private Registry parameters() throws Stop {
            Registry registry = registries.get(opened.registryHead());
            Optional<String> wrong = registry == null
                    ? Optional.of(
                            "names registry head " + opened.registryHead().hex() + ", which the registry does not have")
                    : wrong(registry);
            if (wrong.isPresent()) {
                throw failed(
                        Check.PARAMETERS,
                        wrong.get(),
                        new Evidence(
                                Topics.COORDINATOR, Refusal.INFEASIBLE_PARAMETERS.name(), said(RoundOpened.class)));
            }
            pass(
                    Check.PARAMETERS,
                    "cohort of " + opened.cohort().size() + ", threshold " + opened.threshold() + ", at least "
                            + opened.minSurvivors() + " survivors; "
                            + opened.plan().algorithm() + " on version "
                            + opened.adapterVersion());
            return Objects.requireNonNull(registry);
        }

        private Optional<String> wrong(Registry registry) {
            Optional<Attempt> before = before();
            Optional<RoundClosed> made = before.flatMap(Attempt::closed);
            if (!registry.members().keySet().containsAll(opened.cohort())) {
                return Optional.of("its cohort holds others than the members at its registry head");
            }
            if (opened.adapterVersion() != made.map(RoundClosed::version).orElse(0L)) {
                return Optional.of("starts from version " + opened.adapterVersion() + ", not from the last one");
            }
            if (made.isPresent() && !made.get().modelDigest().equals(opened.adapterDigest())) {
                return Optional.of(
                        "starts from another version " + opened.adapterVersion() + " than the last round made");
            }
            Bytes t5 = before.map(last -> last.transcripts().getLast()).orElse(Bytes.zeros(Enc.HASH));
            return Parameters.infeasible(opened, ANYONE)
                    .or(() -> SampledCohort.fault(t5, opened))
                    .or(this::unknown);
        }

        private Optional<String> unknown() {
            if (opened.layout().size() < 2) {
                return Optional.of("its layout has no vector but the scalars");
            }
            try {
                primitives.checkKemKey(opened.roundKey());
                var _ = ServerOptimizer.of(opened.plan().algorithm());
                return Optional.empty();
            } catch (InvalidKey | IllegalArgumentException e) {
                return Optional.of(String.valueOf(e.getMessage()));
            }
        }

        private void identities(Registry registry) {
            if (anchor.pinned().isEmpty()) {
                StringBuilder keysOf = new StringBuilder();
                for (String member : opened.cohort()) {
                    keysOf.append(keysOf.isEmpty() ? "" : ", ")
                            .append(member)
                            .append(' ')
                            .append(fingerprint(registry, member).hex());
                }
                pass(
                        Check.IDENTITIES,
                        "as the coordinator's registry has them; compare them with the organisations: " + keysOf);
                return;
            }
            Map<String, Bytes> pinned = anchor.pinned().get();
            List<String> others = opened.cohort().stream()
                    .filter(member -> !Objects.requireNonNull(registry.members().get(member))
                            .identityKey()
                            .equals(pinned.getOrDefault(member, Bytes.EMPTY)))
                    .toList();
            if (others.isEmpty()) {
                pass(Check.IDENTITIES, "all " + opened.cohort().size() + " are those approved here");
            } else {
                unchecked(
                        Check.IDENTITIES,
                        "the keys of " + String.join(", ", others) + " in this round are not those approved here");
            }
        }

        private static Bytes fingerprint(Registry registry, String member) {
            return Enc.sha256(
                    Objects.requireNonNull(registry.members().get(member)).identityKey());
        }

        private Roster roster(Directory members) throws Stop {
            Roster roster = need(Check.ROSTER, said(RosterSealed.class), () -> attempt.roster(primitives, members));
            pass(Check.ROSTER, "keys of " + roster.ids().size() + " members signed");
            return roster;
        }

        private void readInboxes(Collection<String> members) {
            members.forEach(member -> inboxes.addAll(log.inbox(member, attempt)));
        }

        /// A party signs at most one message of a type in an attempt.
        private void once(Directory members) {
            Map<String, Envelope> first = new HashMap<>();
            List<Envelope> all = new ArrayList<>(inboxes);
            // Two kinds of members' messages stand in the coordinator's own as they were signed.
            attempt.message(RosterSealed.class).stream()
                    .flatMap(roster -> roster.keysAdvertised().stream())
                    .forEach(signed -> decode(signed).ifPresent(all::add));
            if (attempt.said(UnmaskRequested.class).isPresent()) {
                all.addAll(confirmers(attempt).values());
            }
            for (Envelope envelope : all) {
                if (isSigned(members, envelope)) {
                    Envelope before = first.putIfAbsent(
                            envelope.sender() + "/" + envelope.type().wireName(), envelope);
                    if (before != null && !before.equals(envelope)) {
                        var _ = failed(
                                Check.ONCE,
                                envelope.sender() + " signed two different "
                                        + envelope.type().wireName(),
                                new Evidence(
                                        envelope.sender(), Refusal.EQUIVOCATION.name(), List.of(before, envelope)));
                        return;
                    }
                }
            }
            pass(Check.ONCE, first.size() + " messages of members, none of them twice");
        }

        private boolean isSigned(Directory members, Envelope envelope) {
            try {
                var _ = members.verify(primitives, envelope, envelope.transcript());
                return true;
            } catch (PeerMisbehaved e) {
                return false;
            }
        }

        private Routed shares(Directory members, Roster roster) throws Stop {
            SharesRouted sealed = attempt.message(SharesRouted.class).orElseThrow();
            requireThere(Check.SHARES, MessageType.SHARES_DEALT, sealed.dealers());
            Routed routed = need(
                    Check.SHARES, said(SharesRouted.class), () -> attempt.routed(primitives, members, roster, inboxes));
            pass(Check.SHARES, "shares and ciphertexts of " + routed.ids().size() + " members signed");
            return routed;
        }

        private Survivors survivors(Routed routed) throws Stop {
            Survivors survivors = need(Check.SURVIVORS, said(SurvivorsSealed.class), () -> attempt.survivors(routed));
            List<String> dropped = survivors.dropped();
            pass(
                    Check.SURVIVORS,
                    survivors.ids().size() + " of " + routed.ids().size()
                            + (dropped.isEmpty() ? "" : ", without " + String.join(", ", dropped)));
            return survivors;
        }

        /// Whoever confirmed two sets on one adapter must have lifted the rule for exactly these.
        private void oneSet(Directory members) {
            List<String> sealed = sealed(attempt);
            for (Attempt earlier : control.attempts()) {
                if (isThis(earlier)) {
                    break;
                }
                if (!earlier.opened().message().adapterDigest().equals(opened.adapterDigest())
                        || earlier.said(UnmaskRequested.class).isEmpty()
                        || sealed(earlier).equals(sealed)) {
                    continue;
                }
                Map<String, Envelope> both = new TreeMap<>(confirmers(attempt));
                both.keySet().retainAll(confirmers(earlier).keySet());
                for (String member : both.keySet()) {
                    if (!isLifted(members, member, earlier, sealed)) {
                        var _ = failed(
                                Check.ONE_SET,
                                member + " confirmed " + sealed(earlier) + " and " + sealed
                                        + " on one adapter, and lifted no rule",
                                new Evidence(
                                        member,
                                        Refusal.OTHER_SURVIVORS.name(),
                                        List.of(
                                                Objects.requireNonNull(
                                                        confirmers(earlier).get(member)),
                                                Objects.requireNonNull(both.get(member)))));
                        return;
                    }
                }
                pass(
                        Check.ONE_SET,
                        "a second set of survivors on this adapter, which " + both.keySet() + " lifted the rule for");
                return;
            }
            pass(Check.ONE_SET, "no other set of survivors was confirmed on this adapter");
        }

        private boolean isLifted(Directory members, String member, Attempt earlier, List<String> allowed) {
            return log.lifts(member, earlier).stream()
                    .filter(envelope -> envelope.sender().equals(member) && isSigned(members, envelope))
                    .anyMatch(envelope -> {
                        try {
                            SurvivorsLifted lifted = SurvivorsLifted.parse(envelope.payload());
                            return lifted.adapterDigest().equals(opened.adapterDigest())
                                    && lifted.confirmed().equals(sealed(earlier))
                                    && lifted.allowed().equals(allowed);
                        } catch (MalformedMessage e) {
                            return false;
                        }
                    });
        }

        private static List<String> sealed(Attempt attempt) {
            return attempt.message(SurvivorsSealed.class).orElseThrow().survivors().stream()
                    .map(NamedHash::organisation)
                    .toList();
        }

        private static Map<String, Envelope> confirmers(Attempt attempt) {
            Map<String, Envelope> confirmers = new TreeMap<>();
            for (Bytes signed :
                    attempt.message(UnmaskRequested.class).orElseThrow().confirmations()) {
                // That all of them decode is checked with the confirmations.
                decode(signed).ifPresent(envelope -> confirmers.put(envelope.sender(), envelope));
            }
            return confirmers;
        }

        private Unmasking confirmations(Directory members, Survivors survivors) throws Stop {
            Unmasking unmasking = need(
                    Check.CONFIRMATIONS,
                    said(UnmaskRequested.class),
                    () -> attempt.unmasking(primitives, members, survivors));
            pass(
                    Check.CONFIRMATIONS,
                    confirmers(attempt).size() + " members confirmed the survivors, " + opened.threshold()
                            + " are needed");
            return unmasking;
        }

        /// A dispute is proof if it holds a message of the coordinator that `control` has not.
        private void disputes(Directory members) {
            Set<Envelope> known = new HashSet<>();
            control.attempts().forEach(one -> one.said().forEach(said -> known.add(said.envelope())));
            Set<String> disputing = new TreeSet<>();
            for (Envelope envelope : inboxes) {
                if (envelope.type() != MessageType.DISPUTED || !isSigned(members, envelope)) {
                    continue;
                }
                Disputed disputed;
                try {
                    disputed = Disputed.parse(envelope.payload());
                } catch (MalformedMessage e) {
                    throw new IllegalStateException("it was parsed when it was verified", e);
                }
                for (Bytes signed : disputed.evidence()) {
                    Optional<Envelope> other = decode(signed)
                            .filter(said -> said.sender().equals(Topics.COORDINATOR)
                                    && said.type() != MessageType.MODEL_KEYS
                                    && isSigned(coordinator, said)
                                    && !known.contains(said));
                    if (other.isPresent()) {
                        var _ = failed(
                                Check.DISPUTES,
                                envelope.sender() + " holds a signed "
                                        + other.get().type().wireName() + " of the coordinator that control has not",
                                new Evidence(
                                        Topics.COORDINATOR,
                                        Refusal.EQUIVOCATION.name(),
                                        List.of(envelope, other.get())));
                        return;
                    }
                }
                disputing.add(envelope.sender() + " (" + disputed.reason() + ")");
            }
            if (disputing.isEmpty()) {
                pass(Check.DISPUTES, "nobody disputes it");
            } else {
                unchecked(
                        Check.DISPUTES,
                        String.join(", ", disputing)
                                + " disputes it; what it published proves nothing by itself: ask it");
            }
        }

        private static Optional<Envelope> decode(Bytes signed) {
            try {
                return Optional.of(Envelope.decode(signed));
            } catch (MalformedMessage e) {
                return Optional.empty();
            }
        }

        private Recomputation manifests(Directory members, Unmasking unmasking, RoundClosed closed) throws Stop {
            List<NamedHash> survivors = unmasking.survivors().survivors();
            requireThere(Check.MANIFESTS, MessageType.UPDATE_MANIFEST, survivors);
            Recomputation recomputation = need(
                    Check.MANIFESTS,
                    said(SurvivorsSealed.class),
                    () -> Recomputation.of(primitives, members, unmasking, inboxes, closed));
            pass(Check.MANIFESTS, "manifests of " + survivors.size() + " survivors signed");
            return recomputation;
        }

        private MaskedSum chunks(Directory members, Recomputation recomputation, Survivors survivors) throws Stop {
            List<Envelope> contradicting = new ArrayList<>();
            long[] count = new long[1];
            Iterable<Envelope> all = () -> new Iterator<>() {
                private final Iterator<String> left = survivors.ids().iterator();
                private Iterator<Envelope> chunks = List.<Envelope>of().iterator();

                @Override
                public boolean hasNext() {
                    while (!chunks.hasNext() && left.hasNext()) {
                        chunks = log.updates(left.next(), attempt);
                    }
                    return chunks.hasNext();
                }

                @Override
                public Envelope next() {
                    count[0]++;
                    return chunks.next();
                }
            };
            MaskedSum masked = recomputation.sum(all, new Sample.All(), (chunk, fault) -> {
                if (fault.reason() == Refusal.OTHER_CHUNK && contradicting.isEmpty()) {
                    contradicting.add(chunk);
                }
            });
            List<String> incomplete = recomputation.incomplete(masked);
            if (!contradicting.isEmpty()) {
                Envelope chunk = contradicting.getFirst();
                Stop stop = failed(
                        Check.CHUNKS,
                        chunk.sender() + " signed a chunk that is not in its manifest"
                                + (incomplete.isEmpty() ? "" : "; chunks of " + incomplete + " are not in the log"),
                        new Evidence(
                                chunk.sender(),
                                Refusal.OTHER_CHUNK.name(),
                                inboxes.stream()
                                        .filter(envelope -> envelope.type() == MessageType.UPDATE_MANIFEST
                                                && envelope.sender().equals(chunk.sender())
                                                && isSigned(members, envelope))
                                        .reduce(
                                                List.of(chunk),
                                                (shown, manifest) -> List.of(chunk, manifest),
                                                (one, other) -> other)));
                if (!incomplete.isEmpty()) {
                    throw stop;
                }
            } else if (!incomplete.isEmpty()) {
                throw unchecked(Check.CHUNKS, "the log no longer holds all chunks of " + String.join(", ", incomplete));
            } else {
                pass(Check.CHUNKS, count[0] + " chunks of " + survivors.ids().size() + " survivors signed and whole");
            }
            return masked;
        }

        private UnmaskedSum sum(Recomputation recomputation, MaskedSum masked, Survivors survivors, RoundClosed closed)
                throws Stop {
            requireThere(Check.SEEDS, MessageType.SHARES_REVEALED, closed.revealed());
            Optional<Secret> given = keys.roundSeed(attempt);
            if (given.isEmpty()) {
                throw unchecked(Check.SEEDS, "the round key's seed is not here");
            }
            try (Secret seed = given.get();
                    Unmasker unmasker = need(Check.SEEDS, said(RoundClosed.class), () -> recomputation.rebuild(seed))) {
                pass(
                        Check.SEEDS,
                        "shares of " + closed.revealed().size() + " members match, and rebuild the seeds of "
                                + survivors.ids().size() + " survivors and "
                                + survivors.dropped().size()
                                + " that dropped out");
                UnmaskedSum sum = masked.unmask(survivors, unmasker, threads);
                try {
                    recomputation.checkSum(sum);
                    pass(Check.SUM, "digest " + closed.aggregateDigest().hex());
                } catch (PeerMisbehaved e) {
                    var _ = failed(
                            Check.SUM,
                            e.getMessage() + ": it has digest " + sum.digest().hex() + ", the coordinator signed "
                                    + closed.aggregateDigest().hex(),
                            evidence(e, said(RoundClosed.class)));
                }
                return sum;
            }
        }

        /// The version that the round starts from.
        private Optional<ModelVersion> start(ServerOptimizer optimizer) throws Stop {
            Optional<ModelVersion> found =
                    last.filter(version -> version.digest(anchor.federation()).equals(opened.adapterDigest()));
            if (found.isEmpty() && opened.adapterVersion() == 0) {
                found = first(optimizer);
            }
            if (found.isEmpty()) {
                Attempt maker = before().orElseThrow();
                found = download(Check.START, maker, opened.adapterVersion(), opened.adapterDigest());
                if (found.isEmpty()) {
                    unchecked(
                            Check.START,
                            "version " + opened.adapterVersion() + " or its key is not here; neither ranges nor the"
                                    + " server's step can be checked");
                    return found;
                }
            }
            pass(
                    Check.START,
                    "version " + opened.adapterVersion() + ", digest "
                            + opened.adapterDigest().hex());
            return found;
        }

        private Optional<ModelVersion> first(ServerOptimizer optimizer) throws Stop {
            String wrong = "it is not the one that follows from the public seed";
            try {
                ModelVersion made =
                        ServerSide.first(anchor.publicSeed(), opened.layout().getFirst(), optimizer);
                if (made.digest(anchor.federation()).equals(opened.adapterDigest())) {
                    return Optional.of(made);
                }
            } catch (IllegalArgumentException e) {
                wrong = String.valueOf(e.getMessage());
            }
            throw failed(
                    Check.START,
                    "version 0: " + wrong,
                    new Evidence(Topics.COORDINATOR, Refusal.OTHER_RESULT.name(), said(RoundOpened.class)));
        }

        private boolean ranges(ModelVersion before, ServerOptimizer optimizer) {
            Optional<String> differs =
                    ServerSide.differs(opened, opened.layout().getFirst(), optimizer, before);
            if (differs.isPresent()) {
                var _ = failed(
                        Check.RANGES,
                        differs.get(),
                        new Evidence(Topics.COORDINATOR, Refusal.OTHER_RESULT.name(), said(RoundOpened.class)));
                return false;
            }
            pass(Check.RANGES, "follow from version " + before.version());
            return true;
        }

        private Optional<ModelVersion> step(
                Recomputation recomputation,
                UnmaskedSum sum,
                ModelVersion before,
                ServerOptimizer optimizer,
                int members) {
            try {
                ModelVersion next = recomputation.step(sum, before, ServerSide.step(optimizer, members));
                pass(
                        Check.STEP,
                        optimizer.wireName() + " makes version " + next.version() + ", digest "
                                + next.digest(anchor.federation()).hex());
                return Optional.of(next);
            } catch (PeerMisbehaved e) {
                var _ = failed(Check.STEP, String.valueOf(e.getMessage()), evidence(e, said(RoundClosed.class)));
                return Optional.empty();
            }
        }

        private void model(RoundClosed closed, Optional<ModelVersion> made) throws Stop {
            last = made;
            Optional<ModelVersion> given = download(Check.MODEL, attempt, closed.version(), closed.modelDigest());
            if (given.isPresent()) {
                last = given;
                pass(Check.MODEL, "version " + closed.version() + " in models has that digest");
            } else if (made.isPresent()) {
                pass(
                        Check.MODEL,
                        "version " + closed.version() + " or its key is not here; the step alone gives its digest");
            } else {
                unchecked(Check.MODEL, "version " + closed.version() + " or its key is not here");
            }
        }

        private Optional<ModelVersion> download(Check check, Attempt maker, long number, Bytes digest) throws Stop {
            Optional<Secret> given = keys.modelKey(number, digest);
            if (given.isEmpty()) {
                return Optional.empty();
            }
            try (Secret key = given.get()) {
                ModelAssembly assembly = new ModelAssembly(
                        key,
                        anchor.federation(),
                        number,
                        digest,
                        Math.toIntExact(opened.layout().getFirst().size()));
                Iterator<ModelChunk> chunks = log.version(number, maker);
                while (chunks.hasNext()) {
                    Optional<ModelVersion> whole = assembly.add(chunks.next());
                    if (whole.isPresent()) {
                        return whole;
                    }
                }
                return Optional.empty();
            } catch (MalformedMessage e) {
                throw failed(
                        check,
                        String.valueOf(e.getMessage()),
                        new Evidence(
                                Topics.COORDINATOR,
                                Refusal.OTHER_RESULT.name(),
                                List.of(maker.said().getLast().envelope())));
            }
        }

        // ---- what comes of a check ----

        /// The attempt that made the version which this one starts from, if any did.
        private Optional<Attempt> before() {
            Attempt found = null;
            for (Attempt earlier : control.attempts()) {
                if (isThis(earlier)) {
                    break;
                }
                found = earlier.closed().isPresent() ? earlier : found;
            }
            return Optional.ofNullable(found);
        }

        private boolean isThis(Attempt other) {
            return other.opened().t0().equals(attempt.opened().t0());
        }

        private List<Envelope> said(Class<? extends Message> kind) {
            return List.of(attempt.said(kind).orElseThrow().envelope());
        }

        /// What the coordinator names must be in the log before it can be judged: logs are not kept for ever.
        private void requireThere(Check check, MessageType type, List<NamedHash> named) throws Stop {
            Set<NamedHash> there = new HashSet<>();
            for (Envelope envelope : inboxes) {
                if (envelope.type() == type) {
                    there.add(new NamedHash(envelope.sender(), Enc.sha256(envelope.encode())));
                }
            }
            List<String> missing = named.stream()
                    .filter(name -> !there.contains(name))
                    .map(NamedHash::organisation)
                    .toList();
            if (!missing.isEmpty()) {
                throw unchecked(
                        check, "the log no longer holds " + type.wireName() + " of " + String.join(", ", missing));
            }
        }

        private <T> T need(Check check, List<Envelope> shown, Work<T> work) throws Stop {
            try {
                return work.get();
            } catch (PeerMisbehaved e) {
                throw failed(check, String.valueOf(e.getMessage()), evidence(e, shown));
            }
        }

        private void pass(Check check, String detail) {
            tell(check, Outcome.PASSED, detail, Optional.empty());
        }

        private Stop failed(Check check, String detail, Evidence evidence) {
            tell(check, Outcome.FAILED, detail, Optional.of(evidence));
            return new Stop(check);
        }

        private Stop unchecked(Check check, String detail) {
            tell(check, Outcome.UNCHECKED, detail, Optional.empty());
            return new Stop(check);
        }

        private void restsOn(Stop stop) {
            for (Check check : Check.values()) {
                if (check.compareTo(Check.PARAMETERS) >= 0 && check != Check.ABORT && !made.containsKey(check)) {
                    tell(check, Outcome.UNCHECKED, "rests on " + stop.getMessage(), Optional.empty());
                }
            }
        }

        private void tell(Check check, Outcome outcome, String detail, Optional<Evidence> evidence) {
            made.put(check, outcome);
            told.accept(new Finding(Optional.of(place), check, outcome, detail, evidence));
        }
    }
}

package dev.sotto.participant.audit;

import dev.sotto.algorithms.ServerOptimizer;
import dev.sotto.crypto.model.ModelAssembly;
import dev.sotto.crypto.model.ModelVersion;
import dev.sotto.crypto.primitive.Enc;
import dev.sotto.crypto.primitive.InvalidKey;
import dev.sotto.crypto.primitive.Primitives;
import dev.sotto.crypto.primitive.Secret;
import dev.sotto.crypto.secagg.Attempt;
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
import java.util.EnumSet;
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
import org.jspecify.annotations.Nullable;

/// The checks of one attempt that has ended, in order.
///
/// Used once, by one thread.
final class AttemptAudit {
    private static final MemberRules ANYONE = new MemberRules(Set.of(), 3, 3, 0, opened -> Optional.empty());

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

    private final Replayed all;
    private final Primitives primitives;
    private final Audit.Anchor anchor;
    private final Log log;
    private final Attempt attempt;
    private final RoundOpened opened;
    private final Place place;
    private final Map<Check, Outcome> made = new EnumMap<>(Check.class);
    private final List<Envelope> inboxes = new ArrayList<>();
    private Optional<ModelVersion> last;

    /// @param all   what the audit has read and folded
    /// @param start a version that is known, perhaps the one that the attempt starts from
    AttemptAudit(Replayed all, Attempt attempt, Optional<ModelVersion> start) {
        this.all = all;
        this.primitives = all.primitives();
        this.anchor = all.anchor();
        this.log = all.log();
        this.attempt = attempt;
        this.opened = attempt.opened().message();
        this.place = new Place(opened.round(), opened.attempt());
        this.last = start;
    }

    /// Makes every check.
    ///
    /// @return the version that a next round may start from, if it is known
    Optional<ModelVersion> audit() {
        try {
            Registry registry = parameters();
            identities(registry);
            if (attempt.closed().isPresent()) {
                closed(registry, attempt.closed().get());
            } else {
                aborted(registry);
            }
        } catch (Stop stop) {
            if (attempt.closed().isPresent()) {
                restsOn(stop, Check.MODEL);
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
        return last;
    }

    private void closed(Registry registry, RoundClosed closed) throws Stop {
        Optional<Summed> summed = Optional.empty();
        try {
            summed = Optional.of(summed(members(registry), closed));
        } catch (Stop stop) {
            restsOn(stop, Check.SUM);
        }
        ServerOptimizer optimizer = ServerOptimizer.of(opened.plan().algorithm());
        Optional<ModelVersion> before = start(optimizer);
        Optional<ModelVersion> next = Optional.empty();
        if (before.isEmpty()) {
            restsOn(new Stop(Check.START), Check.STEP);
        } else if (!ranges(before.get(), optimizer)) {
            restsOn(new Stop(Check.RANGES), Check.STEP);
        } else if (summed.isEmpty()) {
            restsOn(new Stop(Check.SUM), Check.STEP);
        } else {
            next = step(
                    summed.get(), before.get(), optimizer, registry.members().size());
        }
        model(closed, next);
    }

    /// The sum, with what it was made of.
    private record Summed(Recomputation recomputation, UnmaskedSum sum) {}

    private Summed summed(Directory members, RoundClosed closed) throws Stop {
        Roster roster = roster(members);
        readInboxes(roster.ids());
        once(members);
        disputes(members);
        Survivors survivors = survivors(shares(members, roster));
        oneSet(members);
        Unmasking unmasking = confirmations(members, survivors);
        Recomputation recomputation = manifests(members, unmasking, closed);
        MaskedSum masked = chunks(members, recomputation, survivors);
        return new Summed(recomputation, sum(recomputation, masked, survivors, closed));
    }

    /// What an aborted attempt came to, as far as it did.
    private void aborted(Registry registry) throws Stop {
        Directory members = members(registry);
        if (attempt.said(RosterSealed.class).isEmpty()) {
            return;
        }
        Roster roster = roster(members);
        readInboxes(roster.ids());
        once(members);
        disputes(members);
        if (attempt.said(SharesRouted.class).isEmpty()) {
            return;
        }
        Routed routed = shares(members, roster);
        if (attempt.said(SurvivorsSealed.class).isEmpty()) {
            return;
        }
        Survivors survivors = survivors(routed);
        if (attempt.said(UnmaskRequested.class).isPresent()) {
            oneSet(members);
            var _ = confirmations(members, survivors);
        }
    }

    private Directory members(Registry registry) {
        return registry.directory(anchor.federation(), anchor.coordinatorKey());
    }

    private Registry parameters() throws Stop {
        Registry registry = all.registries().get(opened.registryHead());
        Optional<String> wrong = registry == null
                ? Optional.of(
                        "names registry head " + opened.registryHead().hex() + ", which the registry does not have")
                : wrong(registry);
        if (wrong.isPresent()) {
            throw failed(
                    Check.PARAMETERS,
                    wrong.get(),
                    new Evidence(Topics.COORDINATOR, Refusal.INFEASIBLE_PARAMETERS.name(), said(RoundOpened.class)));
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
            return Optional.of("starts from another version " + opened.adapterVersion() + " than the last round made");
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
        return Enc.sha256(Objects.requireNonNull(registry.members().get(member)).identityKey());
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
            if (Signed.is(primitives, members, envelope)) {
                Envelope before = first.putIfAbsent(
                        envelope.sender() + "/" + envelope.type().wireName(), envelope);
                if (before != null && !Signed.of(before).equals(Signed.of(envelope))) {
                    var _ = failed(
                            Check.ONCE,
                            envelope.sender() + " signed two different "
                                    + envelope.type().wireName(),
                            new Evidence(envelope.sender(), Refusal.EQUIVOCATION.name(), List.of(before, envelope)));
                    return;
                }
            }
        }
        pass(Check.ONCE, first.size() + " messages of members, none of them twice");
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
        for (Attempt earlier : all.control().attempts()) {
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
                .filter(envelope -> envelope.sender().equals(member) && Signed.is(primitives, members, envelope))
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
        for (Bytes signed : attempt.message(UnmaskRequested.class).orElseThrow().confirmations()) {
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
                confirmers(attempt).size() + " members confirmed the survivors, " + opened.threshold() + " are needed");
        return unmasking;
    }

    /// A dispute is proof if it holds a message of the coordinator that `control` has not.
    private void disputes(Directory members) {
        Map<Bytes, Envelope> known = new HashMap<>();
        for (Attempt one : all.control().attempts()) {
            one.said().forEach(said -> known.put(said.envelope().transcript(), said.envelope()));
        }
        Set<String> disputing = new TreeSet<>();
        for (Envelope envelope : inboxes) {
            if (envelope.type() != MessageType.DISPUTED || !Signed.is(primitives, members, envelope)) {
                continue;
            }
            Disputed disputed;
            try {
                disputed = Disputed.parse(envelope.payload());
            } catch (MalformedMessage e) {
                throw new IllegalStateException("it was parsed when it was verified", e);
            }
            for (Bytes signed : disputed.evidence()) {
                // Over the same transcript as another: what was signed elsewhere, or later, proves nothing.
                Optional<Envelope> other = decode(signed)
                        .filter(said -> said.sender().equals(Topics.COORDINATOR)
                                && said.type() != MessageType.REGISTRY_ENTRY
                                && said.type() != MessageType.MODEL_KEYS
                                && Signed.is(primitives, all.coordinator(), said)
                                && isOther(said, known.get(said.transcript())));
                if (other.isPresent()) {
                    var _ = failed(
                            Check.DISPUTES,
                            envelope.sender() + " holds a signed "
                                    + other.get().type().wireName()
                                    + " of the coordinator where control has another message",
                            new Evidence(
                                    Topics.COORDINATOR,
                                    Refusal.EQUIVOCATION.name(),
                                    List.of(
                                            other.get(),
                                            Objects.requireNonNull(
                                                    known.get(other.get().transcript())))));
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
                    String.join(", ", disputing) + " disputes it; what it published proves nothing by itself: ask it");
        }
    }

    private static boolean isOther(Envelope said, @Nullable Envelope known) {
        return known != null && !Signed.of(said).equals(Signed.of(known));
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
                                            && Signed.is(primitives, members, envelope))
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
        Optional<Secret> given = all.keys().roundSeed(attempt);
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
            UnmaskedSum sum = masked.unmask(survivors, unmasker, all.threads());
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
        Optional<String> differs = ServerSide.differs(opened, opened.layout().getFirst(), optimizer, before);
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

    private Optional<ModelVersion> step(Summed summed, ModelVersion before, ServerOptimizer optimizer, int members) {
        try {
            ModelVersion next = summed.recomputation().step(summed.sum(), before, ServerSide.step(optimizer, members));
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
        Optional<Secret> given = all.keys().modelKey(number, digest);
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

    private static Evidence evidence(PeerMisbehaved fault, List<Envelope> messages) {
        return new Evidence(fault.who(), fault.reason().name(), messages);
    }

    /// The attempt that made the version which this one starts from, if any did.
    private Optional<Attempt> before() {
        Attempt found = null;
        for (Attempt earlier : all.control().attempts()) {
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
            throw unchecked(check, "the log no longer holds " + type.wireName() + " of " + String.join(", ", missing));
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

    /// The checks of an attempt up to `last` that were not made.
    private void restsOn(Stop stop, Check last) {
        for (Check check : EnumSet.range(Check.PARAMETERS, last)) {
            if (!made.containsKey(check)) {
                tell(check, Outcome.UNCHECKED, "rests on " + stop.getMessage(), Optional.empty());
            }
        }
    }

    private void tell(Check check, Outcome outcome, String detail, Optional<Evidence> evidence) {
        made.put(check, outcome);
        all.told().accept(new Finding(Optional.of(place), check, outcome, detail, evidence));
    }
}
